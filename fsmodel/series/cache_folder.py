"""`cache/`: bounded by bytes, files and age, and the least recently used goes first.

A file was used when it was written or opened last. That is noted in memory; what a file's access
time says, which moves once a day, stands in for it after a restart. What goes leaves no version,
and takes with it the folders that it leaves empty. Nothing outside `cache/` is ever evicted.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from fsmodel.change import Change, Changes
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import DIRECTORY, REGULAR, Creator
from fsmodel.namespace.links import Links
from fsmodel.namespace.names import OrdinaryNames
from fsmodel.namespace.namespace import Namespace
from fsmodel.outside_changes import EntryChanged
from fsmodel.series.layout import CACHE, EMPTIED, TEMP
from fsmodel.series.unchecked_names import UncheckedNames
from fsmodel.steps import PAUSE, Steps
from lmdb_index.index import Index
from lmdb_index.records import InodeRecord

REMEMBERED_MAX: Final = 65_536  # uses; about 100 bytes each
BATCH_ENTRIES: Final = 256  # looked at between two turns of others
BATCH_EVICTED: Final = 64  # removed in one change
SWEEP_NS: Final = 60 * 10**9  # between two looks for what has become too old
SHARE: Final = 10  # a look is due when the store has grown by this part of a bound


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much `cache/` may hold."""

    bytes_max: int = 1 << 30
    files_max: int = 100_000
    ttl_seconds: float = 7 * 24 * 3600.0  # since the last use


DEFAULT_CACHE_LIMITS: Final = CacheLimits()


@dataclass(slots=True)
class Evicted:
    """What a look at the cache has found, and what it has removed."""

    files: int = 0
    size_bytes: int = 0
    evicted_files: int = 0
    evicted_bytes: int = 0


class _Cached(NamedTuple):
    used_ns: int
    inode: InodeId
    size: int
    directory: InodeId
    name: bytes


