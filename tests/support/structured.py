"""A structured store with an open volume, used as the mount uses it."""

import shutil
from pathlib import Path

from fsmodel.clock import Clock
from fsmodel.errors import Stale
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.renames import NO_RENAME_FLAGS, RenameFlag
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.volume import Volume

USER = Creator(uid=1000, gid=100)
SETTINGS = VolumeSettings()
THREAD = 1  # who asks


class StructuredStore:
    """Paths instead of inodes, and the daemon's part of writing: settle, then commit."""

    def __init__(
        self, folder: Path, settings: VolumeSettings = SETTINGS, clock: Clock | None = None
    ) -> None:
        self._folder, self._lives = folder, 0
        self._settings, self._clock = settings, clock
        self.store = folder / "0"
        Volume.create(self.store)
        self._open()

    def _open(self) -> None:
        self.volume = Volume.open(self.store, settings=self._settings, clock=self._clock)
        run_inline(self.volume.settle_leftovers())

    # Paths

    def inode(self, path: str) -> InodeId:
        """What is at a path."""
        return self.volume.resolve(path.encode())

    def exists(self, path: str) -> bool:
        """Whether something is at a path."""
        parent, name = self.split(path)
        return name in self.names(parent)

    def split(self, path: str) -> tuple[InodeId, bytes]:
        """The directory of a path, and the name in it."""
        above, _, name = path.rpartition("/")
        return self.inode(above), name.encode("utf-8", "surrogateescape")

    def names(self, directory: InodeId | str) -> list[bytes]:
        """The entries of a directory, sorted."""
        inode = self.inode(directory) if isinstance(directory, str) else directory
        limit = self.volume.listing_limit(inode)
        return sorted(entry.name for entry in self.volume.list_entries(inode, 2, limit))

    def listing(self, path: str) -> list[str]:
        """The same as text."""
        return [name.decode() for name in self.names(path)]

    # Changes

    def mkdir(self, path: str) -> InodeId:
        """Make a directory."""
        return self.volume.make_directory(*self.split(path), 0o755, USER)

    def begin(self, path: str, data: bytes = b"", *, exclusive: bool = True) -> InodeId:
        """Open a file for writing, a new one if there is none, and write; it stays open."""
        parent, name = self.split(path)
        if name in self.names(parent):
            inode = self.open(path, writing=True)
            self.volume.truncate(inode, 0)
        else:
            inode = self.volume.create_file(parent, name, 0o644, USER, exclusive=exclusive)
        if data:
            self.volume.write(inode, 0, data)
        return inode

    def open(self, path: str, *, writing: bool) -> InodeId:
        """Open a file as the kernel does: what is stale is looked up once more."""
        parent, name = self.split(path)
        inode = self.volume.lookup(parent, name, THREAD)
        try:
            self.volume.open_file(inode, writing=writing, thread=THREAD)
        except Stale:
            inode = self.volume.lookup(parent, name, THREAD)
            self.volume.open_file(inode, writing=writing, thread=THREAD)
        return inode

    def flush(self, inode: InodeId) -> None:
        """As close(2) does, before the descriptor goes."""
        run_inline(self.volume.contents.settle(inode))
        run_inline(self.volume.commit_document(inode))

    def end(self, inode: InodeId) -> None:
        """Close a file opened for writing."""
        try:
            self.flush(inode)
        finally:
            self.volume.close_file(inode, writing=True)

    def write(self, path: str, data: bytes) -> InodeId:
        """Make a file, or write it again in place."""
        inode = self.begin(path, data)
        self.end(inode)
        return inode

    def read(self, path: str) -> bytes:
        """All bytes of a file."""
        return self.read_inode(self.inode(path))

    def read_inode(self, inode: InodeId) -> bytes:
        """The same by its inode."""
        size = self.volume.open_file(inode, writing=False).size
        try:
            return bytes(run_inline(self.volume.contents.read(inode, 0, size)))
        finally:
            self.volume.close_file(inode)

    def remove(self, path: str) -> None:
        """Remove a file."""
        self.volume.unlink(*self.split(path))

    def rmdir(self, path: str) -> None:
        """Remove a directory."""
        self.volume.rmdir(*self.split(path))

    def move(self, path: str, new_path: str, flags: RenameFlag = NO_RENAME_FLAGS) -> None:
        """Rename."""
        self.volume.rename(*self.split(path), *self.split(new_path), flags)

    def symlink(self, path: str, target: str) -> None:
        """Make a symbolic link."""
        self.volume.make_symlink(*self.split(path), target.encode(), USER)

    def link(self, path: str, new_path: str) -> None:
        """Make a hard link."""
        self.volume.link(self.inode(path), *self.split(new_path))

    # Series

    def status(self, series: str) -> dict[str, list[str]]:
        """Addresses and their kinds."""
        found = self.volume.series.status(series.encode())
        return {each.address.decode(): [kind.decode() for kind in each.kinds] for each in found}

    # The store

    def require_sound(self) -> None:
        """fsck finds nothing."""
        assert run_inline(self.volume.fsck()).findings == ()

    def kill(self) -> None:
        """The process ends without closing anything; what it wrote to its files is there."""
        self._lives += 1
        copy = self._folder / str(self._lives)
        shutil.copytree(self.store, copy)
        self.volume._parts.close()
        shutil.rmtree(self.store)
        self.store = copy
        self._open()

    def reopen(self) -> None:
        """A clean stop and start."""
        self.volume.close()
        self._open()

    def close(self) -> None:
        """The end."""
        self.volume.close()


def root_names(store: StructuredStore) -> list[bytes]:
    """What is in the root directory."""
    return store.names(ROOT_INODE)
