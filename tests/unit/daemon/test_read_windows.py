"""Streams of a real volume: windows that threads fill give the bytes of the file, or none."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from daemon import read_streams, read_windows
from daemon.read_streams import ReadStream, ReadStreams
from daemon.read_windows import Window
from daemon.workers import Workers
from fsmodel.ids import InodeId
from fsmodel.store import read_ahead
from fsmodel.volume import Volume
from tests.support.volumes import (
    NO_CACHE,
    damage,
    make_store,
    noise,
    opened,
    parts_of,
    runs_of,
    settled_file,
)

REQUEST = 8 << 10
DATA = noise(300_000)
RUNS = runs_of(DATA)
STARTS = [sum(run.size for run in RUNS[:n]) for n in range(len(RUNS))]
PIECES = [DATA[at : at + 20_000] for at in range(0, len(DATA), 20_000)]


@pytest.fixture(autouse=True)
def _windows_of_small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_streams, "WINDOW_BYTES_MIN", 2 * REQUEST)
    monkeypatch.setattr(read_streams, "WINDOW_BYTES_MAX", 4 * REQUEST)
    monkeypatch.setattr(read_streams, "AHEAD_BYTES_MAX", 8 * REQUEST)
    monkeypatch.setattr(read_streams, "LARGE_BYTES", REQUEST)
    monkeypatch.setattr(read_streams, "GAP_BYTES_MAX", REQUEST)


class Reading:
    """Files of a volume, read as the daemon reads them."""

    def __init__(self, volume: Volume, nursery: trio.Nursery) -> None:
        self.volume = volume
        self._nursery = nursery
        self.streams = ReadStreams(volume.contents, Workers(), self._start)
        self.begun: list[Callable[..., Awaitable[None]]] = []

    def open(self, name: bytes, data: bytes) -> InodeId:
        inode = settled_file(self.volume, name, data)
        self.volume.open_file(inode, writing=True)
        return inode

    async def read(self, inode: InodeId, size: int) -> dict[int, bytes | None]:
        """What each request is answered with by its offset, None where windows do not have it."""
        stream = ReadStream()
        found: dict[int, bytes | None] = {}
        for at in range(0, size, REQUEST):
            data = await self.streams.read(stream, inode, at, min(at + REQUEST, size))
            found[at] = None if data is None else bytes(data)
        self.streams.end(stream)
        return found

    def _start(self, task: Callable[..., Awaitable[None]], *arguments: object) -> None:
        self.begun.append(task)
        self._nursery.start_soon(task, *arguments)


def missing(found: dict[int, bytes | None], data: bytes) -> list[int]:
    """Which requests windows did not have; all others have the bytes of the file."""
    for at, part in found.items():
        assert part in (None, data[at : at + REQUEST])
    return [at for at, part in found.items() if part is None]


@pytest.fixture
async def reading(tmp_path: Path) -> AsyncIterator[Reading]:
    with opened(make_store(tmp_path / "store"), NO_CACHE) as volume:
        async with trio.open_nursery() as nursery:
            yield Reading(volume, nursery)
            nursery.cancel_scope.cancel()


async def test_threads_bring_the_whole_file(reading: Reading) -> None:
    inode = reading.open(b"file", DATA)
    before = parts_of(reading.volume).reader.ahead.counts()
    found = await reading.read(inode, len(DATA))
    assert missing(found, DATA) == []
    assert parts_of(reading.volume).reader.ahead.counts()[0] - before[0] >= len(RUNS)
    assert {task.__name__ for task in reading.begun} == {"_listen"}


async def test_the_index_is_asked_once(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    inode = reading.open(b"file", DATA)
    contents, planned = reading.volume.contents, list[int]()
    plan = contents.plan_window

    def noted(file: InodeId, offset: int, length: int, *, guessing: bool) -> object:
        planned.append(offset)
        return plan(file, offset, length, guessing=guessing)

    monkeypatch.setattr(contents, "plan_window", noted)
    await reading.read(inode, len(DATA))
    assert [at for at in planned if at < len(DATA)] == [0]


async def test_without_the_extension_workers_do_it(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "extension_is_usable", lambda: False)
    parts_of(reading.volume).reader.ahead.close()
    inode = reading.open(b"file", DATA)
    found = await reading.read(inode, len(DATA))
    assert missing(found, DATA) == []
    assert {task.__name__ for task in reading.begun} == {"_work"}


async def test_a_file_whose_pieces_lie_here_and_there(reading: Reading) -> None:
    reading.open(b"first", DATA)
    turned = b"".join(PIECES[n] for n in (5, 3, 9, 1, 0, 7, 2, 14, 13, 12, 6))
    inode = reading.open(b"turned", turned)
    found = await reading.read(inode, len(turned))
    assert missing(found, turned) == []


async def test_a_file_part_of_which_is_text(reading: Reading) -> None:
    text = b"".join(b"line %d of a text that compresses\n" % number for number in range(3_000))
    data = DATA[:90_000] + text + DATA[90_000:]
    inode = reading.open(b"file", data)
    found = await reading.read(inode, len(data))
    assert missing(found, data) == []
    assert {task.__name__ for task in reading.begun} == {"_listen", "_work"}


async def test_only_what_is_damaged_is_left_to_the_request(reading: Reading) -> None:
    inode = reading.open(b"file", DATA)
    hurt = next(n for n, start in enumerate(STARTS) if start > 100_000)
    mend = damage(reading.volume, RUNS[hurt].id)
    found = await reading.read(inode, len(DATA))
    mend()
    low, high = STARTS[hurt], STARTS[hurt] + RUNS[hurt].size
    touched = {at for at in found if at < high and at + REQUEST > low}
    assert touched
    left = missing(found, DATA)
    assert touched <= set(left)
    assert len(left) <= len(touched) + 4  # what is in the same window


async def test_streams_side_by_side(reading: Reading) -> None:
    inodes = [reading.open(b"%d" % n, DATA[n:]) for n in range(4)]
    found: dict[int, list[int]] = {}

    async def follow(number: int) -> None:
        parts = await reading.read(inodes[number], len(DATA) - number)
        found[number] = missing(parts, DATA[number:])

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(follow, number)
    assert found == {number: [] for number in range(4)}


async def test_several_requests_wait_for_one_window(reading: Reading) -> None:
    inode = reading.open(b"file", DATA)
    stream = ReadStream()
    found: dict[int, object] = {}

    async def ask(at: int) -> None:
        data = await reading.streams.read(stream, inode, at, at + REQUEST)
        found[at] = None if data is None else bytes(data)

    for first in range(0, 30 * REQUEST, 3 * REQUEST):
        async with trio.open_nursery() as nursery:
            for at in range(first, first + 3 * REQUEST, REQUEST):
                nursery.start_soon(ask, at)
                await trio.testing.wait_all_tasks_blocked()  # so that they come in order
    assert [at for at, data in found.items() if data != DATA[at : at + REQUEST]] == []


async def test_changed_bytes_are_not_taken_from_windows(reading: Reading) -> None:
    inode = reading.open(b"file", DATA)
    stream = ReadStream()
    for at in range(0, 4 * REQUEST, REQUEST):
        await reading.streams.read(stream, inode, at, at + REQUEST)
    reading.volume.write(inode, 4 * REQUEST + 5, b"changed")
    assert await reading.streams.read(stream, inode, 4 * REQUEST, 5 * REQUEST) is None


async def test_who_goes_elsewhere_is_not_waited_for(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    inode = reading.open(b"file", DATA)
    stream, dropped = ReadStream(), list[int]()
    drop = read_windows.Windows.drop

    def noted(self: read_windows.Windows, window: Window) -> None:
        dropped.append(window.start)
        drop(self, window)

    monkeypatch.setattr(read_windows.Windows, "drop", noted)
    for at in range(0, 4 * REQUEST, REQUEST):
        await reading.streams.read(stream, inode, at, at + REQUEST)
    ahead = [window.start for window in stream.windows]
    at = 30 * REQUEST
    data = await reading.streams.read(stream, inode, at, at + REQUEST)
    assert data is not None
    assert bytes(data) == DATA[at : at + REQUEST]
    assert (dropped, [window.start for window in stream.windows]) == (ahead, [at])
