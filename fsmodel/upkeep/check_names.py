"""Do inodes, directory entries and links agree?

Every name is looked at from both ends: from the directory that lists it, and from the inode that
remembers where its names are. So no table of all inodes is needed in memory.
"""

import stat
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from fsmodel.ids import ROOT_INODE
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import named_key, number_key, number_of, pair_key, pair_of, triple_of
from lmdb_index.records import DirentOrderRecord, InodeRecord
from lmdb_index.schema import DIRENT, DIRENT_ORDER, INODE, LINK, ORPHAN

DIRECTORY: Final = stat.S_IFDIR >> 12
REMEMBERED_MAX: Final = 200_000  # directories; about 60 bytes each


def check_names(view: IndexView) -> Iterator[Finding]:
    """Look at every entry and every inode."""
    if view.get(INODE, number_key(ROOT_INODE)) is None:
        yield _finding("the root directory is missing")
    rows = view.scan(DIRENT_ORDER)
    for directory, entries in groupby(rows, key=lambda row: number_of(row[0])):
        yield from _check_directory(view, directory, entries)
    ways = _WaysUp(view)
    for key, record in view.scan(INODE):
        yield from _check_inode(view, ways, number_of(key), record)


def _check_directory(
    view: IndexView, directory: int, entries: Iterator[tuple[bytes, DirentOrderRecord]]
) -> Iterator[Finding]:
    """Entries of one directory: what they name exists, and knows of them."""
    count = subdirectories = 0
    for key, entry in entries:
        _, cookie = pair_of(key)
        count += 1
        subdirectories += entry.kind == DIRECTORY
        record = view.get(INODE, number_key(entry.inode))
        name = f"entry {entry.name!r} of directory {directory}"
        if record is None:
            yield _finding(f"{name} names inode {entry.inode}, which does not exist")
        elif record.mode >> 12 != entry.kind:
            yield _finding(f"{name} says inode {entry.inode} is of another type than it is")
        elif (directory, cookie) not in places(view, entry.inode, record):
            yield _finding(f"{name} is not known to inode {entry.inode}")
        by_name = view.get(DIRENT, named_key(directory, entry.name))
        if by_name is None or by_name.inode != entry.inode or by_name.cookie != cookie:
            yield _finding(f"{name} is listed, but not found by its name")
    owner = view.get(INODE, number_key(directory))
    if owner is None or owner.mode >> 12 != DIRECTORY:
        yield _finding(f"inode {directory} has entries, but is no directory")
    elif (owner.size, owner.nlink) != (count, 2 + subdirectories):
        yield _finding(
            f"directory {directory} says it has {owner.size} entries and {owner.nlink} links, "
            f"but has {count} and {2 + subdirectories}"
        )


def _check_inode(
    view: IndexView, ways: "_WaysUp", inode: int, record: InodeRecord
) -> Iterator[Finding]:
    """One inode: its names exist, and are as many as it says."""
    orphan = view.get(ORPHAN, number_key(inode)) is not None
    if inode == ROOT_INODE:
        return
    named = places(view, inode, record)
    for directory, cookie in named:
        entry = view.get(DIRENT_ORDER, pair_key(directory, cookie))
        if entry is None or entry.inode != inode:
            yield _finding(f"inode {inode} remembers a name in directory {directory} it lacks")
    if orphan and (named or record.nlink):
        yield _finding(f"inode {inode} is an orphan and has {len(named)} names")
    elif not orphan and not named:
        yield _finding(f"inode {inode} has no name, and nothing holds it open")
    if record.mode >> 12 == DIRECTORY:
        yield from _check_place(view, inode, record, orphan=orphan)
        if not orphan and not ways.lead_up_from(record.parent):
            yield _finding(f"directory {inode} does not lead up to the root")
    elif record.nlink != len(named):
        yield _finding(f"inode {inode} says it has {record.nlink} names, but has {len(named)}")


def _check_place(
    view: IndexView, inode: int, record: InodeRecord, *, orphan: bool
) -> Iterator[Finding]:
    """A directory without entries says so, and no other one."""
    if record.size == 0 and record.nlink not in ((0,) if orphan else (2,)):
        yield _finding(f"directory {inode} is empty, but says it has {record.nlink} links")
    if record.size and next(view.scan_prefix(DIRENT_ORDER, number_key(inode)), None) is None:
        yield _finding(f"directory {inode} says it has {record.size} entries, but has none")


class _WaysUp:
    """Which directories lead up to the root, however deep they lie."""

    def __init__(self, view: IndexView) -> None:
        self._view = view
        self._known = {int(ROOT_INODE)}  # some of those that do

    def lead_up_from(self, directory: int) -> bool:
        """Whether its parents end at the root; no directory is passed twice as a rule."""
        passed: set[int] = set()
        while directory not in self._known:
            record = self._view.get(INODE, number_key(directory))
            if record is None or directory in passed:
                return False
            passed.add(directory)
            directory = record.parent
        if len(self._known) > REMEMBERED_MAX:
            self._known = {int(ROOT_INODE)}
        self._known |= passed
        return True


def places(view: IndexView, inode: int, record: InodeRecord) -> list[tuple[int, int]]:
    """Directory and cookie of each name an inode remembers."""
    own = [(record.parent, record.cookie)] if record.parent else []
    if record.mode >> 12 == DIRECTORY or record.nlink < 2:
        return own
    rows = view.scan_prefix(LINK, number_key(inode))
    return own + [triple_of(key)[1:] for key, _ in rows]


def _finding(text: str) -> Finding:
    return Finding(Part.NAMES, text)
