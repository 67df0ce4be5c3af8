"""Do regular files say of their bytes what their objects and extent rows say?"""

import stat
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Final

from fsmodel.content.content_ref import is_manifest, object_of
from fsmodel.content.manifest import total_of
from fsmodel.errors import DataError
from fsmodel.ids import ObjectId
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import DAMAGED, EXTENT, INODE, OBJECT, UNSETTLED, Record, Table

REGULAR: Final = stat.S_IFREG >> 12

LoadObject = Callable[[ObjectId], bytes]


def check_contents(view: IndexView, load: LoadObject) -> Iterator[Finding]:
    """Look at the content of every regular file; chunks themselves are for scrub to read."""
    for key, record in view.scan(INODE):
        if record.mode >> 12 == REGULAR:
            yield from _check_file(view, number_of(key), record, load)
        elif record.content or record.flags & InodeFlag.UNSETTLED:
            yield _finding(f"inode {number_of(key)} has content, but is no regular file")
    yield from _check_owners(view, EXTENT, "extent rows")
    yield from _check_owners(view, UNSETTLED, "a row as unsettled")


def _check_owners(view: IndexView, table: Table[Record], what: str) -> Iterator[Finding]:
    for inode, _ in groupby(view.scan(table), key=lambda row: number_of(row[0])):
        owner = view.get(INODE, number_key(inode))
        if owner is None or owner.mode >> 12 != REGULAR:
            yield _finding(f"inode {inode} has {what}, but is no regular file")


def _check_file(
    view: IndexView, inode: int, record: InodeRecord, load: LoadObject
) -> Iterator[Finding]:
    held = content_size(view, record.content, load)
    if held is None:
        return  # check_damage.py tells
    if isinstance(held, str):
        yield _finding(f"inode {inode}: {held}")
        return
    if record.content_size > held:
        yield _finding(
            f"inode {inode} counts on {record.content_size} bytes of content, which has {held}"
        )
    rows = next(view.scan_prefix(EXTENT, number_key(inode)), None) is not None
    unsettled = rows or not record.content_size == record.size == held
    flagged = bool(record.flags & InodeFlag.UNSETTLED)
    if unsettled != flagged:
        yield _finding(
            f"inode {inode} is said to be {'unsettled' if flagged else 'settled'}, but has "
            f"{record.size} bytes, {record.content_size} of them in a content of {held}, "
            f"{'and' if rows else 'and no'} extent rows"
        )
    if flagged != (view.get(UNSETTLED, number_key(inode)) is not None):
        yield _finding(f"inode {inode} is wrongly in, or missing from, the unsettled files")


def content_size(view: IndexView, ref: bytes, load: LoadObject) -> int | str | None:
    """The bytes a content ref names, or what is wrong with it; None when it is known to be lost."""
    named = object_of(ref)
    if named is None:
        return 0
    row = view.get(OBJECT, named)
    if row is None:
        return f"its content {named.hex()} is not stored"
    if row.plain and not is_manifest(ref):
        return row.plain
    if view.get(DAMAGED, named) is not None:
        return None
    try:
        return total_of(load(named)) if is_manifest(ref) else "its only chunk says it is empty"
    except DataError as error:
        return f"its manifest cannot be read: {error}"


def _finding(text: str) -> Finding:
    return Finding(Part.CONTENTS, text)
