"""Listing a stored directory: what is made ready is what would have been read, or is not told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pyfuse3
import pytest

from daemon.handles import DirectoryHandle
from daemon.stored_listings import StoredListings
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import ROOT_CREATOR
from fsmodel.volume import Volume
from tests.support.volumes import noise, settled_file

FILES = 20
AT_ONCE = 6


@dataclass
class Buffer:
    """The kernel's, with room for so many entries; what was told of each."""

    room: int
    told: list[tuple[bytes, int, int]] = field(default_factory=list)  # name, inode, size
    cookie: int = 0


@pytest.fixture(autouse=True)
def _into_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(buffer: Buffer, name: bytes, entry: pyfuse3.EntryAttributes, cookie: int) -> bool:
        if not buffer.room:
            return False
        buffer.room -= 1
        buffer.told.append((name, entry.st_ino, entry.st_size))
        buffer.cookie = cookie
        return True

    monkeypatch.setattr(pyfuse3, "readdir_reply", reply)


@pytest.fixture
def folder(volume: Volume) -> InodeId:
    folder = volume.make_directory(ROOT_INODE, b"folder", 0o755, ROOT_CREATOR)
    for number in range(FILES):
        make_file(volume, folder, b"%02d" % number)
    return folder


def make_file(volume: Volume, folder: InodeId, name: bytes) -> InodeId:
    inode = volume.create_file(folder, name, 0o644, ROOT_CREATOR)
    volume.close_file(inode, writing=True)
    return inode


class Reader:
    """Reads a folder, and has the listing's tasks run whenever it wants."""

    def __init__(self, volume: Volume, folder: InodeId) -> None:
        self._tasks: list[tuple[Callable[..., Awaitable[None]], Any]] = []
        self._listings = StoredListings(volume, lambda *task: self._tasks.append(task))
        self.handle = DirectoryHandle(folder, volume.listing_limit(folder))
        self._at = 0
        self.told: list[tuple[bytes, int, int]] = []

    @property
    def names(self) -> list[bytes]:
        return [name for name, _, _ in self.told]

    def go_on(self, entries: int = AT_ONCE) -> bool:
        """Read so many more; False at the end."""
        buffer = Buffer(entries, cookie=self._at)
        ended = self._listings.tell(self.handle, self._at, buffer)  # type: ignore[arg-type]
        self.told += buffer.told
        self._at = buffer.cookie
        return not ended

    async def idle(self) -> None:
        """Let everything be made ready."""
        while self._tasks:
            task, handle = self._tasks.pop()
            await task(handle)


def expected(volume: Volume, folder: InodeId) -> list[bytes]:
    limit = volume.listing_limit(folder)
    return [b".", b"..", *(entry.name for entry in volume.list_entries(folder, 2, limit))]


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, FILES + 2, FILES + 3])
async def test_what_is_ready_is_what_would_have_been_read(
    volume: Volume, folder: InodeId, at_once: int
) -> None:
    ready, plain = Reader(volume, folder), Reader(volume, folder)
    while ready.go_on(at_once):
        await ready.idle()
    while plain.go_on(at_once):
        pass
    assert ready.told == plain.told
    assert ready.names == expected(volume, folder)


async def test_entries_are_ready_and_told_without_another_look(
    volume: Volume, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(volume, folder)
    reader.go_on()
    await reader.idle()
    monkeypatch.setattr(volume, "list_attributes", lambda *_: iter(()))
    reader.go_on()
    # as many as were asked for first, without "." and ".."
    assert reader.names == expected(volume, folder)[: AT_ONCE + AT_ONCE - 1]


@pytest.mark.parametrize("size", [2, 9])
async def test_a_larger_or_smaller_request_gets_what_follows(
    volume: Volume, folder: InodeId, size: int
) -> None:
    reader = Reader(volume, folder)
    reader.go_on()
    await reader.idle()
    while reader.go_on(size):
        await reader.idle()
    assert reader.names == expected(volume, folder)


async def test_what_has_changed_meanwhile_is_read_again(volume: Volume, folder: InodeId) -> None:
    reader = Reader(volume, folder)
    reader.go_on()
    await reader.idle()
    gone, changed = b"05", volume.lookup(folder, b"06")
    volume.unlink(folder, gone)
    volume.set_attributes(changed, AttributeChange(uid=7))
    reader.go_on()
    assert gone not in reader.names
    assert reader.handle.in_vain
    await reader.idle()
    assert reader.handle.ready is None  # who changes what he lists gets nothing made ready
    while reader.go_on():
        pass
    assert reader.names == expected(volume, folder)


async def test_an_open_file_says_itself_how_long_it_is(volume: Volume, folder: InodeId) -> None:
    reader = Reader(volume, folder)
    reader.go_on()
    await reader.idle()
    inode = volume.lookup(folder, b"07")
    volume.open_file(inode, writing=True)
    generation = volume.generation
    volume.write(inode, 0, b"longer", privileged=True)
    assert volume.generation == generation  # nothing is recorded yet
    while reader.go_on():
        await reader.idle()
    assert (b"07", inode, 6) in reader.told
    assert reader.names == expected(volume, folder)


async def test_the_sizes_of_settled_files_are_ready(volume: Volume) -> None:
    folder = volume.make_directory(ROOT_INODE, b"folder", 0o755, ROOT_CREATOR)
    for number in range(2 * AT_ONCE):
        inode = settled_file(volume, b"%d" % number, noise(100 + number, number))
        volume.link(inode, folder, b"%d" % number)
    reader = Reader(volume, folder)
    while reader.go_on(4):
        await reader.idle()
    sizes = {int(name): size for name, _, size in reader.told[2:]}
    assert sizes == {number: 100 + number for number in range(2 * AT_ONCE)}


async def test_what_fails_while_it_is_made_ready_is_for_who_asks(
    volume: Volume, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    reader = Reader(volume, folder)
    reader.go_on()
    with monkeypatch.context() as broken:
        broken.setattr(volume, "read_entries", fail)
        await reader.idle()
    assert reader.handle.ready is None
    while reader.go_on():
        pass
    assert reader.names == expected(volume, folder)


async def test_the_root_hides_some_entries_and_gets_none_ready(volume: Volume) -> None:
    for number in range(2 * AT_ONCE):
        make_file(volume, ROOT_INODE, b"%02d" % number)
    reader = Reader(volume, ROOT_INODE)
    while reader.go_on():
        await reader.idle()
        assert reader.handle.ready is None
    assert reader.names == expected(volume, ROOT_INODE)


async def test_each_entry_that_was_told_is_held(
    volume: Volume, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[InodeId] = []
    monkeypatch.setattr(volume, "hold_each", held.extend)
    reader = Reader(volume, folder)
    while reader.go_on():
        await reader.idle()
    assert [inode for _, inode, _ in reader.told[2:]] == held
