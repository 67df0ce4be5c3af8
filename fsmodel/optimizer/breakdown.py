"""Who takes how much: by folder, by kind of file, and what versions came on which day.

A folder is one in the root; below `output` and `projects`, one in those. A kind is what the end of
a name says. A file with several names counts where its first one is.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from fsmodel.content.lineages import extension
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.namespace.inodes import REGULAR
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.optimizer.distinct_sums import DistinctSums, Sums
from fsmodel.optimizer.file_order import chunks_of
from fsmodel.optimizer.jobs import LoadObject
from fsmodel.upkeep.index_view import IndexView
from fsmodel.versions.version_names import split_entry
from lmdb_index.keys import name_of, number_key, number_of, pair_key
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import DIRENT, DIRENT_ORDER, INODE, OBJECT

GROUPS_MAX: Final = 200  # by folder and by kind each; what comes then is put together
OTHERS: Final = "(others)"
ROOT: Final = "/"
NO_KIND: Final = "(none)"
DIVIDED: Final = (b"output", b"projects")  # folders that are told by those in them
VERSION_LEVELS: Final = 3  # of a version's path, before that of its file: .cairnfs/versions/N
DEPTH_MAX: Final = 4096
KIND_CHARACTERS_MAX: Final = 12
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Share:
    """What some files have and take. Chunks that others have as well count in full."""

    name: str
    files: int = 0
    logical_bytes: int = 0
    unique_bytes: int = 0  # distinct chunks among them
    stored_bytes: int = 0  # what the frames of those take
    versions: int = 0
    version_bytes: int = 0


@dataclass(slots=True)
class Day:
    """What was replaced, rewritten or deleted on a day, as far as its versions are still there."""

    date: str  # UTC, ISO 8601
    versions: int = 0
    version_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A store by folder, by kind and by day; the largest first, days in their order."""

    folders: tuple[Share, ...]
    kinds: tuple[Share, ...]
    days: tuple[Day, ...]
    one_in: int  # chunks that were counted for all; 1 means that sums are exact


class _Found(NamedTuple):
    """A regular file by its first name."""

    path: tuple[bytes, ...]
    record: InodeRecord


class _Groups:
    """Shares by name, as many as there may be."""

    def __init__(self, sums: DistinctSums) -> None:
        self._shares: dict[str, Share] = {}
        self._sums = sums

    def of(self, name: str) -> Share:
        """The share of a group, or that of those for which there is no room."""
        share = self._shares.get(name)
        if share is None:
            name = name if len(self._shares) < GROUPS_MAX else OTHERS
            share = self._shares.setdefault(name, Share(name))
        return share

    def add(self, share: Share, chunk: ObjectId) -> None:
        """Files of a share need a chunk."""
        self._sums.add(share.name, chunk)

    def finished(self) -> tuple[Share, ...]:
        """All shares, with what their chunks take; the largest first."""
        for name, sums in self._sums.by_group().items():
            self._shares[name].unique_bytes = sums.plain
            self._shares[name].stored_bytes = sums.stored
        order = sorted(self._shares.values(), key=lambda share: (-share.logical_bytes, share.name))
        return tuple(order)


def break_down(view: IndexView, load: LoadObject) -> Breakdown:
    """Go through all files of a view. Any thread may run it. Reads manifest pages only."""

    def look_up(chunk: ObjectId) -> Sums | None:
        row = view.get(OBJECT, chunk)
        return Sums(row.plain, row.stored) if row is not None else None

    sums = DistinctSums(look_up), DistinctSums(look_up)
    folders, kinds = map(_Groups, sums)
    days: defaultdict[str, Day] = defaultdict(lambda: Day(""))
    for file in _files(view):
        if file.record.flags & InodeFlag.VERSION:
            _count_version(file, folders, kinds, days)
        elif file.path[0] != SYSTEM_NAME:
            shares = folders.of(folder_of(file.path)), kinds.of(kind_of_name(file.path[-1]))
            for share in shares:
                share.files += 1
                share.logical_bytes += file.record.size
            for chunk in chunks_of(file.record.content, load):
                folders.add(shares[0], chunk)
                kinds.add(shares[1], chunk)
    ordered = tuple(days[date] for date in sorted(days))
    one_in = max(each.one_in for each in sums)
    return Breakdown(folders.finished(), kinds.finished(), ordered, one_in)


def folder_of(path: tuple[bytes, ...]) -> str:
    """The folder that a file counts for, without a slash at its end."""
    levels = 2 if path[0] in DIVIDED else 1
    above = path[:-1][:levels]
    return (b"/".join(above)).decode("utf-8", "surrogateescape") or ROOT


def kind_of_name(name: bytes) -> str:
    """The kind of a file by its name: `.png`."""
    kind = extension(name).lower().decode("utf-8", "surrogateescape")
    return f".{kind}" if 0 < len(kind) <= KIND_CHARACTERS_MAX else NO_KIND


def _count_version(
    file: _Found, folders: _Groups, kinds: _Groups, days: defaultdict[str, Day]
) -> None:
    parts = split_entry(file.path[-1])
    if parts is None:
        return
    name, stamp_us = parts
    path = (*file.path[VERSION_LEVELS:-1], name)
    date = (_EPOCH + timedelta(microseconds=stamp_us)).date().isoformat()
    days[date].date = date
    for counted in (folders.of(folder_of(path)), kinds.of(kind_of_name(name)), days[date]):
        counted.versions += 1
        counted.version_bytes += file.record.size


def _files(view: IndexView) -> Iterator[_Found]:
    """Every regular file once, folder by folder."""
    directory = -1
    above: tuple[bytes, ...] = ()
    for key, dirent in view.scan(DIRENT):
        if dirent.kind != REGULAR:
            continue
        record = view.get(INODE, number_key(dirent.inode))
        if record is None or (record.parent, record.cookie) != (number_of(key), dirent.cookie):
            continue
        if record.parent != directory:
            directory, above = record.parent, _path_of(view, record.parent)
        yield _Found((*above, name_of(key)), record)


def _path_of(view: IndexView, directory: int) -> tuple[bytes, ...]:
    """The names on the way to a directory; of one that leads nowhere, those that were found."""
    names: list[bytes] = []
    while directory != ROOT_INODE and len(names) < DEPTH_MAX:
        record = view.get(INODE, number_key(directory))
        if record is None:
            break
        entry = view.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
        if entry is None:
            break
        names.append(entry.name)
        directory = record.parent
    return tuple(reversed(names))
