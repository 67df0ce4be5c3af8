"""Third step: inodes have names, and say of them what is so.

Each inode's places, links, counts and flags are derived from the entries, which agree by now. What
has no name gets one in `lost+found`, a directory of the root that is made when it is needed: the
inode's number behind a `#`.
"""

from itertools import count, groupby
from typing import Any, Final

from fsmodel.ids import ROOT_INODE
from fsmodel.rebuild.bulk import Bulk
from fsmodel.repair.entries import Entries, new_directory
from fsmodel.repair.repairs import Repairs
from fsmodel.upkeep.check_names import DIRECTORY
from fsmodel.upkeep.findings import Part
from lmdb_index.keys import (
    named_key,
    number_key,
    number_of,
    pair_key,
    pair_of,
    triple_key,
    triple_of,
)
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import DIRENT, DIRENT_ORDER, INODE, LINK, ORPHAN, XATTR, Table

LOST_AND_FOUND: Final = b"lost+found"

Places = list[tuple[int, int]]


class Inodes:
    """Puts the rows of inodes in order."""

    def __init__(self, bulk: Bulk, repairs: Repairs, entries: Entries) -> None:
        self._bulk = bulk
        self._repairs = repairs
        self._entries = entries
        self._nameless: list[int] = []
        self._adopter = 0  # the directory lost+found, once it was needed

    def repair(self) -> None:
        """Go through all inodes, and the rows that hang on them."""
        last = max((number_of(key) for key, _ in self._bulk.index.scan(INODE)), default=0)
        self._bulk.raise_counter("last_inode", last)
        self._make_root()
        self._remove_of_nobody(LINK)
        self._remove_of_nobody(ORPHAN)
        self._remove_of_nobody(XATTR)
        for key, record in self._bulk.index.scan(INODE):
            self._places(number_of(key), record)
        for key, record in self._bulk.index.scan(INODE):
            if record.mode >> 12 == DIRECTORY and record.parent:
                self._cut_loop(number_of(key), record)
        for inode in self._nameless:
            self._adopt(inode)
        for key, record in self._bulk.index.scan(INODE):
            if record.mode >> 12 == DIRECTORY:
                self._counts(number_of(key), record)
            self._flags(number_of(key))

    def _make_root(self) -> None:
        root = self._entries.inode(ROOT_INODE)
        if root is None or root.mode >> 12 != DIRECTORY:
            self._repairs.remove(self._bulk, INODE, number_key(ROOT_INODE))
            made = new_directory(self._bulk)
            made.mode = 0o40755
            self._bulk.put(INODE, number_key(ROOT_INODE), made)
            self._note("the root directory was made again")
        elif (root.parent, root.cookie) != (0, 0):
            root.parent = root.cookie = 0
            self._bulk.put(INODE, number_key(ROOT_INODE), root)
            self._note("the root directory has no name")

    def _remove_of_nobody(self, table: Table[Any]) -> None:
        """Rows of inodes that do not exist, and further names of directories."""
        rows = self._bulk.index.scan(table)
        for inode, found in groupby(rows, key=lambda row: number_of(row[0])):
            owner = self._entries.inode(inode)
            if owner is None or (table is LINK and owner.mode >> 12 == DIRECTORY):
                for key, _ in found:
                    self._repairs.remove(self._bulk, table, key)
                self._note(f"rows of inode {inode} in {table.name.decode()} were removed")

    def _places(self, inode: int, record: InodeRecord) -> None:
        """Let an inode remember the names it has, and no other."""
        if inode == ROOT_INODE:
            return
        own = (record.parent, record.cookie)
        places = self._true_links(inode, own)
        if self._entries.names(*own, inode):
            places.insert(0, own)
        elif places:
            record.parent, record.cookie = places[0]
            self._bulk.delete(LINK, triple_key(inode, *places[0]))
        else:
            record.parent = record.cookie = 0
        links = record.nlink if record.mode >> 12 == DIRECTORY else len(places)
        if (record.parent, record.cookie) != own or links != record.nlink:
            record.nlink = links
            self._bulk.put(INODE, number_key(inode), record)
            self._note(f"inode {inode} has {len(places)} names")
        self._is_orphan(inode, record, named=bool(places))

    def _true_links(self, inode: int, own: tuple[int, int]) -> Places:
        """The places in `link` that are names of an inode; the other rows go."""
        places: Places = []
        for key, _ in self._bulk.index.scan_prefix(LINK, number_key(inode)):
            place = triple_of(key)[1:]
            if place != own and self._entries.names(*place, inode):
                places.append(place)
            else:
                self._bulk.delete(LINK, key)
                self._note(f"inode {inode} has no second name in directory {place[0]}")
        return places

    def _is_orphan(self, inode: int, record: InodeRecord, *, named: bool) -> None:
        """An inode without a name is an orphan if a row says so and it can be one."""
        key = number_key(inode)
        listed = self._bulk.index.get(ORPHAN, key) is not None
        lost = not named and (not listed or self._has_entries(inode))
        if listed and (named or lost):
            self._bulk.delete(ORPHAN, key)
            self._note(f"inode {inode} is no orphan")
        if lost:
            self._nameless.append(inode)
        elif listed and not named and record.nlink:
            record.nlink = 0
            self._bulk.put(INODE, key, record)
            self._note(f"inode {inode} is an orphan, and has no links")

    def _cut_loop(self, directory: int, record: InodeRecord) -> None:
        """A directory that lies in itself loses its name; it gets one in lost+found."""
        seen: set[int] = set()
        at, above = record.parent, self._entries.inode(record.parent)
        while above is not None and at not in (ROOT_INODE, directory) and at not in seen:
            seen.add(at)
            at = above.parent
            above = self._entries.inode(at)
        if at != directory:
            return
        entry = self._bulk.index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
        assert entry is not None
        self._entries.remove(record.parent, record.cookie, entry.name)
        record.parent = record.cookie = 0
        self._bulk.put(INODE, number_key(directory), record)
        self._note(f"directory {directory} was cut out of itself")
        self._nameless.append(directory)

    def _adopt(self, inode: int) -> None:
        """Give an inode a name in lost+found."""
        self._adopter = self._adopter or self._lost_and_found()
        record, folder = self._entries.inode(inode), self._entries.inode(self._adopter)
        assert record is not None and folder is not None
        name = self._free_name(self._adopter, b"#%d" % inode)
        record.parent, record.cookie = self._adopter, folder.next_cookie
        record.nlink = record.nlink if record.mode >> 12 == DIRECTORY else 1
        self._entries.put(self._adopter, folder.next_cookie, name, inode, record.mode >> 12)
        folder.next_cookie += 1
        self._bulk.put(INODE, number_key(self._adopter), folder)
        self._bulk.put(INODE, number_key(inode), record)
        self._note(f"inode {inode}, which had no name, is /lost+found/{name.decode()}")

    def _lost_and_found(self) -> int:
        """The directory for what has no name; made if there is none."""
        found = self._bulk.index.get(DIRENT, named_key(ROOT_INODE, LOST_AND_FOUND))
        if found is not None and found.kind == DIRECTORY:
            return found.inode
        inode = self._bulk.index.counter("last_inode") + 1
        self._bulk.raise_counter("last_inode", inode)
        root, made = self._entries.inode(ROOT_INODE), new_directory(self._bulk)
        assert root is not None
        made.parent, made.cookie = ROOT_INODE, root.next_cookie
        self._bulk.put(INODE, number_key(inode), made)
        name = self._free_name(ROOT_INODE, LOST_AND_FOUND)
        self._entries.put(ROOT_INODE, root.next_cookie, name, inode, DIRECTORY)
        root.next_cookie += 1
        self._bulk.put(INODE, number_key(ROOT_INODE), root)
        return inode

    def _free_name(self, directory: int, name: bytes) -> bytes:
        names = (name if number == 1 else b"%s-%d" % (name, number) for number in count(1))
        return next(
            each
            for each in names
            if self._bulk.index.get(DIRENT, named_key(directory, each)) is None
        )

    def _counts(self, directory: int, record: InodeRecord) -> None:
        """Entries, links and the next number of a directory."""
        entries = subdirectories = 0
        following = record.next_cookie
        for key, entry in self._bulk.index.scan_prefix(DIRENT_ORDER, number_key(directory)):
            entries += 1
            subdirectories += entry.kind == DIRECTORY
            following = max(following, pair_of(key)[1] + 1)
        orphan = self._bulk.index.get(ORPHAN, number_key(directory)) is not None
        links = 0 if orphan else 2 + subdirectories
        if (record.size, record.nlink, record.next_cookie) != (entries, links, following):
            record.size, record.nlink, record.next_cookie = entries, links, following
            self._bulk.put(INODE, number_key(directory), record)
            self._note(f"directory {directory} has {entries} entries and {links} links")

    def _flags(self, inode: int) -> None:
        """Whether there are attributes."""
        record = self._entries.inode(inode)
        assert record is not None
        has = next(self._bulk.index.scan_prefix(XATTR, number_key(inode)), None) is not None
        if has != bool(record.flags & InodeFlag.HAS_XATTRS):
            record.flags ^= InodeFlag.HAS_XATTRS
            self._bulk.put(INODE, number_key(inode), record)
            self._note(f"inode {inode} says that it has {'' if has else 'no '}attributes")

    def _has_entries(self, inode: int) -> bool:
        rows = self._bulk.index.scan_prefix(DIRENT_ORDER, number_key(inode))
        return next(rows, None) is not None

    def _note(self, text: str) -> None:
        self._repairs.note(Part.NAMES, text)
