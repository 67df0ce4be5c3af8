"""Copies files and trees without their data, as `cp -a --reflink` would if it could.

Copies name the same contents. They keep modes, owners, attributes, access lists, times, and which
names are of one file. A copy is made aside, in a hidden folder, in changes of a bounded number of
rows, and then gets its name in one change: nobody sees half of it. What a killed process has left
in that folder is removed at the next start.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.ids import InodeId, ObjectId
from fsmodel.namespace.directories import FIRST_COOKIE
from fsmodel.namespace.inodes import DIRECTORY, REGULAR, bytes_counter, counters_of
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.originals import Original, Originals
from fsmodel.namespace.places import Place, add_place
from fsmodel.steps import PAUSE, Steps
from fsmodel.store.objects import ObjectStore
from lmdb_index.keys import number_key, pair_key
from lmdb_index.records import InodeFlag, InodeRecord, RawRecord
from lmdb_index.schema import EXTENT, UNSETTLED

ASIDE: Final = b"copies"  # folder of the hidden part of the tree
CHANGE_ROWS: Final = 128  # copies in one change: some 10 ms
CHANGE_BYTES: Final = 4 << 20  # of attributes and extents in one change; one copy may exceed it

_PRESENT: Final = RawRecord()

Finish = Callable[[Change, InodeRecord], None]


def unchanged(change: Change, record: InodeRecord) -> None:
    """A Finish that leaves a copy as it was made."""


@dataclass(slots=True)
class _Open:
    """A directory whose entries are being copied."""

    original: Original
    copy: InodeId
    after: object = None


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that has no place yet, whole or in progress."""

    name: bytes  # in the folder aside
    inode: InodeId
    links: dict[int, InodeId] = field(default_factory=dict)  # copies of files of several names
    unsettled: list[InodeId] = field(default_factory=list)  # with bytes that are in no content


class Copier:
    """Makes copies in the folder aside. Owner: the thread that owns the index."""

    def __init__(self, changes: Changes, namespace: Namespace, objects: ObjectStore) -> None:
        self._changes = changes
        self._names = namespace
        self._objects = objects

    def begin(self, top: Original, finish: Finish = unchanged) -> Copied:
        """Make the copy of an original, without what is below it, aside.

        `finish` may change its row in the same change. Raises ChunkNotFound when its content is no
        longer stored, NoSpace.
        """
        with self._changes.begin() as change:
            aside = self._names.system.folder(change, ASIDE)
            inode = change.add_inode(_record_of(change, top))
            copied = Copied(b"%d" % inode, inode)
            self._complete_inode(change, copied, inode, top)
            self._add_name(change, aside, copied.name, inode, top.mode >> 12)
            finish(change, change.edit(inode))
        return copied

    def fill(self, source: Originals, top: Original, copied: Copied) -> Steps[None]:
        """Copy all that is below an original. When this ends early, the rest is missing.

        Raises ChunkNotFound when a content is no longer stored, NoSpace, DataError, and Stale for
        what is gone.
        """
        if top.mode >> 12 == DIRECTORY:
            yield from self._copy_below(source, copied, _Open(top, copied.inode))

    def _copy_below(self, source: Originals, copied: Copied, top: _Open) -> Steps[None]:
        stack = [top]
        rows = 0
        while stack:
            directory = stack[-1]
            children = yield from source.children(directory.original, directory.after)
            if not children:
                self._finish(stack.pop())
                continue
            directory.after = children[-1].position
            while children:
                done = self._copy_some(copied, directory, children, stack)
                rows += done
                children = children[done:]
            if rows >= CHANGE_ROWS:
                rows = 0
                yield PAUSE

    def _copy_some(
        self, copied: Copied, directory: _Open, children: list[Original], stack: list[_Open]
    ) -> int:
        """Copy the first entries of a directory in one change; returns how many."""
        opened: list[_Open] = []
        done = size = 0
        with self._changes.begin() as change:
            for done, original in enumerate(children[:CHANGE_ROWS], 1):  # noqa: B007
                known = copied.links.get(original.inode)
                inode = known or self._make_inode(change, copied, original)
                kind = original.mode >> 12
                self._add_name(change, directory.copy, original.name, inode, kind)
                if kind == DIRECTORY:
                    opened.append(_Open(original, inode))
                size += _weight(original)
                if size >= CHANGE_BYTES:
                    break
        stack += reversed(opened)
        return done

    def _finish(self, directory: _Open) -> None:
        """All entries are there: let the directory bear the times of the original."""
        with self._changes.begin() as change:
            record = change.edit(directory.copy)
            record.atime_ns = directory.original.atime_ns
            record.mtime_ns = directory.original.mtime_ns

    def _add_name(
        self, change: Change, directory: InodeId, name: bytes, inode: InodeId, kind: int
    ) -> None:
        cookie = self._names.directories.insert(change, directory, name, inode, kind)
        add_place(change, inode, Place(directory, cookie))

    def _make_inode(self, change: Change, copied: Copied, original: Original) -> InodeId:
        """An inode that no entry names yet."""
        inode = change.add_inode(_record_of(change, original))
        self._complete_inode(change, copied, inode, original)
        return inode

    def _complete_inode(
        self, change: Change, copied: Copied, inode: InodeId, original: Original
    ) -> None:
        """Count an inode just made, and give it all that is not in its row."""
        for counter in counters_of(change.inode(inode)):
            change.operation.add(counter, 1)
        if original.content:
            self._objects.add_reference(change, ObjectId(original.content[1:]))
        for name, value in original.xattrs:
            self._names.xattrs.put(change, inode, name, value)
        if original.mode >> 12 == REGULAR:
            change.operation.add(bytes_counter(change.inode(inode)), original.size)
            if original.unsettled:
                self._mark_unsettled(change, copied, inode, original)
        if original.nlink > 1 and original.mode >> 12 != DIRECTORY:
            copied.links[original.inode] = inode

    def _mark_unsettled(
        self, change: Change, copied: Copied, inode: InodeId, original: Original
    ) -> None:
        for number, extent in enumerate(original.extents):
            change.operation.put(EXTENT, pair_key(inode, number), extent)
        change.operation.put(UNSETTLED, number_key(inode), _PRESENT)
        change.edit(inode).flags |= InodeFlag.UNSETTLED
        copied.unsettled.append(inode)


def _weight(original: Original) -> int:
    values = sum(len(value) for _, value in original.xattrs)
    return values + sum(len(extent.data) for extent in original.extents)


def _record_of(change: Change, original: Original) -> InodeRecord:
    """The row of a copy, before anything names it."""
    is_directory = original.mode >> 12 == DIRECTORY
    return InodeRecord(
        mode=original.mode,
        uid=original.uid,
        gid=original.gid,
        nlink=2 if is_directory else 0,
        size=0 if is_directory else original.size,
        rdev=original.rdev,
        atime_ns=original.atime_ns,
        mtime_ns=original.mtime_ns,
        ctime_ns=change.now_ns,
        birth_ns=change.now_ns,
        parent=0,
        cookie=0,
        content=original.content,
        content_size=original.content_size,
        next_cookie=FIRST_COOKIE if is_directory else 0,
        target=original.target,
    )
