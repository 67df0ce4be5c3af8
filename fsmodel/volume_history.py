"""The part of the facade that is about versions, clones and locks."""

from contextlib import suppress

from fsmodel.buffers import Buffer
from fsmodel.content.frozen import frozen_file
from fsmodel.content.reader import Reader
from fsmodel.errors import IsADirectory, NotADirectory, NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import is_directory
from fsmodel.steps import Steps
from fsmodel.upkeep.garbage import GcReport
from fsmodel.versions.room import make_room
from fsmodel.versions.version_folders import names_on
from fsmodel.versions.versions import VersionInfo
from fsmodel.volume_folders import VolumeFolders


class VolumeHistory(VolumeFolders):
    """What files were, and copies of them. Owner: the thread that owns the index."""

    def list_versions(self, path: bytes) -> Steps[list[VersionInfo]]:
        """The versions of a file, by name and then oldest first; of a directory, of all in it.

        The path may lead to what is no more; with a slash at its end it means a directory. Raises
        PathRefused.
        """
        names, versions = names_on(path), self._parts.versions
        found: list[VersionInfo] = []
        if names and not path.endswith((b"/", b"/.")) and not self._is_directory(path):
            found = versions.at(names[:-1], names[-1])
        for name in (yield from versions.names_at(names)):
            found += versions.at(names, name)
        return found

    def _is_directory(self, path: bytes) -> bool:
        with suppress(NotFound, NotADirectory):
            return is_directory(self._names.record(self._names.resolve(path)))
        return False

    def restore_version(self, path: bytes, stamp_us: int | None = None) -> Steps[VersionInfo]:
        """Let a file be what it was until a moment, or before it changed last. Raises Refused.

        What it is now becomes a version; see Restoring.restore.
        """
        self._require_room()
        names = names_on(path)
        if not names:
            raise IsADirectory("the root directory has no versions: name a file")
        restoring = self._parts.restoring
        version, directory = yield from restoring.restore(names[:-1], names[-1], stamp_us)
        self.entry_changed(directory, names[-1])
        return version

    def prune_versions(self, path: bytes | None) -> Steps[int]:
        """Drop every version of a file, or below a directory; of the volume when given no path.

        Returns how many. Raises PathRefused.
        """
        self._require_writable()
        retention = self._parts.versions.retention
        if path is None:
            return (yield from retention.drop_all())
        names = names_on(path)
        count = 0
        if names:
            count += yield from retention.drop_named(names[:-1], names[-1])
        count += yield from retention.drop_below(names)
        return count

    def has_room(self, size_bytes: int = 0) -> bool:
        """Whether the host has room for so many new bytes; also when none can be written."""
        return self._parts.space.has_room(size_bytes) or self.read_only

    def make_room(self, size_bytes: int = 0) -> Steps[int]:
        """If the host has no room, let the oldest versions go; see room.py. Returns how many."""
        self._require_writable()
        parts = self._parts
        return (
            yield from make_room(
                parts.space,
                parts.versions.retention,
                self._collect_all,
                lambda: bool(parts.upkeep.running),
                size_bytes,
            )
        )

    def _collect_all(self) -> Steps[GcReport]:
        return self.collect_garbage(lambda done, total, text: None, thorough=True)

    def tidy_versions(self) -> Steps[int]:
        """Drop the versions that are too many or too old; returns how many."""
        self._require_writable()
        return (yield from self._parts.versions.retention.sweep())

    def read_content(self, ref: bytes, size: int, offset: int, length: int) -> Steps[Buffer]:
        """Bytes of any content by its ref, cut or filled up with zeros to a size. Raises DataError.

        The ref must be kept by something that names it: a snapshot, a version, a file.
        """
        file = frozen_file(ref, self._parts.objects)
        file.size, file.kept = size, min(file.kept, size)
        return (yield from Reader(self._parts.objects).read(file, offset, length))

    def clone(self, source: InodeId, parent: InodeId, name: bytes) -> Steps[InodeId]:
        """Give a file or tree a copy that shares its contents; see Copies.clone."""
        if source == ROOT_INODE or not self._names.system.contains(source):
            return self._parts.history.copies.clone(source, parent, name)
        raise NotFound(f"inode {source} does not exist")

    def lock(self, inode: InodeId, *, recursive: bool = False) -> Steps[int]:
        """Let an inode stay as it is from now on; see Locking.set."""
        return self._parts.history.locking.set(inode, locked=True, recursive=recursive)

    def unlock(self, inode: InodeId, *, recursive: bool = False) -> Steps[int]:
        """Undo `lock`."""
        return self._parts.history.locking.set(inode, locked=False, recursive=recursive)
