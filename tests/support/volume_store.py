"""A store in a folder, with a volume open on it: written, read, killed and checked by tests."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.settings import VolumeSettings
from fsmodel.steps import Steps, run_inline
from fsmodel.upkeep.findings import Part
from fsmodel.upkeep.garbage import GcReport
from fsmodel.versions.policy import NO_VERSIONS
from fsmodel.volume import Volume

USER = Creator(uid=1000, gid=100)
SMALL_PACKS = VolumeSettings(pack_bytes_max=256 << 10, versions=NO_VERSIONS)
CHUNK_BYTES = 16_000  # less than the smallest chunk may have: always one


def random_bytes(seed: object, size: int = CHUNK_BYTES) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(repr(seed)).randbytes(size)


class VolumeStore:
    """A store and what its files must hold. Packs are small, so that there are several."""

    def __init__(self, folder: Path, settings: VolumeSettings = SMALL_PACKS) -> None:
        self._folder = folder
        self._lives = 0
        self._settings = settings
        self.store = folder / "0"
        self.expected: dict[bytes, bytes] = {}
        Volume.create(self.store, plain=True)
        self._open()

    def _open(self) -> None:
        self.volume = Volume.open(self.store, settings=self._settings)
        run_inline(self.volume.settle_leftovers())

    # Files

    def write(self, name: bytes, data: bytes, *, settle: bool = True) -> InodeId:
        """Make a file or replace its bytes; unsettled, it stays open."""
        if name in self.expected:
            inode = self.volume.lookup(ROOT_INODE, name)
        else:
            inode = self.volume.make_node(ROOT_INODE, name, 0o100644, 0, USER)
        self.volume.open_file(inode, writing=True)
        self.volume.truncate(inode, 0)
        self.volume.write(inode, 0, data)
        self.expected[name] = data
        if settle:
            self.settle(inode)
        return inode

    def settle(self, inode: InodeId) -> None:
        """Chunk what was written, and close the file."""
        run_inline(self.volume.contents.settle(inode))
        self.volume.close_file(inode)

    def delete(self, *names: bytes) -> None:
        """Remove files."""
        for name in names:
            self.volume.unlink(ROOT_INODE, name)
            del self.expected[name]

    def read(self, name: bytes) -> bytes:
        """All bytes of a file."""
        inode = self.volume.lookup(ROOT_INODE, name)
        size = self.volume.open_file(inode, writing=False).size
        try:
            return bytes(run_inline(self.volume.contents.read(inode, 0, size)))
        finally:
            self.volume.close_file(inode)

    # The store

    def collect(self, *, thorough: bool = True, dry_run: bool = False) -> GcReport:
        """Collect garbage here and now."""
        return run_inline(self.collection(thorough=thorough, dry_run=dry_run))

    def collection(self, *, thorough: bool = True, dry_run: bool = False) -> Steps[GcReport]:
        """A collection that a test drives step by step; it writes no root before."""
        return self.volume._parts.upkeep.collect_garbage(
            lambda done, total, text: None, thorough=thorough, dry_run=dry_run
        )

    def pack_bytes(self) -> int:
        """Bytes of all pack files."""
        return sum(path.stat().st_size for path in (self.store / "packs").rglob("*.pack"))

    def pack_files(self) -> list[Path]:
        """All pack files, in the order of their numbers."""
        return sorted((self.store / "packs").rglob("*.pack"), key=lambda path: path.name)

    def require_sound(self, *, damaged: bool = False) -> None:
        """fsck finds nothing (but known damage), and every file has its bytes, from the packs."""
        findings = run_inline(self.volume.fsck()).findings
        assert all(finding.part is Part.DAMAGE for finding in findings), findings
        assert bool(findings) == damaged
        self.forget_cache()
        for name, data in self.expected.items():
            assert self.read(name) == data, name

    def forget_cache(self) -> None:
        """Let the next reads come from the packs."""
        parts = self.volume._parts  # a test looks where no user can
        for key in tuple(parts.cache._items):
            parts.cache.drop(key)

    def image(self) -> Path:
        """A copy of the store's files as they are now: what a kill would leave."""
        self._lives += 1
        copy = self._folder / f"image-{self._lives}"
        shutil.copytree(self.store, copy)
        return copy

    @classmethod
    def of_image(cls, other: "VolumeStore", folder: Path | None = None) -> "VolumeStore":
        """Another store, as if the process that serves the first one were killed now.

        What it leaves itself is put into a folder of its own, if it has one.
        """
        made = cls.__new__(cls)
        made._folder, made._lives, made._settings = folder or other._folder, 0, other._settings
        made.store, made.expected = other.image(), dict(other.expected)
        made._open()
        return made

    def remove(self) -> None:
        """Let go of the store and delete its folder."""
        self.abandon()
        shutil.rmtree(self.store)

    def kill(self) -> None:
        """The process ends without closing anything; what it wrote to its files is there."""
        found = self.image()
        self.abandon()
        shutil.rmtree(self.store)
        self.store = found
        self._open()

    def reopen(self) -> None:
        """A clean stop and start."""
        self.volume.close()
        self._open()

    def abandon(self) -> None:
        """Let go of the files without storing anything."""
        self.volume._parts.close()


def moments_of(steps: Steps[Any]) -> Iterator[int]:
    """Run steps here; every moment before and after a piece of work is given a number.

    At each of them other work could have its turn, or the process could be killed.
    """
    number, done = 0, None
    try:
        while True:
            work = steps.send(done)
            yield (number := number + 1)
            done = work.run()
            yield (number := number + 1)
    except StopIteration:
        return
