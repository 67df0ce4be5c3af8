"""Threads that are expected to look a name up again: for a while, and a bounded number."""

from fsmodel.documents.sent_back import SENT_BACK_MAX, SENT_BACK_NS, SentBackThreads


class Moment:
    """A clock that stands still."""

    ns = 1

    def now(self) -> int:
        return self.ns


def test_a_thread_is_expected_until_it_arrives() -> None:
    threads = SentBackThreads(Moment().now)
    threads.add(7)
    assert threads.find(7) is threads.find(7) is not None
    assert threads.find(8) is None
    threads.arrived(7)
    threads.arrived(8)
    assert threads.find(7) is None


def test_a_thread_that_is_late_is_as_any_other() -> None:
    moment = Moment()
    threads = SentBackThreads(moment.now)
    threads.add(7)
    moment.ns += SENT_BACK_NS
    assert threads.find(7) is not None
    moment.ns += 1
    assert threads.find(7) is None
    moment.ns -= 1
    assert threads.find(7) is None


def test_the_longest_expected_are_forgotten_and_nobody_is_no_thread() -> None:
    threads = SentBackThreads(Moment().now)
    for thread in range(SENT_BACK_MAX + 2):
        threads.add(thread)
    assert threads.find(0) is None
    assert threads.find(1) is None
    assert threads.find(2) is not None
    assert threads.find(SENT_BACK_MAX + 1) is not None
