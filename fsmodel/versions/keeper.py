"""Keeps earlier contents: the moment a name loses what it stood for, or a file what it held.

A file that is deleted or replaced moves into the hidden tree as it is: no inode is made, no object
is touched. If somebody has it open, it stays his, and another inode is made for its content, as
for that of a file that is written again. Writes to a file that follow each other within a minute
leave what it held before the first of them.

Everything happens in the change that takes the content away, so nothing is lost by a kill.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from fsmodel.change import Change
from fsmodel.ids import InodeId, ObjectId
from fsmodel.namespace.acls import ACCESS_ACL
from fsmodel.namespace.inodes import REGULAR, bytes_counter, counters_of
from fsmodel.namespace.places import Place, add_place, move_place
from fsmodel.namespace.system_tree import hide
from fsmodel.versions.retention import Retention
from fsmodel.versions.version_names import (
    NAME_ATTRIBUTE,
    backed_up,
    database_of,
    entry_name,
    is_temporary,
    may_be_shortened,
    stamp_of,
    stored_name,
)
from fsmodel.versions.version_parts import VersionParts
from lmdb_index.keys import pair_key
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import DIRENT_ORDER

SHARED_NS: Final = 60 * 10**9  # writes closer together than this share a version
DATABASE_PAGE_BYTES_MIN: Final = 512  # SQLite: https://www.sqlite.org/fileformat2.html
FLAGS: Final = InodeFlag.VERSION | InodeFlag.LOCKED  # whoever still knows the inode cannot write

RecordOf = Callable[[InodeId], InodeRecord]


class _Content(NamedTuple):
    ref: bytes
    size: int  # bytes


class VersionKeeper:
    """Told by namespace and contents what goes. Owner: the thread that owns the index."""

    def __init__(self, parts: VersionParts, retention: Retention) -> None:
        self._index = parts.index
        self._inodes = parts.inodes
        self._objects = parts.objects
        self._contents = parts.contents
        self._directories = parts.namespace.directories
        self._xattrs = parts.namespace.xattrs
        self._folders = parts.folders
        self._rows = parts.rows
        self._policies = parts.policies
        self._retention = retention

    # What the namespace tells

    def keep_removed(self, change: Change, inode: InodeId, place: Place, name: bytes) -> bool:
        """The only name of a file is gone. True when the file lives on as a version."""
        record, directory = change.inode(inode), InodeId(place.directory)
        kept = self._name_to_keep(change, directory, name) if record.size else None
        if kept is None:
            return False
        file = self._contents.file(inode)
        if file is not None:
            content = _Content(record.content, file.recorded_size)
            if content.ref and self._keep_copy(change, inode, directory, kept, content):
                self._objects.add_reference(change, ObjectId(content.ref[1:]))
            return False
        return self._keep_file(change, inode, place, kept)

    def directory_moved(
        self, change: Change, parent: InodeId, name: bytes, new_parent: InodeId, new_name: bytes
    ) -> None:
        """A directory has another place: its versions follow."""
        change.when_applied(self._policies.forget)
        self._folders.moved(change, parent, name, new_parent, new_name)

    def directories_exchanged(
        self, change: Change, parent: InodeId, name: bytes, other_parent: InodeId, other: bytes
    ) -> None:
        """Two entries have been exchanged: versions follow."""
        change.when_applied(self._policies.forget)
        self._folders.exchanged(change, parent, name, other_parent, other)

    # What contents tell

    def keep_rewritten(self, change: Change, inode: InodeId, ref: bytes, size: int) -> bool:
        """A file will hold something else. True when a version has the reference to the content."""
        record = change.inode(inode)
        if not record.parent or record.flags & InodeFlag.HIDDEN or not size:
            return False
        directory = InodeId(record.parent)
        row = self._index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
        kept = None if row is None else self._name_to_keep(change, directory, row.name)
        if kept is None:
            return False
        last = self._rows.newest_stamp(self._folders.of(directory, change), kept)
        since = max(record.birth_ns, 1000 * last)
        if change.now_ns - since < SHARED_NS:
            return False
        return self._keep_copy(change, inode, directory, kept, _Content(ref, size))

    # What others ask

    def goes_with_a_database(self, inode: InodeId) -> bool:
        """Whether a file is one that SQLite deletes after a while, and that leaves no version."""
        record = self._inodes.get(inode)
        row = self._index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
        directory = InodeId(record.parent)
        return row is not None and self._is_companion(self._inodes.get, directory, row.name)

    # Keeping

    def _name_to_keep(self, change: Change, directory: InodeId, name: bytes) -> bytes | None:
        """The name that a version of this file is to be found under; None when it leaves none."""
        if change.inode(directory).flags & InodeFlag.HIDDEN or is_temporary(name):
            return None
        if not self._policies.of(directory).keeps:
            return None
        original = backed_up(name)
        if original is not None and self._directories.find(directory, original) is not None:
            return original
        return None if self._is_companion(change.inode, directory, name) else name

    def _is_companion(self, record_of: RecordOf, directory: InodeId, name: bytes) -> bool:
        """Whether SQLite makes and deletes this file all the time, beside a file of whole pages."""
        database = database_of(name)
        dirent = None if database is None else self._directories.find(directory, database)
        if dirent is None or dirent.kind != REGULAR:
            return False
        size = record_of(InodeId(dirent.inode)).size
        return size > 0 and size % DATABASE_PAGE_BYTES_MIN == 0

    def _keep_file(self, change: Change, inode: InodeId, place: Place, name: bytes) -> bool:
        """Let a file that has no name any more be a version itself."""
        where = self._place(change, InodeId(place.directory), name)
        if where is None:
            return False
        folder, entry = where
        hide(change, inode, FLAGS)
        cookie = self._directories.insert(change, folder, entry, inode, REGULAR)
        move_place(change, inode, place, Place(folder, cookie))
        change.edit(inode).ctime_ns = change.now_ns
        self._note_name(change, inode, name)
        return True

    def _keep_copy(
        self, change: Change, inode: InodeId, directory: InodeId, name: bytes, kept: _Content
    ) -> bool:
        """Make an inode for a content of a file that goes on. It gets the caller's reference."""
        where = self._place(change, directory, name)
        if where is None:
            return False
        folder, entry = where
        former = self._inodes.get(inode)  # as it was before this change
        record = _version_record(change, former, kept)
        made = change.add_inode(record)
        for counter in counters_of(record):
            change.operation.add(counter, 1)
        change.operation.add(bytes_counter(record), record.size)
        acl = self._xattrs.find(inode, former, ACCESS_ACL)
        if acl is not None:
            self._xattrs.put(change, made, ACCESS_ACL, acl)
        cookie = self._directories.insert(change, folder, entry, made, REGULAR)
        add_place(change, made, Place(folder, cookie))
        self._note_name(change, made, name)
        return True

    def _note_name(self, change: Change, version: InodeId, name: bytes) -> None:
        if stored_name(name) != name:
            self._xattrs.put(change, version, NAME_ATTRIBUTE, name)

    def _place(
        self, change: Change, directory: InodeId, name: bytes
    ) -> tuple[InodeId, bytes] | None:
        """Folder and entry for a new version of a name, with room made for it."""
        folder = self._folders.make(change, directory)
        if folder is None:
            return None
        versions = self._rows.of(self._folders.of(directory, change), name)
        stamp = max(stamp_of(change.now_ns), versions[-1].stamp_us + 1 if versions else 0)
        has_folders = change.inode(folder).nlink > 2
        if has_folders or may_be_shortened(stored_name(name)):  # others may have such an entry
            while self._directories.find(folder, entry_name(name, stamp)) is not None:
                stamp += 1
        if versions:
            self._retention.trim(change, versions, self._policies.of(directory), others=1)
        return folder, entry_name(name, stamp)


def _version_record(change: Change, former: InodeRecord, kept: _Content) -> InodeRecord:
    return InodeRecord(
        mode=former.mode,
        uid=former.uid,
        gid=former.gid,
        nlink=0,
        size=kept.size,
        rdev=0,
        atime_ns=former.atime_ns,
        mtime_ns=former.mtime_ns,
        ctime_ns=change.now_ns,
        birth_ns=change.now_ns,
        parent=0,
        cookie=0,
        content=kept.ref,
        content_size=kept.size,
        flags=InodeFlag.HIDDEN | FLAGS,
    )
