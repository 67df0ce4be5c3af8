"""Second step: entries of directories are made to agree with themselves and with inodes.

An entry has three witnesses: the row by its name, the row by its number, and the place that its
inode remembers. Two of them are believed, and the third is put in order. What only one says is
taken back; an inode that is left without a name so is found by the next step.
"""

from typing import Final

from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.directories import FIRST_COOKIE
from fsmodel.rebuild.bulk import Bulk
from fsmodel.repair.repairs import Repairs
from fsmodel.upkeep.check_names import DIRECTORY
from fsmodel.upkeep.findings import Part
from lmdb_index.keys import (
    name_of,
    named_key,
    number_key,
    number_of,
    pair_key,
    pair_of,
    triple_key,
)
from lmdb_index.records import DirentOrderRecord, DirentRecord, InodeRecord, RawRecord
from lmdb_index.schema import DIRENT, DIRENT_ORDER, INODE, LINK

_PRESENT: Final = RawRecord()


class Entries:
    """Finds, adds and removes entries in a bulk of changes."""

    def __init__(self, bulk: Bulk, repairs: Repairs) -> None:
        self._bulk = bulk
        self._repairs = repairs

    def repair(self) -> None:
        """Go through all entries, by name and then by number."""
        for key, dirent in self._bulk.index.scan(DIRENT):
            self._by_name(number_of(key), name_of(key), dirent)
        for key, listed in self._bulk.index.scan(DIRENT_ORDER):
            self._by_number(*pair_of(key), listed)

    def inode(self, inode: int) -> InodeRecord | None:
        """The row of an inode."""
        return self._bulk.index.get(INODE, number_key(inode))

    def names(self, directory: int, cookie: int, inode: int) -> bool:
        """Whether an entry is there, and names an inode."""
        listed = self._bulk.index.get(DIRENT_ORDER, pair_key(directory, cookie))
        return listed is not None and listed.inode == inode

    def put(self, directory: int, cookie: int, name: bytes, inode: int, kind: int) -> None:
        """Both rows of an entry."""
        self._bulk.put(DIRENT, named_key(directory, name), DirentRecord(inode, cookie, kind))
        order = DirentOrderRecord(inode, kind, name)
        self._bulk.put(DIRENT_ORDER, pair_key(directory, cookie), order)

    def remove(self, directory: int, cookie: int, name: bytes) -> None:
        """Take away the rows of an entry that are there and belong together."""
        key = named_key(directory, name)
        dirent = self._bulk.index.get(DIRENT, key)
        if dirent is not None and dirent.cookie == cookie:
            self._repairs.remove(self._bulk, DIRENT, key)
        self._repairs.remove(self._bulk, DIRENT_ORDER, pair_key(directory, cookie))

    def _by_name(self, directory: int, name: bytes, dirent: DirentRecord) -> None:
        """A name is listed, and the listing says the same of it."""
        place = directory, dirent.cookie
        listed = self._bulk.index.get(DIRENT_ORDER, pair_key(*place))
        what = f"entry {name!r} of directory {directory}"
        if listed is None or listed.name != name:
            if listed is None and self._remembers(dirent.inode, *place):
                self.put(*place, name, dirent.inode, dirent.kind)
                self._note(f"{what} is listed again")
            else:
                self._repairs.remove(self._bulk, DIRENT, named_key(directory, name))
                self._note(f"{what}, which nothing else knew of, was removed")
        elif (listed.inode, listed.kind) != (dirent.inode, dirent.kind):
            believed = dirent if self._remembers(dirent.inode, *place) else listed
            self.put(*place, name, believed.inode, believed.kind)
            self._note(f"{what} is inode {believed.inode}")

    def _by_number(self, directory: int, cookie: int, listed: DirentOrderRecord) -> None:
        """A listed entry is found by its name, and known to an inode that exists."""
        what = f"entry {listed.name!r} of directory {directory}"
        remembered = self._remembers(listed.inode, directory, cookie)
        dirent = self._bulk.index.get(DIRENT, named_key(directory, listed.name))
        record = self.inode(listed.inode)
        reason = ""
        if dirent is not None and dirent.cookie != cookie:
            reason = "whose name another entry has"
        elif dirent is None and not remembered:
            reason = "which nothing else knew of"
        elif record is None or listed.inode == ROOT_INODE:
            reason = f"which named inode {listed.inode}, of which nothing is left"
        elif not self._has_owner(directory):
            reason = "which is no directory"
        elif record.mode >> 12 == DIRECTORY and not remembered and self._has_name(listed.inode):
            reason = f"a second name of directory {listed.inode}"
        if reason:
            self.remove(directory, cookie, listed.name)
            self._note(f"{what}, {reason}, was removed")
            return
        assert record is not None
        kind = record.mode >> 12
        if dirent is None or kind != listed.kind:
            self.put(directory, cookie, listed.name, listed.inode, kind)
            self._note(f"{what} is found by its name, as what it is")
        if not remembered:
            self._add_place(listed.inode, record, directory, cookie)
            self._note(f"inode {listed.inode} knows of {what}")

    def _remembers(self, inode: int, directory: int, cookie: int) -> bool:
        """Whether an inode says that it has its name there."""
        record = self.inode(inode)
        if record is None:
            return False
        if (record.parent, record.cookie) == (directory, cookie):
            return True
        row = self._bulk.index.get(LINK, triple_key(inode, directory, cookie))
        return row is not None and record.mode >> 12 != DIRECTORY

    def _has_name(self, inode: int) -> bool:
        """Whether the place in an inode's own row is one."""
        record = self.inode(inode)
        return record is not None and self.names(record.parent, record.cookie, inode)

    def _has_owner(self, directory: int) -> bool:
        """Whether there is a directory for an entry; one that is gone is made again, empty."""
        owner = self.inode(directory)
        if owner is None:
            self._bulk.put(INODE, number_key(directory), new_directory(self._bulk))
            self._note(f"directory {directory} was made again, as it has entries")
            return True
        return owner.mode >> 12 == DIRECTORY

    def _add_place(self, inode: int, record: InodeRecord, directory: int, cookie: int) -> None:
        """Let an inode know of one more of its names."""
        if self._has_name(inode):
            self._bulk.put(LINK, triple_key(inode, directory, cookie), _PRESENT)
        else:
            record.parent, record.cookie = directory, cookie
            self._bulk.put(INODE, number_key(inode), record)

    def _note(self, text: str) -> None:
        self._repairs.note(Part.NAMES, text)


def new_directory(bulk: Bulk) -> InodeRecord:
    """The row of a directory nothing is known of: its user's alone, of the time of the root's."""
    root = bulk.index.get(INODE, number_key(ROOT_INODE))
    uid, gid, now_ns = (root.uid, root.gid, root.ctime_ns) if root is not None else (0, 0, 0)
    return InodeRecord(
        mode=0o40700,
        uid=uid,
        gid=gid,
        nlink=2,
        size=0,
        rdev=0,
        atime_ns=now_ns,
        mtime_ns=now_ns,
        ctime_ns=now_ns,
        birth_ns=now_ns,
        parent=0,
        cookie=0,
        next_cookie=FIRST_COOKIE,
    )
