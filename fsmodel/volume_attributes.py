"""The part of the facade that is about what stat(2) and getxattr(2) tell of an inode."""

from contextlib import suppress

from fsmodel.assembly import Parts
from fsmodel.errors import BackendError, NoSpace
from fsmodel.ids import InodeId
from fsmodel.namespace import contained_links, folder_levels
from fsmodel.namespace.folder_attribute import FolderAttribute
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.steps import Steps
from fsmodel.versions.policy import ATTRIBUTE as VERSIONS_ATTRIBUTE
from fsmodel.virtual_attributes import PREFIX
from fsmodel.volume_upkeep import VolumeUpkeep
from lmdb_index.records import InodeFlag, InodeRecord


class VolumeAttributes(VolumeUpkeep):
    """Modes, owners, times and extended attributes. Owner: the thread that owns the index."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._folder_attributes = {
            name: FolderAttribute(parts.changes, parts.namespace, name, check, subject)
            for name, check, subject in (
                (folder_levels.COMPRESSION, folder_levels.level_of, "compression"),
                (contained_links.SYMLINKS, contained_links.check_text, "symbolic links"),
            )
        }

    def attributes(self, inode: InodeId) -> tuple[InodeRecord, int]:
        """An inode's record, to be read only, and its size as of now. Raises NotFound."""
        record = self._names.record(inode)
        file = self.contents.file(inode)
        return record, record.size if file is None else file.size

    def shown_attributes(self, inode: InodeId) -> tuple[InodeRecord, int]:
        """The same to be shown at once: what the record says of contents is not to be relied on.

        Raises NotFound.
        """
        file = self.contents.file(inode)
        if file is not None:
            return self._names.record(inode), file.size
        record = self._names.outline(inode)
        return record, record.size

    def set_attributes(self, inode: InodeId, wanted: AttributeChange) -> None:
        """Set mode, owner or times. Raises Refused."""
        self._require_writable()
        self._observe(wanted)
        if wanted.only_times and self._names.record(inode).flags & InodeFlag.VERSION:
            return  # the kernel, of a file it still has at hand: that it has lost its name just now
        self._names.set_attributes(inode, wanted)
        self._times_set(inode, wanted)

    def stamp_written(self, inode: InodeId, wanted: AttributeChange) -> None:
        """The kernel says when it took what was written into an open file. Raises Refused.

        While nothing says that those bytes are there, its time is kept with them in memory, to be
        recorded in the same change: a change of its own would cost an fsync as much as theirs.
        """
        stamp = wanted.mtime_ns
        is_of_a_write = wanted.only_times and wanted.atime_ns is None
        if stamp is not None and is_of_a_write and stamp == wanted.ctime_ns:
            self._require_writable()
            self._parts.changes.observe(stamp)
            if self.contents.stamp(inode, stamp):
                return
        self.set_attributes(inode, wanted)

    def access_is_due(self, inode: InodeId) -> bool:
        """Whether reading this file or directory now would move its access time."""
        return not self.read_only and self._names.access_is_due(inode)

    def record_access(self, inode: InodeId) -> bool:
        """Note that a file or directory is being read; tell whether its access time moved.

        Where that cannot be recorded, as for want of room, it stays: nobody is refused a reading.
        """
        with suppress(NoSpace, BackendError):
            return not self.read_only and self._names.record_access(inode)
        return False

    def get_xattr(self, inode: InodeId, name: bytes) -> Steps[bytes]:
        """An extended attribute, stored or virtual. Raises NoSuchAttribute."""
        if name == VERSIONS_ATTRIBUTE:
            return self._parts.versions.policy_text(inode)
        if name in self._folder_attributes:
            return self._folder_attributes[name].text(inode)
        if name.startswith(PREFIX):
            return (yield from self._parts.virtual_attributes.get(inode, name))
        return self.stored_xattr(inode, name)

    def stored_xattr(self, inode: InodeId, name: bytes) -> bytes:
        """An extended attribute that is no virtual one. Raises NoSuchAttribute."""
        return self._names.get_xattr(inode, name)

    def find_xattr(self, inode: InodeId, name: bytes) -> bytes | None:
        """The same; None when there is no such attribute."""
        return self._names.find_xattr(inode, name)

    def set_xattr(self, inode: InodeId, name: bytes, value: bytes) -> None:
        """Set an extended attribute. Raises Refused."""
        self._require_room()
        if name == VERSIONS_ATTRIBUTE:
            self._parts.versions.set_policy(inode, value)
        elif name in self._folder_attributes:
            self._folder_attributes[name].set(inode, value)
        else:
            self._names.set_xattr(inode, name, value)

    def list_xattrs(self, inode: InodeId, *, with_trusted: bool = True) -> list[bytes]:
        """Names of the stored attributes; those of `trusted.` are for privileged callers."""
        return self._names.list_xattrs(inode, with_trusted=with_trusted)

    def remove_xattr(self, inode: InodeId, name: bytes) -> None:
        """Remove an extended attribute. Raises NoSuchAttribute."""
        self._require_writable()
        if name == VERSIONS_ATTRIBUTE:
            self._parts.versions.set_policy(inode, None)
        elif name in self._folder_attributes:
            self._folder_attributes[name].set(inode, None)
        else:
            self._names.remove_xattr(inode, name)
