"""Requests are counted by kind, with how long they took, their bytes and their errors."""

import errno
from collections.abc import Iterator

import pyfuse3
import pytest

from daemon.operation_tallies import OperationTally, Tallies, tallied
from daemon.routing import RoutedOperations


class Handlers:
    """Some handlers, and what is none."""

    async def read(self, size: int) -> bytes:
        return bytes(size)

    async def write(self, size: int) -> int:
        return size

    async def unlink(self, number: int) -> None:
        if number:
            raise pyfuse3.FUSEError(number)

    async def statfs(self) -> None:
        raise ZeroDivisionError

    def plain(self) -> int:
        return 1


class Clock:
    """Moves on by the next of some steps each time it is looked at."""

    def __init__(self, *steps_ns: int) -> None:
        self._steps: Iterator[int] = iter(steps_ns)
        self._now = 0

    def __call__(self) -> int:
        self._now += next(self._steps)
        return self._now


def test_handlers_are_tallied_and_nothing_else() -> None:
    handlers = Handlers()
    assert set(tallied(handlers)) == {"read", "write", "unlink", "statfs"}
    assert handlers.plain() == 1
    assert Handlers.read is type(handlers).read


def test_every_handler_that_the_mount_has_is_tallied() -> None:
    routed = RoutedOperations.__new__(RoutedOperations)
    own = {name for name in vars(RoutedOperations) if not name.startswith("_")}
    attributes = {"supports_dot_lookup", "enable_writeback_cache", "enable_acl"}
    assert set(tallied(routed)) == own - attributes


async def test_bytes_that_came_and_went_are_counted() -> None:
    handlers = Handlers()
    tallies = tallied(handlers)
    for size in (3, 4):
        assert await handlers.read(size) == bytes(size)
        assert await handlers.write(10 * size) == 10 * size
    assert (tallies["read"].bytes, tallies["write"].bytes) == (7, 70)
    assert (tallies["read"].started, tallies["read"].ended) == (2, 2)


@pytest.mark.parametrize(
    ("took_ns", "exponent"), [(0, 1), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1 << 40, 40)]
)
async def test_a_request_counts_in_the_class_of_its_time(took_ns: int, exponent: int) -> None:
    handlers = Handlers()
    tally = tallied(handlers, Clock(100, took_ns))["write"]
    await handlers.write(0)
    assert tally.total_ns == took_ns
    assert tally.at_most(exponent) == 1
    assert tally.at_most(exponent - 1) == 0 or exponent == 0


async def test_errors_are_counted_by_their_number_and_raised_as_such(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handlers = Handlers()
    tallies = tallied(handlers)
    for number in (errno.ENOENT, errno.ENOENT, errno.EIO):
        with pytest.raises(pyfuse3.FUSEError):
            await handlers.unlink(number)
    with pytest.raises(pyfuse3.FUSEError) as raised:
        await handlers.statfs()  # a mistake of ours
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert caplog.records[-1].exc_info is not None
    caplog.clear()
    assert tallies["unlink"].errors == {"ENOENT": 2, "EIO": 1}
    assert tallies["unlink"].ended == 3
    assert tallies["statfs"].errors == {"EIO": 1}


async def test_a_request_that_is_not_answered_yet_is_in_flight() -> None:
    seen: list[tuple[int, int]] = []

    class Nosy:
        async def read(self, tallies: Tallies) -> bytes:
            tally: OperationTally = tallies["read"]
            seen.append((tally.started, tally.ended))
            return b""

    nosy = Nosy()
    tallies = tallied(nosy)
    await nosy.read(tallies)
    assert seen == [(1, 0)]
