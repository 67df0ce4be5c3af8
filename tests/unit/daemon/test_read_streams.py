"""Who is read ahead for, how far, and what a request that meets a window is answered with."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
import trio
import trio.testing

from daemon import read_streams
from daemon.read_streams import ReadStream, ReadStreams
from daemon.workers import Workers
from fsmodel.content.contents import Contents
from fsmodel.content.file_state import FileState
from fsmodel.content.windows import WindowPlan
from fsmodel.errors import ChunkNotFound
from fsmodel.ids import InodeId, ObjectId, PackId
from fsmodel.steps import Work
from fsmodel.store.read_ahead import OpenPack, ReadAhead
from lmdb_index.errors import IndexCorrupt

INODE = InodeId(7)
REQUEST = 128 << 10
MIB = 1 << 20
SIZE = 16 * MIB
PATTERN = bytes(range(251)) * (SIZE // 251 + 1)


@dataclass
class FakeFile:
    """What a plan looks at of a file."""

    inode: InodeId = INODE
    edits: int = 0


def _no_pack(number: PackId) -> OpenPack:
    raise FileNotFoundError(number)


@dataclass
class FakeContents:
    """One file whose bytes say where they stand."""

    size: int = SIZE
    file: FakeFile = field(default_factory=FakeFile)
    asked: list[tuple[int, int, bool]] = field(default_factory=list)
    short: int = 0  # bytes that the next window lacks at its end
    most: int = SIZE  # bytes of a window, however many are asked for
    fails: bool = False
    refused: Exception | None = None
    released: threading.Event = field(default_factory=threading.Event)
    ahead: ReadAhead = field(default_factory=lambda: ReadAhead(_no_pack))

    def plan_window(
        self, inode: InodeId, offset: int, length: int, *, guessing: bool
    ) -> WindowPlan | None:
        assert inode == INODE
        self.asked.append((offset, length, guessing))
        end = min(offset + min(length, self.most), self.size)
        if self.refused is not None:
            raise self.refused
        if offset >= end:
            return None
        short, self.short = self.short, 0

        def work() -> memoryview:
            self.released.wait()
            if self.fails:
                raise ChunkNotFound(ObjectId(bytes(32)))
            return memoryview(PATTERN)[offset : end - short]

        file = cast("FileState", self.file)
        return WindowPlan(file, self.file.edits, offset, end, Work(work, MIB))


class Reading:
    """A stream of a fake file, and its windows, which are made when the test lets them."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.contents = FakeContents()
        self.contents.released.set()
        self._nursery = nursery
        contents = cast("Contents", self.contents)
        self.streams = ReadStreams(contents, Workers(), self._start)
        self.stream = ReadStream()

    async def read(self, start: int, length: int = REQUEST) -> bytes | None:
        found = await self.streams.read(self.stream, INODE, start, start + length)
        return bytes(found) if found is not None else None

    async def settled(self) -> None:
        """Until all windows are there."""
        for window in self.stream.windows:
            await window.arrived.wait()

    async def to(self, end: int, start: int = 0) -> None:
        """Read from a place on, request by request."""
        for at in range(start, end, REQUEST):
            await self.read(at)

    def _start(self, task: Callable[..., Awaitable[None]], *arguments: object) -> None:
        self._nursery.start_soon(task, *arguments)


@pytest.fixture
def reading(nursery: trio.Nursery) -> Iterator[Reading]:
    made = Reading(nursery)
    yield made
    made.contents.released.set()


async def test_who_goes_on_where_he_was_is_read_ahead_for(reading: Reading) -> None:
    assert await reading.read(0) is None
    assert reading.contents.asked == []
    assert await reading.read(REQUEST) is None
    assert reading.contents.asked == [(2 * REQUEST, read_streams.WINDOW_BYTES_MIN, True)]
    assert await reading.read(2 * REQUEST) == PATTERN[2 * REQUEST : 3 * REQUEST]


async def test_the_whole_file_comes_from_windows(reading: Reading) -> None:
    for at in range(0, SIZE, REQUEST):
        found = await reading.read(at)
        assert found == (PATTERN[at : at + REQUEST] if at >= 2 * REQUEST else None)
        ahead = reading.stream.ahead_to - at
        assert ahead <= read_streams.AHEAD_BYTES_MAX + read_streams.WINDOW_BYTES_MAX
    offsets = [offset for offset, _, _ in reading.contents.asked if offset < SIZE]
    assert offsets == sorted(set(offsets))  # nothing is brought twice
    assert max(length for _, length, _ in reading.contents.asked) == read_streams.WINDOW_BYTES_MAX


@pytest.mark.parametrize("request_bytes", [REQUEST, 3 * REQUEST, MIB])
async def test_windows_end_where_requests_do(reading: Reading, request_bytes: int) -> None:
    phase = 5 * 4096  # as when somebody has begun with a few pages
    await reading.read(0, phase)
    for at in range(phase, SIZE - request_bytes, request_bytes):
        await reading.read(at, request_bytes)
    asked = [offset + length for offset, length, _ in reading.contents.asked][1:]
    assert asked
    assert {(end - phase) % request_bytes for end in asked} == {0}


async def test_windows_that_turn_out_shorter_leave_no_gap(reading: Reading) -> None:
    reading.contents.most = 300_000
    await reading.to(8 * MIB)
    asked = reading.contents.asked
    assert max(length for _, length, _ in asked) > 300_000
    ends = [offset + min(length, 300_000) for offset, length, _ in asked]
    assert [offset for offset, _, _ in asked[1:]] == ends[:-1]


async def test_a_request_across_two_windows_is_joined(reading: Reading) -> None:
    await reading.to(2 * MIB)
    first = reading.stream.windows[0]
    at = first.end - 5
    assert await reading.read(at, 10) == PATTERN[at : at + 10]


