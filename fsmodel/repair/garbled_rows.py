"""First step: rows that fail their own checks are taken out.

What other rows or the packs say of them is put together again by the steps that follow. The rows
of inodes and attributes are nowhere else in the index, but the last root shows them as they were
when it was written.
"""

from typing import Any, Final

from fsmodel.errors import DataError
from fsmodel.history.root_format import decode_root
from fsmodel.history.roots import current_root
from fsmodel.history.tree_entry import FIRST_PLACE, TreeEntry, placed
from fsmodel.history.tree_reader import LoadTree, entries_of_tree
from fsmodel.history.tree_rows import inode_row, xattr_row
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.rebuild.bulk import Bulk
from fsmodel.repair.repairs import Repairs
from fsmodel.upkeep.findings import Part
from lmdb_index.check import check_rows
from lmdb_index.errors import IndexCorrupt
from lmdb_index.index import Index
from lmdb_index.keys import name_of, named_key, number_key, number_of
from lmdb_index.meta import LISTED_KEY, ROOT_KEY
from lmdb_index.records import InodeRecord, RawRecord
from lmdb_index.schema import DIRENT_ORDER, INODE, META, TABLES, XATTR, Table

_TABLES: Final[dict[str, Table[Any]]] = {table.name.decode(): table for table in TABLES}


def remove_garbled(bulk: Bulk, repairs: Repairs) -> list[tuple[Table[Any], bytes]]:
    """Take out every row that fails its checks; return which those were.

    Raises IndexCorrupt when it is more than rows: then only making the index again helps.
    """
    removed: list[tuple[Table[Any], bytes]] = []
    for found in list(check_rows(bulk.index)):
        table = _TABLES[found.table]
        if not found.key or (table is META and found.key not in {ROOT_KEY, LISTED_KEY}):
            raise IndexCorrupt(found.text)
        for key, value in bulk.index.scan_unpacked(table, found.key, found.key + b"\0"):
            repairs.keep(table, key, value)
        bulk.delete(table, found.key)
        repairs.note(Part.INDEX, f"{found.text.partition(': run cairnfs')[0]}: set aside")
        removed.append((table, found.key))
    left = next(check_rows(bulk.index), None) if removed else None
    if left is not None:  # it was no row: what holds the rows is damaged
        raise IndexCorrupt(left.text)
    return removed


class Remembered:
    """Inodes as the last root shows them. Read when somebody asks, and once."""

    def __init__(self, index: Index, load: LoadTree) -> None:
        self._index = index
        self._load = load
        self._wanted: set[int] = set()
        self._found: dict[int, tuple[TreeEntry, int]] = {}

    def look_for(self, inodes: set[int]) -> None:
        """Find out what there is to know of some inodes, reading all trees of the last root.

        A tree that cannot be read is passed over. Memory grows with what is looked for.
        """
        self._found.clear()
        root_id = current_root(self._index)
        if root_id is None or not inodes:
            return
        try:
            root = decode_root(self._load(root_id)).directory
        except DataError:
            return
        self._found = {ROOT_INODE: (root, 0)} if ROOT_INODE in inodes else {}
        directories = [(int(ROOT_INODE), ObjectId(root.tree))]
        while directories:
            directory, tree = directories.pop()
            try:
                for each in entries_of_tree(self._load, tree):
                    for entry, above, _ in placed([each]):
                        if entry.inode in inodes:
                            self._note(entry, above or directory)
                        if entry.tree:
                            directories.append((entry.inode, ObjectId(entry.tree)))
            except DataError:
                continue

    def inode(self, inode: int) -> InodeRecord | None:
        """The row that an inode had when the root was written."""
        if inode not in self._found:
            return None
        entry, directory = self._found[inode]
        return inode_row(entry, directory, entry.cookie if directory else 0)

    def xattr(self, inode: int, name: bytes) -> bytes | None:
        """The value that an attribute had when the root was written."""
        if inode not in self._found:
            return None
        for xattr in self._found[inode][0].xattrs:
            if xattr.name == name:
                try:
                    return xattr_row(xattr, self._load)
                except DataError:
                    return None
        return None

    def _note(self, entry: TreeEntry, directory: int) -> None:
        if entry.flags & FIRST_PLACE or entry.inode not in self._found:
            self._found[entry.inode] = entry, directory


def restore_remembered(
    bulk: Bulk, repairs: Repairs, remembered: Remembered, removed: list[tuple[Table[Any], bytes]]
) -> None:
    """Bring inodes and attributes back that names lead to or inodes had, as the last root has them.

    What it does not show is lost: names of lost files are removed by names.py.
    """
    xattrs = [key for table, key in removed if table is XATTR]
    lost = {number_of(key) for key in xattrs}
    missing = {
        entry.inode
        for _, entry in bulk.index.scan(DIRENT_ORDER)
        if bulk.index.get(INODE, number_key(entry.inode)) is None
    }
    if bulk.index.get(INODE, number_key(ROOT_INODE)) is None:
        missing.add(int(ROOT_INODE))
    remembered.look_for(lost | missing)
    for inode in sorted(missing):
        record = remembered.inode(inode)
        if record is not None:
            bulk.put(INODE, number_key(inode), record)
            repairs.note(Part.NAMES, f"inode {inode} is as the last root shows it")
    for key in xattrs:
        inode, name = number_of(key), name_of(key)
        value = remembered.xattr(inode, name)
        if value is not None:
            bulk.put(XATTR, named_key(inode, name), RawRecord(value))
        state = "is as the last root shows it" if value is not None else "is lost"
        repairs.note(Part.NAMES, f"attribute {name!r} of inode {inode} {state}")
