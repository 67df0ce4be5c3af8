"""Lets versions go: those beyond count and age, and the oldest of all when room is needed.

What has to be done at once is done with each new version of a name. The rest is found by going
through all folders now and then, in small changes with pauses between them.
"""

import heapq
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Final, NamedTuple

from fsmodel.change import Change
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import DIRECTORY
from fsmodel.steps import PAUSE, Steps
from fsmodel.versions.policy import NO_VERSIONS, VersionPolicy
from fsmodel.versions.version_folders import Names
from fsmodel.versions.version_names import STAMP_DIGITS, split_entry, stamp_of
from fsmodel.versions.version_parts import VersionParts
from fsmodel.versions.version_rows import Version
from lmdb_index.keys import after_prefix, name_of, named_key, pair_key
from lmdb_index.records import InodeFlag
from lmdb_index.schema import DIRENT, DIRENT_ORDER

DROPPED_AT_ONCE_MAX: Final = 32  # versions, in the change that makes another
BATCH_MAX: Final = 256  # versions to a change
LOOKED_AT_MAX: Final = 2_000  # entries read without a pause
OLDEST_MAX: Final = 4_096  # versions found in one search for the oldest
_FOLDER: Final = -1  # in place of a stamp


class _Folder(NamedTuple):
    folder: InodeId
    visible: InodeId | None  # the directory it is for; None when that is gone
    policy: VersionPolicy