async def test_who_reads_here_and_there_is_not_read_ahead_for(reading: Reading) -> None:
    for at in (5 * MIB, MIB, 9 * MIB, 3 * MIB):
        assert await reading.read(at) is None
    assert reading.contents.asked == []


async def test_who_goes_elsewhere_loses_his_windows(reading: Reading) -> None:
    await reading.to(MIB)
    assert reading.stream.windows
    assert await reading.read(12 * MIB) is None
    assert reading.stream.windows == ()


async def test_a_request_waits_for_a_window_on_its_way(reading: Reading) -> None:
    reading.contents.released.clear()
    await reading.to(2 * REQUEST)
    answers: list[bytes | None] = []
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            answers.append(await reading.read(2 * REQUEST))

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert answers == []
        reading.contents.released.set()
    assert answers == [PATTERN[2 * REQUEST : 3 * REQUEST]]


async def test_changed_bytes_are_not_taken_from_a_window(reading: Reading) -> None:
    await reading.to(MIB)
    reading.contents.file.edits += 1
    assert await reading.read(MIB) is None


async def test_what_cannot_be_read_is_left_to_the_request(reading: Reading) -> None:
    reading.contents.fails = True
    await reading.to(2 * REQUEST)
    await reading.settled()
    assert await reading.read(2 * REQUEST) is None


@pytest.mark.parametrize(
    "refused", [ChunkNotFound(ObjectId(bytes(32))), IndexCorrupt("index table object, row 02")]
)
async def test_a_place_that_is_not_known_is_left_to_the_request(
    reading: Reading, refused: Exception
) -> None:
    reading.contents.refused = refused
    await reading.to(4 * REQUEST)
    assert reading.stream.windows == ()


async def test_what_was_guessed_wrongly_is_in_another_window(reading: Reading) -> None:
    reading.contents.short = 1000
    reading.contents.released.clear()
    await reading.to(2 * REQUEST)
    start, end = 2 * REQUEST, 2 * REQUEST + read_streams.WINDOW_BYTES_MIN
    reading.contents.released.set()
    for at in range(start, end, REQUEST):
        assert await reading.read(at) == PATTERN[at : at + REQUEST]
    assert reading.contents.asked[0] == (start, end - start, True)
    assert (end - 1000, 1000, True) in reading.contents.asked
    assert not [length for _, length, guessing in reading.contents.asked if not guessing]


async def test_after_a_bad_guess_none_is_made_for_a_while(reading: Reading) -> None:
    reading.contents.short = read_streams.WINDOW_BYTES_MIN - 1000
    await reading.to(2 * REQUEST)
    await reading.settled()
    await reading.to(SIZE, 2 * REQUEST)
    guesses = [guessing for _, _, guessing in reading.contents.asked]
    careful = read_streams.CAREFUL_WINDOWS
    assert guesses[: careful + 2] == [True, *[False] * careful, True]
    assert reading.contents.asked[1][:2] == (
        2 * REQUEST + 1000,
        reading.contents.asked[0][1] - 1000,
    )


async def test_a_window_that_has_nothing_is_left_to_the_request(reading: Reading) -> None:
    reading.contents.short = read_streams.WINDOW_BYTES_MIN
    await reading.to(2 * REQUEST)
    await reading.settled()
    assert len(reading.contents.asked) == 1
    assert await reading.read(2 * REQUEST) is None


async def test_nobody_is_brought_what_he_has_left(reading: Reading) -> None:
    reading.contents.short = 1000
    reading.contents.released.clear()
    await reading.to(2 * REQUEST)
    (window,) = reading.stream.windows
    assert await reading.read(12 * MIB) is None
    reading.contents.released.set()
    await window.arrived.wait()
    assert len(reading.contents.asked) == 1
    assert reading.stream.windows == ()


@pytest.mark.parametrize("more", [0, 4096])
async def test_what_the_kernel_has_may_be_left_out(reading: Reading, more: int) -> None:
    at = REQUEST + read_streams.GAP_BYTES_MAX + more
    await reading.read(0)
    await reading.read(at)
    window = (at + REQUEST, read_streams.WINDOW_BYTES_MIN, True)
    assert reading.contents.asked == ([] if more else [window])


async def test_streams_together_hold_a_bounded_number_of_bytes(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_streams, "HELD_BYTES_MAX", 5 * MIB)
    streams: list[ReadStream] = []
    for _ in range(4):
        reading.stream = ReadStream()
        streams.append(reading.stream)
        await reading.to(2 * MIB)
        assert sum(stream.held_bytes for stream in streams) <= 5 * MIB + MIB
    assert streams[0].windows == ()
    assert streams[-1].windows


async def test_a_closed_file_holds_nothing(reading: Reading) -> None:
    await reading.to(2 * MIB)
    reading.streams.end(reading.stream)
    assert reading.stream.held_bytes == 0


async def test_who_reads_here_and_there_is_noted_and_no_more(reading: Reading) -> None:
    for at in (7 * MIB, 3 * MIB, 9 * MIB):
        assert reading.stream.jumps(at, 4096)
    assert await reading.read(9 * MIB + 4096) is None  # goes on behind: that is in order
    assert reading.contents.asked != []


@pytest.mark.parametrize(("start", "length"), [(MIB + 4096, 4096), (9 * MIB, MIB)])
async def test_what_windows_may_help_is_not_a_jump(
    reading: Reading, start: int, length: int
) -> None:
    assert reading.stream.jumps(MIB, 4096)
    assert not reading.stream.jumps(start, length)
    await reading.to(MIB)
    assert not reading.stream.jumps(9 * MIB, 4096)  # there are windows, which it is to leave
