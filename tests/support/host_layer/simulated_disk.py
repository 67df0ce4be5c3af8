"""A disk that has what was synced, and of the rest what it likes.

It is told what a program did to its files (record.py) and can say at any point what a loss of
power may leave. Nothing is taken for granted but what POSIX promises:

  * fsync and fdatasync make the bytes and the size of a file durable, and not its name
  * fsync of a folder makes the names in it durable, a rename at both its ends
  * a write through a descriptor with O_DSYNC makes its own bytes durable, and nothing before it
  * a rename, a creation, a removal happens or does not
  * an fsync that fails loses for ever what it was to make durable, and the next one succeeds
  * everything else is lost or kept in pieces: of writes, any sectors of 512 bytes; of names, any
    of the changes; a sector that is lost within a file has the bytes it had before, or zeros

LMDB writes by pwrite, as its map is read-only here, so its pages are written down like all others:
data pages first, a sync, then the page that names the new root, with O_DSYNC.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, TypeVar

from tests.support.host_layer.record import Entry, Event

SECTOR: Final = 512

T = TypeVar("T")


class Write(NamedTuple):
    """Bytes at an offset that may or may not be on the disk; None: the size was set to it."""

    offset: int
    data: bytes | None


@dataclass(eq=False)
class SimulatedFile:
    """What is surely there of a file, and what was done to it since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)

    def sync(self) -> None:
        """Everything is there."""
        for write in self.pending:
            apply_write(self.durable, write)
        self.pending.clear()

    def sync_around(self, written: Write) -> None:
        """What shares bytes with a write is there, as that write is."""
        rest = []
        for write in self.pending:
            if _overlap(write, written):
                apply_write(self.durable, write)
            else:
                rest.append(write)
        self.pending = rest

    def left(self, chance: random.Random) -> bytes:
        """What a loss of power leaves."""
        data = bytearray(self.durable)
        for write in chance.choice(LOSSES)(self.pending, chance):
            apply_write(data, write)
        return bytes(data)


@dataclass(eq=False)
class SimulatedFolder:
    """The names that are surely there, and all names as the program sees them."""

    durable: "dict[str, Node]" = field(default_factory=dict)
    names: "dict[str, Node]" = field(default_factory=dict)


Node: TypeAlias = SimulatedFile | SimulatedFolder


class Naming(NamedTuple):
    """One change of names: which name of which folder stands for what, or for nothing."""

    changes: tuple[tuple[SimulatedFolder, str, Node | None], ...]


class SimulatedDisk:
    """All that stands below one folder."""

    def __init__(self) -> None:
        self.root = SimulatedFolder()
        self.pending: list[Naming] = []

    @classmethod
    def holding(cls, folder: Path) -> "SimulatedDisk":
        """One that has the files of a folder, durably."""
        disk = cls()
        disk.root = _durable_folder(folder)
        return disk

    def take(self, entry: Entry) -> None:
        """The program did this."""
        match entry.event:
            case Event.CREATED:
                self._name(entry.path, SimulatedFile())
            case Event.MADE_FOLDER:
                self._name(entry.path, SimulatedFolder())
            case Event.UNLINKED | Event.REMOVED_FOLDER:
                self._name(entry.path, None)
            case Event.RENAMED:
                self._rename(entry.path, entry.other)
            case Event.SYNCED:
                self._sync(self._find(entry.path))
            case Event.SYNC_FAILED:
                self._forget(self._find(entry.path))
            case Event.CUT:
                self._write(entry.path, Write(entry.offset, None), durable=False)
            case Event.WRITTEN:
                self._write(entry.path, Write(entry.offset, entry.data), durable=entry.durable)

    def leave(self, place: Path, chance: random.Random) -> None:
        """Make a folder of what a loss of power leaves."""
        names = {id(self.root): dict(self.root.durable)}
        for naming in chance.choice(NAME_LOSSES)(self.pending, chance):
            for folder, name, node in naming.changes:
                seen = names.setdefault(id(folder), dict(folder.durable))
                _set(seen, name, node)
        self._leave_folder(self.root, names, place, chance)

    def _leave_folder(
        self,
        folder: SimulatedFolder,
        names: dict[int, dict[str, Node]],
        place: Path,
        chance: random.Random,
    ) -> None:
        place.mkdir(mode=0o700)
        for name, node in sorted(names.get(id(folder), folder.durable).items()):
            if isinstance(node, SimulatedFolder):
                self._leave_folder(node, names, place / name, chance)
            else:
                (place / name).write_bytes(node.left(chance))

    def _write(self, path: str, write: Write, *, durable: bool) -> None:
        file = self._find(path)
        if isinstance(file, SimulatedFile):
            file.pending.append(write)
            if durable:
                file.sync_around(write)

    def _sync(self, node: Node | None) -> None:
        if isinstance(node, SimulatedFile):
            node.sync()
        elif node is not None:
            rest = []
            for naming in self.pending:
                if all(folder is not node for folder, _, _ in naming.changes):
                    rest.append(naming)
                    continue
                for folder, name, named in naming.changes:
                    _set(folder.durable, name, named)
            self.pending = rest

    def _forget(self, node: Node | None) -> None:
        """The kernel drops what it could not write, and says so once."""
        if isinstance(node, SimulatedFile):
            node.pending.clear()
        self.pending = [
            naming
            for naming in self.pending
            if all(folder is not node for folder, _, _ in naming.changes)
        ]

    def _name(self, path: str, node: Node | None) -> None:
        folder, name = self._place(path)
        self._change(Naming(((folder, name, node),)))

    def _rename(self, path: str, other: str) -> None:
        folder, name = self._place(path)
        target, new_name = self._place(other)
        node = folder.names[name]
        self._change(Naming(((folder, name, None), (target, new_name, node))))

    def _change(self, naming: Naming) -> None:
        self.pending.append(naming)
        for folder, name, node in naming.changes:
            _set(folder.names, name, node)

    def _place(self, path: str) -> tuple[SimulatedFolder, str]:
        parent, _, name = path.rpartition("/")
        folder = self._find(parent or ".")
        assert isinstance(folder, SimulatedFolder), f"{path} is not in a folder"
        return folder, name

    def _find(self, path: str) -> Node | None:
        """What a path names; None for a file that has lost its name, while it is still open."""
        node: Node | None = self.root
        for name in path.split("/"):
            if name != ".":
                node = node.names.get(name) if isinstance(node, SimulatedFolder) else None
        return node


