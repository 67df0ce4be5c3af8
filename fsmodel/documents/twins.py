"""Files that are alike, and names that go over from one to the other.

A twin holds what a file holds, attributes and all, and has no name until it is given those of
another file. Directories do not show that this has happened: their times stay.
"""

import copy
from collections.abc import Iterator
from typing import Final, NamedTuple

from fsmodel.change import Change
from fsmodel.content.whole import WholeContents
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import REGULAR, Creator, counters_of
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.places import Place, add_place, places_of, remove_place
from lmdb_index.index import Index
from lmdb_index.keys import name_of, named_key, number_key, pair_key
from lmdb_index.records import InodeFlag, InodeRecord, RawRecord
from lmdb_index.schema import DIRENT_ORDER, ORPHAN, XATTR

_PRESENT: Final = RawRecord()

Name = tuple[InodeId, bytes]  # a directory, and a name in it


class Attributes(NamedTuple):
    """What somebody may set of a file by its name."""

    mode: int
    uid: int
    gid: int
    mtime_ns: int
    flags: int
    xattrs: tuple[tuple[bytes, bytes], ...]


class Twins:
    """Makes twins and moves names. Owner: the thread that owns the index."""

    def __init__(
        self, index: Index, inodes: InodeTable, namespace: Namespace, whole: WholeContents
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._namespace = namespace
        self._whole = whole

    def make(self, change: Change, inode: InodeId) -> InodeId:
        """A twin of a settled file. It goes with the process unless it is given a name."""
        original = change.inode(inode)
        record = copy.copy(original)
        record.nlink = record.parent = record.cookie = record.size = record.content_size = 0
        record.content = b""
        for counter in counters_of(record):
            change.operation.add(counter, 1)
        twin = change.add_inode(record)
        self._whole.share(change, record, original.content, original.size)
        for key, row in list(change.operation.scan_prefix(XATTR, number_key(inode))):
            change.operation.put(XATTR, named_key(twin, name_of(key)), row)
        change.operation.put(ORPHAN, number_key(twin), _PRESENT)
        return twin

    def make_nameless(
        self, change: Change, parent: InodeId, name: bytes, mode: int, owner: Creator
    ) -> InodeId:
        """An empty file as it would be made under a free name, without that name."""
        inode = self._namespace.creation.make_node(change, parent, name, mode, 0, owner)
        dirent = self._namespace.directories.require(change, parent, name)
        self._namespace.directories.remove(change, parent, name, dirent)
        remove_place(change, inode, Place(parent, dirent.cookie))
        change.operation.put(ORPHAN, number_key(inode), _PRESENT)
        return inode

    def hand_over(self, change: Change, old: InodeId, new: InodeId) -> None:
        """Give one file all names of another one, which goes when nobody has it open."""
        for place in places_of(self._index, old, change.inode(old)):
            self._point(change, place, new)
            remove_place(change, old, place)
            add_place(change, new, place)
        change.operation.delete(ORPHAN, number_key(new))
        self._namespace.orphans.bury(change, old)

    def give_name(self, change: Change, inode: InodeId, wanted: Name) -> None:
        """Give a file without a name its first one. Raises what the policy raises."""
        self._namespace.policy.check_entry(*wanted, REGULAR)
        cookie = self._namespace.directories.insert(change, *wanted, inode, REGULAR)
        add_place(change, inode, Place(wanted[0], cookie))
        change.operation.delete(ORPHAN, number_key(inode))

    def names_of(self, inode: InodeId, record: InodeRecord) -> Iterator[Name]:
        """Where a file has names."""
        for place in places_of(self._index, inode, record):
            yield InodeId(place.directory), self._name_at(place)

    def attributes(self, inode: InodeId) -> Attributes:
        """Those of a file, as of the last change."""
        record = self._inodes.get(inode)
        xattrs: tuple[tuple[bytes, bytes], ...] = ()
        if record.flags & InodeFlag.HAS_XATTRS:
            rows = self._index.scan_prefix(XATTR, number_key(inode))
            xattrs = tuple((name_of(key), row.value) for key, row in rows)
        return Attributes(
            record.mode, record.uid, record.gid, record.mtime_ns, record.flags, xattrs
        )

    def follow(self, change: Change, inode: InodeId, other: InodeId, since: Attributes) -> None:
        """Set of a file what has been set of another one, since that had these attributes.

        Times are those of the bytes.
        """
        now, record = self.attributes(other), change.edit(inode)
        record.mode = record.mode if now.mode == since.mode else now.mode
        record.uid = record.uid if now.uid == since.uid else now.uid
        record.gid = record.gid if now.gid == since.gid else now.gid
        if now.xattrs != since.xattrs:
            for name, _ in self.attributes(inode).xattrs:
                self._namespace.xattrs.discard(change, inode, name)
            for name, value in now.xattrs:
                self._namespace.xattrs.put(change, inode, name, value)

    def _point(self, change: Change, place: Place, new: InodeId) -> None:
        """Let an entry name another file, and its directory look as before.

        The entries of a locked directory stay, and what is in it is free: so it may be locked.
        """
        directory, name = InodeId(place.directory), self._name_at(place)
        dirent = self._namespace.directories.find(directory, name)
        assert dirent is not None
        folder = change.edit(directory)
        before = folder.mtime_ns, folder.ctime_ns, folder.flags
        folder.flags &= ~InodeFlag.LOCKED
        self._namespace.directories.point(change, directory, name, dirent, new, REGULAR)
        folder.mtime_ns, folder.ctime_ns, folder.flags = before

    def _name_at(self, place: Place) -> bytes:
        row = self._index.get(DIRENT_ORDER, pair_key(*place))
        assert row is not None, f"no entry at {place}"
        return row.name
