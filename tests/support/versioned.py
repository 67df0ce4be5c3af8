"""A volume that keeps versions, spoken to by paths, with a clock that stands still."""

import shutil
from dataclasses import replace
from pathlib import Path

from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.renames import NO_RENAME_FLAGS, RenameFlag
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.steps import run_inline
from fsmodel.versions.policy import DEFAULT_POLICY, VersionPolicy
from fsmodel.views.versions_view import NAME as VIEW
from fsmodel.volume import Volume
from tests.support.namespace_store import ManualClock
from tests.support.volumes import NO_CACHE, findings, make_store, parts_of, read_file

ROOT = Creator(0, 0)


class VersionedVolume:
    """A volume, and what a test does with it."""

    def __init__(self, folder: Path, policy: VersionPolicy = DEFAULT_POLICY) -> None:
        self._folder = folder
        self._settings = replace(NO_CACHE, versions=policy, pack_bytes_max=1 << 20)
        self._lives = 0
        self.clock = ManualClock()
        self._store = make_store(folder / "0")
        self.volume = self._opened()

    def _opened(self) -> Volume:
        return Volume.open(self._store, settings=self._settings, clock=self.clock)

    def close(self) -> None:
        """Check and close."""
        assert findings(self.volume) == ()
        self.volume.close()

    def reopen(self) -> None:
        """Close and open."""
        self.volume.close()
        self.volume = self._opened()

    def rebuild(self) -> None:
        """Close, make the index again from the packs, and open."""
        self.volume.close()
        rebuild_index(self._store, lambda done, total, text: None)
        self.volume = self._opened()

    def kill(self) -> None:
        """Go on with the files as they are."""
        self._lives += 1
        former, self._store = self._store, self._folder / str(self._lives)
        shutil.copytree(former, self._store)
        parts_of(self.volume).close()
        self.volume = self._opened()
        run_inline(self.volume.settle_leftovers())

    # What users do

    def at(self, path: str) -> InodeId:
        """The inode at a path."""
        return self.volume.resolve(path.encode())

    def place(self, path: str) -> tuple[InodeId, bytes]:
        """The directory a path leads into, and its last name."""
        folder, _, name = path.encode().rpartition(b"/")
        return self.volume.resolve(folder), name

    def mkdir(self, path: str, mode: int = 0o755, creator: Creator = ROOT) -> InodeId:
        """Make a directory."""
        return self.volume.make_directory(*self.place(path), mode, creator)

    def write(self, path: str, data: bytes, mode: int = 0o644, creator: Creator = ROOT) -> InodeId:
        """Let a file hold these bytes, as `> file` does: made, or emptied and written again."""
        directory, name = self.place(path)
        if any(entry.name == name for entry in self.volume.list_entries(directory, 0, 1 << 60)):
            inode = self.volume.lookup(directory, name)
            self.volume.open_file(inode, writing=True)
            self.volume.truncate(inode, 0)
        else:
            inode = self.volume.make_node(directory, name, mode, 0, creator)
            self.volume.open_file(inode, writing=True)
        self.volume.write(inode, 0, data)
        self._settle_and_close(inode)
        return inode

    def change(self, path: str, offset: int, data: bytes) -> None:
        """Write into a file."""
        inode = self.at(path)
        self.volume.open_file(inode, writing=True)
        self.volume.write(inode, offset, data)
        self._settle_and_close(inode)

    def truncate(self, path: str, size: int) -> None:
        """Give a file another size."""
        inode = self.at(path)
        self.volume.open_file(inode, writing=True)
        self.volume.truncate(inode, size)
        self._settle_and_close(inode)

    def _settle_and_close(self, inode: InodeId) -> None:
        run_inline(self.volume.contents.settle(inode))
        self.volume.close_file(inode)

    def unlink(self, path: str) -> None:
        """Delete a file."""
        self.volume.unlink(*self.place(path))

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        self.volume.rmdir(*self.place(path))

    def rename(self, path: str, to: str, flags: RenameFlag = NO_RENAME_FLAGS) -> None:
        """Move."""
        self.volume.rename(*self.place(path), *self.place(to), flags)

    def read(self, path: str) -> bytes:
        """What a file holds."""
        return read_file(self.volume, self.at(path))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    # What is kept

    def versions(self, path: str) -> list[bytes]:
        """What a name stood for, oldest first, as the model says."""
        directory, name = self.place(path)
        found = self.volume.versions.shown(directory, name)
        return [read_file(self.volume, version.inode) for version in found]

    def names(self, path: str = "/") -> list[bytes]:
        """The names that have versions in a directory."""
        return run_inline(self.volume.versions.names_shown(self.at(path)))

    def view(self, path: str = "/") -> object:
        """The view of a directory."""
        return run_inline(self.volume.views.view_of(self.at(path), VIEW))

    def set_policy(self, path: str, text: str) -> None:
        """Say how many versions a directory keeps."""
        self.volume.set_xattr(self.at(path), b"cairnfs.versions", text.encode())

    @property
    def counts(self) -> tuple[int, int]:
        """Versions, and their bytes, as counted."""
        figures = self.volume.statistics()
        return figures.versions, figures.version_bytes
