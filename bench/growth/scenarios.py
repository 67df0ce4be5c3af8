"""What a store holds when it is measured, and filling it, in this process and without a mount.

Filling through the model takes a fifth of the time that filling through a mount takes, and leaves
the same store: a million files are there in minutes.
"""

import random
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.steps import run_inline
from fsmodel.volume import Volume

FOLDER_FILES: Final = 1000  # in each folder, where nothing else is said
FILE_BYTES: Final = 1024
DISK_BYTES_PER_FILE: Final = 3000  # content, rows and journal; seen: 1,400 once all is at rest
SNAPSHOT_BYTES: Final = 50_000  # seen with 10,000 files
SNAPSHOT_FOLDER_FILES: Final = 100
PIECE_BYTES: Final = 4 << 20
REPEATED_PIECES: Final = 16  # different ones, of which all that repeats is made
GB: Final = 10**9
BIG_FILE_BYTES: Final = 1 << 30
DEEP_FOLDERS: Final = 50  # chains side by side
OWNER: Final = Creator(uid=0, gid=0)
REPORT_EVERY: Final = 50_000

Report = Callable[[str], None]


class Kind(StrEnum):
    """In which way a store is large."""

    FILES = "files"
    BYTES = "bytes"
    DEPTH = "depth"
    WIDTH = "width"
    SNAPSHOTS = "snapshots"


class Scenario(msgspec.Struct, frozen=True):
    """One store: in which way it is large, and how much.

    `amount` counts files, GB, levels, entries of one folder, or snapshots. Of GB, `repeated`
    percent are bytes that are stored already. Work is measured in `work_folder`, and on some of
    the files that are there.
    """

    kind: Kind
    amount: int
    repeated: int = 0

    @property
    def name(self) -> str:
        """As a folder is called."""
        return f"{self.kind}-{self.amount}" + (f"-{self.repeated}" if self.repeated else "")

    @property
    def disk_bytes(self) -> int:
        """About how much room the store needs, with all that is there while it is made."""
        unique = self.amount * GB * (100 - self.repeated) // 100 if self.kind is Kind.BYTES else 0
        snapshots = self.amount * SNAPSHOT_BYTES if self.kind is Kind.SNAPSHOTS else 0
        return unique + snapshots + self.files * DISK_BYTES_PER_FILE

    @property
    def files(self) -> int:
        """How many small files it has."""
        match self.kind:
            case Kind.FILES | Kind.WIDTH:
                return self.amount
            case Kind.DEPTH:
                return DEEP_FOLDERS * 20
            case Kind.BYTES | Kind.SNAPSHOTS:
                return 10 * FOLDER_FILES

    @property
    def folders(self) -> int:
        """How many folders hold them."""
        match self.kind:
            case Kind.WIDTH:
                return 1
            case Kind.DEPTH:
                return DEEP_FOLDERS
            case _:
                return -(-self.files // FOLDER_FILES)

    def members(self, folder: int) -> range:
        """The numbers of the files in a folder, by its number."""
        if self.kind is Kind.WIDTH:
            return range(self.files)
        if self.kind is Kind.DEPTH:
            return range(folder, self.files, DEEP_FOLDERS)
        first = folder * FOLDER_FILES
        return range(first, min(first + FOLDER_FILES, self.files))

    def folder_of(self, number: int) -> str:
        """Where a file lies, by its number."""
        match self.kind:
            case Kind.WIDTH:
                return "wide"
            case Kind.DEPTH:
                below = "/".join(["level"] * (self.amount - 1))
                return f"deep{number % DEEP_FOLDERS:03d}/{below}".rstrip("/")
            case _:
                return f"{number // FOLDER_FILES:06d}"

    def path_of(self, number: int) -> str:
        """A file's path below the mount, by its number."""
        return f"{self.folder_of(number)}/{number:08d}"

    @property
    def work_folder(self) -> str:
        """Where files are created, renamed and removed: the large folder, or the deepest."""
        return self.folder_of(0) if self.kind in {Kind.WIDTH, Kind.DEPTH} else "work"


def populate(store: Path, scenario: Scenario, report: Report) -> None:
    """Make a store that holds what the scenario says. Raises CairnError."""
    Volume.create(store, plain=True)
    volume = Volume.open(store)
    try:
        filler = _Filler(volume)
        for number in range(scenario.files):
            filler.add(scenario.path_of(number), number)
            if number % REPORT_EVERY == REPORT_EVERY - 1:
                report(f"{scenario.name}: {number + 1} of {scenario.files} files")
        filler.folder("work")
        if scenario.kind is Kind.BYTES:
            filler.add_bytes(scenario.amount * GB, scenario.repeated)
        if scenario.kind is Kind.SNAPSHOTS:
            filler.add_snapshots(scenario.amount)
    finally:
        volume.close()


class _Filler:
    """Adds to a store that this process has open."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._random = random.Random(1)
        self._folders: dict[str, InodeId] = {"": ROOT_INODE}

    def folder(self, path: str) -> InodeId:
        """A folder, made with those above it where it is new."""
        known = self._folders.get(path)
        if known is None:
            above, _, name = path.rpartition("/")
            known = self._volume.make_directory(self.folder(above), name.encode(), 0o755, OWNER)
            self._folders[path] = known
        return known

    def add(self, path: str, number: int) -> None:
        """A small file that is like no other."""
        parent, _, name = path.rpartition("/")
        self._write(self.folder(parent), name, [self._random.randbytes(FILE_BYTES)])

    def add_bytes(self, count: int, repeated: int) -> None:
        """Files of 1 GiB at most, of random bytes, so many percent of which are there twice."""
        for number in range(-(-count // BIG_FILE_BYTES)):
            size = min(BIG_FILE_BYTES, count - number * BIG_FILE_BYTES)
            self._write(self.folder("big"), f"{number:04d}", self._pieces(size, repeated))

    def add_snapshots(self, count: int) -> None:
        """Snapshots, each after a file has come in a folder that is not large."""
        for number in range(count):
            folder = self.folder(f"changing/{number // SNAPSHOT_FOLDER_FILES:06d}")
            self._write(folder, f"{number:08d}", [b"%d" % number])
            run_inline(self._volume.snapshots.create(b"s%06d" % number))
            self._checkpoint()

    def _pieces(self, size: int, repeated: int) -> Iterator[bytes]:
        for number, at in enumerate(range(0, size, PIECE_BYTES)):
            again = (number + 1) * repeated // 100 > number * repeated // 100
            piece = self._repeating(number) if again else self._random.randbytes(PIECE_BYTES)
            yield piece[: size - at]

    def _repeating(self, number: int) -> bytes:
        """One of a few pieces, the same ones whenever they are asked for."""
        return random.Random(number % REPEATED_PIECES).randbytes(PIECE_BYTES)

    def _write(self, parent: InodeId, name: str, pieces: Iterator[bytes] | list[bytes]) -> None:
        volume, offset = self._volume, 0
        inode = volume.create_file(parent, name.encode(), 0o644, OWNER)
        for piece in pieces:
            volume.write(inode, offset, piece)
            offset += len(piece)
            if offset > PIECE_BYTES:
                run_inline(volume.contents.settle(inode, whole=False))
                self._checkpoint()
        run_inline(volume.contents.settle(inode))
        volume.close_file(inode, writing=True)
        self._checkpoint()

    def _checkpoint(self) -> None:
        if self._volume.needs_checkpoint:
            self._volume.checkpoint()