def apply_write(data: bytearray, write: Write) -> None:
    """Do to bytes what a write does to a file."""
    if write.data is None:
        del data[write.offset :]
        data.extend(bytes(write.offset - len(data)))
    else:
        data.extend(bytes(max(write.offset - len(data), 0)))
        data[write.offset : write.offset + len(write.data)] = write.data


def _overlap(one: Write, other: Write) -> bool:
    ends = [each.offset + len(each.data or b"") for each in (one, other)]
    return one.data is None or (one.offset < ends[1] and other.offset < ends[0])


def _everything(pending: list[T], chance: random.Random) -> Iterable[T]:
    return pending


def _nothing(pending: list[T], chance: random.Random) -> Iterable[T]:
    return ()


def _beginning(pending: list[T], chance: random.Random) -> Iterable[T]:
    return pending[: chance.randint(0, len(pending))]


def _some(pending: list[T], chance: random.Random) -> Iterable[T]:
    share = chance.choice([0.1, 0.5, 0.9])
    return [each for each in pending if chance.random() < share]


def _some_sectors(pending: list[Write], chance: random.Random) -> Iterable[Write]:
    share = chance.choice([0.1, 0.5, 0.9])
    for write in pending:
        for sector in _sectors(write):
            if chance.random() < share:
                yield sector


def _torn_end(pending: list[Write], chance: random.Random) -> Iterable[Write]:
    """All before some write, and sectors of that one."""
    count = chance.randint(0, len(pending))
    yield from pending[:count]
    if count < len(pending):
        sectors = list(_sectors(pending[count]))
        yield from sectors[: chance.randint(0, len(sectors))]


def _ends_only(pending: list[Write], chance: random.Random) -> Iterable[Write]:
    """What a filesystem leaves that writes sizes before bytes: mostly zeros."""
    for write in pending:
        yield list(_sectors(write))[-1]


def _sectors(write: Write) -> Iterable[Write]:
    if write.data is None:
        yield write
        return
    at = 0
    while at < len(write.data):
        end = min(len(write.data), at + SECTOR - (write.offset + at) % SECTOR)
        yield Write(write.offset + at, write.data[at:end])
        at = end


LOSSES: Final[tuple[Callable[[list[Write], random.Random], Iterable[Write]], ...]] = (
    _everything,
    _nothing,
    _beginning,
    _some,
    _some_sectors,
    _torn_end,
    _ends_only,
)
NAME_LOSSES: Final[tuple[Callable[[list[Naming], random.Random], Iterable[Naming]], ...]] = (
    _everything,
    _nothing,
    _beginning,
    _some,
)


def _set(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _durable_folder(folder: Path) -> SimulatedFolder:
    found = SimulatedFolder()
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            found.names[path.name] = _durable_folder(path)
        elif path.name != "lock.mdb":  # LMDB makes that one anew
            found.names[path.name] = SimulatedFile(bytearray(path.read_bytes()))
    found.durable = dict(found.names)
    return found
