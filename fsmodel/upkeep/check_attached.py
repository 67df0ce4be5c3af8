"""Do the rows that belong to an inode or to an entry have that inode or entry?

check_names.py goes from entries to inodes and back. What neither of them asks for is looked at
here: entries by name that no listing shows, links and attributes of nobody.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import name_of, number_key, number_of, pair_key
from lmdb_index.records import InodeFlag
from lmdb_index.schema import DIRENT, DIRENT_ORDER, INODE, LINK, ORPHAN, XATTR, Record, Table

DIRECTORY: Final = 0o040000 >> 12


def check_attached(view: IndexView) -> Iterator[Finding]:
    """Look at every row that is found through another one."""
    yield from _check_entries(view)
    yield from _check_links(view)
    yield from _check_xattrs(view)
    for inode in _owners(view, ORPHAN):
        if view.get(INODE, number_key(inode)) is None:
            yield _finding(f"inode {inode} is listed as an orphan, but does not exist")


def _check_entries(view: IndexView) -> Iterator[Finding]:
    """Every name leads to a listed entry, and its directory knows that its number is taken."""
    for key, dirent in view.scan(DIRENT):
        directory, name = number_of(key), name_of(key)
        listed = view.get(DIRENT_ORDER, pair_key(directory, dirent.cookie))
        if listed is None or listed.name != name:
            yield _finding(f"entry {name!r} of directory {directory} is found, but not listed")
        elif (listed.inode, listed.kind) != (dirent.inode, dirent.kind):
            yield _finding(
                f"entry {name!r} of directory {directory} is inode {dirent.inode} by name, and "
                f"inode {listed.inode} in the listing"
            )
        owner = view.get(INODE, number_key(directory))
        if owner is not None and dirent.cookie >= owner.next_cookie:
            yield _finding(
                f"entry {name!r} of directory {directory} has number {dirent.cookie}, which is "
                f"not given out yet"
            )


def _check_links(view: IndexView) -> Iterator[Finding]:
    """Only files with several names have rows in `link`; check_names.py looks where those lead."""
    for inode in _owners(view, LINK):
        owner = view.get(INODE, number_key(inode))
        if owner is None or owner.mode >> 12 == DIRECTORY or owner.nlink < 2:
            yield _finding(f"inode {inode} has a row for a second name, but no second name")


def _check_xattrs(view: IndexView) -> Iterator[Finding]:
    for inode in _owners(view, XATTR):
        owner = view.get(INODE, number_key(inode))
        if owner is None:
            yield _finding(f"inode {inode} has attributes, but does not exist")
        elif not owner.flags & InodeFlag.HAS_XATTRS:
            yield _finding(f"inode {inode} has attributes, but says it has none")
    for key, record in view.scan(INODE):
        if record.flags & InodeFlag.HAS_XATTRS and not _has_rows(view, XATTR, key):
            yield _finding(f"inode {number_of(key)} says it has attributes, but has none")


def _owners(view: IndexView, table: Table[Record]) -> Iterator[int]:
    """The inodes that have rows in a table keyed by them."""
    return (inode for inode, _ in groupby(view.scan(table), key=lambda row: number_of(row[0])))


def _has_rows(view: IndexView, table: Table[Record], prefix: bytes) -> bool:
    return next(view.scan_prefix(table, prefix), None) is not None


def _finding(text: str) -> Finding:
    return Finding(Part.NAMES, text)