class Retention:
    """Deletes versions. Owner: the thread that owns the index."""

    def __init__(self, parts: VersionParts) -> None:
        self._index = parts.index
        self._changes = parts.changes
        self._inodes = parts.inodes
        self._directories = parts.namespace.directories
        self._links = parts.namespace.links
        self._folders = parts.folders
        self._rows = parts.rows
        self._policies = parts.policies

    def drop(self, change: Change, version: Version) -> None:
        """Delete a version; one that is being read stays readable for whoever has it open."""
        change.edit(version.inode).flags &= ~InodeFlag.LOCKED
        self._links.unlink(change, version.folder, version.entry)

    def trim(
        self, change: Change, versions: Sequence[Version], policy: VersionPolicy, others: int
    ) -> None:
        """Drop what a policy does not allow among the versions of a name, oldest first.

        There will be so many `others`, newer ones, besides.
        """
        surplus = _surplus(versions, policy, change.now_ns, others)
        for version in surplus[:DROPPED_AT_ONCE_MAX]:
            self.drop(change, version)

    def sweep(self) -> Steps[int]:
        """Drop all that the policies do not allow, and folders with nothing in them.

        Returns the number of versions dropped. Those of a name that lie in several generations
        are counted in each by itself here, and together when the name gets another version.
        """
        policy = self._policies.of(ROOT_INODE)
        mirrors = [_Folder(each, ROOT_INODE, policy) for each in self._folders.generations()]
        return (yield from self._sweep([*mirrors, *self._dropped()]))

    def drop_all(self) -> Steps[int]:
        """Drop every version; returns how many."""
        return (yield from self.drop_below(()))

    def drop_below(self, path: Names) -> Steps[int]:
        """Drop every version of what is or was below a directory; returns how many."""
        doomed = [_Folder(each, None, NO_VERSIONS) for each in self._folders.at(path)]
        return (yield from self._sweep([*doomed, *self._dropped()]))

    def drop_named(self, path: Names, name: bytes) -> Steps[int]:
        """Drop every version of a name in what is or was a directory; returns how many."""
        versions = self._rows.of(self._folders.at(path), name)
        return (yield from self._drop_each(versions))

    def drop_oldest(self, share: int) -> Steps[int]:
        """Drop the oldest of all versions, one in `share` of them; returns how many."""
        wanted = min(max(self._index.counter("versions") // share, 1), OLDEST_MAX)
        oldest: list[tuple[int, Version]] = []  # a heap: the newest of them first
        pending = [*self._folders.generations(), *(each.folder for each in self._dropped())]
        while pending:
            folder, after = pending.pop(), b""
            while rows := list(islice(self._entries(folder, after), LOOKED_AT_MAX)):
                for version in rows:
                    if version.stamp_us == _FOLDER:
                        pending.append(version.inode)
                    elif len(oldest) < wanted:
                        heapq.heappush(oldest, (-version.stamp_us, version))
                    else:
                        heapq.heappushpop(oldest, (-version.stamp_us, version))
                after = rows[-1].entry
                yield PAUSE
        return (yield from self._drop_each([version for _, version in sorted(oldest)][::-1]))

    def _sweep(self, roots: Sequence[_Folder]) -> Steps[int]:
        """Go through folders and all below; folders go after what is in them."""
        count = 0
        stack = [(each, False) for each in roots]
        while stack:
            folder, is_done = stack.pop()
            if is_done:
                self._remove_if_empty(folder.folder)
                continue
            if folder not in roots:
                stack.append((folder, True))
            after = b""
            while rows := list(islice(self._entries(folder.folder, after), LOOKED_AT_MAX)):
                below = [self._inside(folder, row) for row in rows if row.stamp_us == _FOLDER]
                stack += [(each, False) for each in below]
                count += yield from self._drop_each(self._doomed(folder, rows))
                after = rows[-1].entry
                yield PAUSE
        return count

    def _doomed(self, folder: _Folder, rows: Sequence[Version]) -> list[Version]:
        now_ns, found = self._changes.now_ns(), []
        files = (row for row in rows if row.stamp_us != _FOLDER)
        for _, versions in groupby(files, key=lambda row: row.entry[:-STAMP_DIGITS]):
            found += _surplus(list(versions), folder.policy, now_ns)
        return found

    def _inside(self, folder: _Folder, row: Version) -> _Folder:
        """A folder in a folder, with the policy of the directory it is for, or was for."""
        if folder.visible is not None:
            dirent = self._directories.find(folder.visible, row.entry)
            if dirent is not None and dirent.kind == DIRECTORY:
                visible = InodeId(dirent.inode)
                return _Folder(row.inode, visible, self._policies.of(visible))
        return _Folder(row.inode, None, folder.policy)

    def _dropped(self) -> list[_Folder]:
        dropped = self._folders.dropped()
        return [] if dropped is None else [_Folder(dropped, None, NO_VERSIONS)]

    def _entries(self, folder: InodeId, after: bytes) -> Iterator[Version]:
        """What is in a folder behind an entry: versions, and folders as if they were some."""
        start, stop = named_key(folder, after + b"\0"), after_prefix(named_key(folder, b""))
        for key, dirent in self._index.scan(DIRENT, start, stop):
            entry = name_of(key)
            parts = split_entry(entry)
            stamp = parts[1] if parts and dirent.kind != DIRECTORY else _FOLDER
            yield Version(stamp, InodeId(dirent.inode), folder, entry)

    def _drop_each(self, versions: Sequence[Version]) -> Steps[int]:
        """Drop versions that are still there, some at a time."""
        count = 0
        for first in range(0, len(versions), BATCH_MAX):
            with self._changes.begin() as change:
                for version in versions[first : first + BATCH_MAX]:
                    if self._directories.find(version.folder, version.entry) is not None:
                        self.drop(change, version)
                        count += 1
            yield PAUSE
        return count

    def _remove_if_empty(self, folder: InodeId) -> None:
        record = self._inodes.find(folder)
        if record is None or record.size:
            return
        row = self._index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
        if row is not None:
            with self._changes.begin() as change:
                self._folders.begin(change)
                self._links.rmdir(change, InodeId(record.parent), row.name)


def _surplus(
    versions: Sequence[Version], policy: VersionPolicy, now_ns: int, others: int = 0
) -> list[Version]:
    """Those among the versions of a name, oldest first, that a policy does not allow."""
    if not policy.keeps:
        return list(versions)
    oldest_us = stamp_of(now_ns - policy.age_max_ns)
    beyond = len(versions) + others - policy.count
    return [
        version
        for number, version in enumerate(versions)
        if number < beyond or version.stamp_us < oldest_us
    ]