class CacheFolder:
    """Keeps the folder within its bounds. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        changes: Changes,
        namespace: Namespace,
        limits: CacheLimits,
        is_open: Callable[[InodeId], bool],
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._changes = changes
        self._namespace = namespace
        self.limits = limits  # may be replaced at any time
        self._is_open = is_open
        self._links = Links(namespace.directories, namespace.orphans, OrdinaryNames())
        self._names = UncheckedNames(inodes, namespace)
        self._used: OrderedDict[InodeId, int] = OrderedDict()
        self._looked_ns = 0
        self._seen = (0, 0)
        self._known: InodeId | None = None  # the folder, as the root has it that is known
        self._known_root: InodeRecord | None = None
        self.entry_changed: EntryChanged = lambda directory, name: None

    def note_use(self, inode: InodeId) -> None:
        """A file has been opened."""
        cache = self._folder()
        if cache is None or not self._is_below(inode, cache):
            return
        self._used[inode] = self._changes.now_ns()
        self._used.move_to_end(inode)
        if len(self._used) > REMEMBERED_MAX:
            self._used.popitem(last=False)

    def empty_temp(self) -> None:
        """Let `cache/temp/` be empty; what was in it goes bit by bit (removal.py).

        Raises NotPermitted when anything in it is locked.
        """
        cache = self._folder()
        temp = None if cache is None else self._names.find(cache, TEMP)
        if cache is None or temp is None or not self._inodes.get(temp).size:
            return
        self._names.require_unlocked_below(temp)
        with self._changes.begin() as change:
            record = change.inode(temp)
            emptied = self._names.system.folder(change, EMPTIED)
            self._names.rename(change, cache, TEMP, emptied, b"%d" % temp)
            owner = Creator(record.uid, record.gid)
            self._names.make_directory(change, cache, TEMP, record.mode & 0o1777, owner)

    def is_due(self) -> bool:
        """Whether it is time for another look."""
        if self._folder() is None:
            return False
        size, files = self._figures()
        return (
            self._changes.now_ns() - self._looked_ns >= SWEEP_NS
            or (size - self._seen[0]) * SHARE >= self.limits.bytes_max
            or (files - self._seen[1]) * SHARE >= self.limits.files_max
        )

    def sweep(self) -> Steps[Evicted]:
        """Remove what is too old, then the least recently used until the rest is within bounds."""
        found: list[_Cached] = []
        cache = self._folder()
        if cache is not None:
            for number, cached in enumerate(self._files(cache)):
                found.append(cached)
                if number % BATCH_ENTRIES == 0:
                    yield PAUSE
        evicted = Evicted(len(found), sum(cached.size for cached in found))
        goes = list(self._choice(found, evicted))
        for start in range(0, len(goes), BATCH_EVICTED):
            self._evict(goes[start : start + BATCH_EVICTED], evicted)
            yield PAUSE
        self._looked_ns, self._seen = self._changes.now_ns(), self._figures()
        return evicted

    def _choice(self, found: list[_Cached], held: Evicted) -> Iterator[_Cached]:
        """What is to go."""
        files, size = held.files, held.size_bytes
        oldest_ns = self._changes.now_ns() - int(self.limits.ttl_seconds * 10**9)
        for cached in sorted(found):
            fits = files <= self.limits.files_max and size <= self.limits.bytes_max
            if fits and cached.used_ns >= oldest_ns:
                return
            if self._is_locked(cached):
                continue
            files, size = files - 1, size - cached.size
            yield cached

    def _evict(self, batch: list[_Cached], evicted: Evicted) -> None:
        gone = []
        with self._changes.begin() as change:
            for cached in batch:
                if self._is_unused_since(cached):
                    self._links.unlink(change, cached.directory, cached.name)
                    gone.append((cached.directory, cached.name))
                    gone += self._remove_empty(change, cached.directory)
                    evicted.evicted_files += 1
                    evicted.evicted_bytes += cached.size
        for directory, name in gone:
            self.entry_changed(directory, name)

    def _is_unused_since(self, cached: _Cached) -> bool:
        """Whether a file is still there as it was found, and nobody has it open."""
        if self._names.find(cached.directory, cached.name) != cached.inode:
            return False
        if self._is_open(cached.inode) or self._is_locked(cached):
            return False
        return self._last_use(cached.inode) == cached.used_ns

    def _is_locked(self, cached: _Cached) -> bool:
        """Whether a file is to stay, as itself or as an entry."""
        is_there = self._names.find(cached.directory, cached.name) == cached.inode
        return is_there and any(map(self._names.is_locked, (cached.inode, cached.directory)))

    def _remove_empty(self, change: Change, directory: InodeId) -> Iterator[tuple[InodeId, bytes]]:
        """Remove a folder that is empty now, and those above it that are then."""
        cache = self._folder()
        while change.inode(directory).size == 0 and directory != cache:
            parent = InodeId(change.inode(directory).parent)
            name = self._namespace.directories.name_of(change, directory)
            if parent == cache and name == TEMP:
                return
            if self._names.is_locked(parent) or self._names.is_locked(directory):
                return
            self._links.rmdir(change, parent, name)
            yield parent, name
            directory = parent

    def _files(self, folder: InodeId) -> Iterator[_Cached]:
        """All files below a folder."""
        waiting = [folder]
        while waiting:
            directory = waiting.pop()
            if self._inodes.find(directory) is None:
                continue  # removed meanwhile
            for entry in self._namespace.list_entries(directory):
                if entry.kind == DIRECTORY:
                    waiting.append(entry.inode)
                elif entry.kind == REGULAR:
                    size = self._inodes.get(entry.inode).size
                    used_ns = self._last_use(entry.inode)
                    yield _Cached(used_ns, entry.inode, size, directory, entry.name)

    def _last_use(self, inode: InodeId) -> int:
        record = self._inodes.get(inode)
        return max(self._used.get(inode, 0), record.atime_ns, record.mtime_ns)

    def _is_below(self, inode: InodeId, folder: InodeId) -> bool:
        while inode not in (ROOT_INODE, 0):
            inode = InodeId(self._inodes.get(inode).parent)
            if inode == folder:
                return True
        return False

    def _folder(self) -> InodeId | None:
        """The folder, if there is one; each opening of a file asks, so it is not looked for again.

        As long as the root's record is the same object, its entries are the same.
        """
        root = self._inodes.get(ROOT_INODE)
        if root is not self._known_root:
            self._known, self._known_root = self._names.find(ROOT_INODE, CACHE), root
        return self._known

    def _figures(self) -> tuple[int, int]:
        return self._index.counter("logical_bytes"), self._index.counter("files")
