"""Threads that were told to look a name up again, as a document was somebody else's.

Each finds a twin of its own then, and the same one until it is opened: the kernel may look twice.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fsmodel.ids import InodeId

SENT_BACK_NS: Final = 10 * 10**9  # for how long a thread is expected to look a name up again
SENT_BACK_MAX: Final = 1000  # threads

NOTHING: Final = InodeId(0)  # no inode has this number


@dataclass(eq=False, slots=True)
class SentBackThread:
    """A thread that is expected to look a name up again."""

    at_ns: int
    twin: InodeId = NOTHING  # what it has found then


class SentBackThreads:
    """Remembers a bounded number of them. Owner: the thread that owns the index."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._threads: OrderedDict[int, SentBackThread] = OrderedDict()

    def add(self, thread: int) -> None:
        """Expect a thread; 0 stands for none that is known."""
        if thread:
            self._threads[thread] = SentBackThread(self._now_ns())
            if len(self._threads) > SENT_BACK_MAX:
                self._threads.popitem(last=False)

    def find(self, thread: int) -> SentBackThread | None:
        """A thread that is expected still."""
        found = self._threads.get(thread)
        if found is not None and self._now_ns() - found.at_ns > SENT_BACK_NS:
            del self._threads[thread]
            return None
        return found

    def arrived(self, thread: int) -> None:
        """A thread has opened what it was to find."""
        self._threads.pop(thread, None)
