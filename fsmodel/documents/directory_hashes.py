"""Which files of a directory have which SHA-256.

A directory is gone through once, when somebody asks; what changes in it later is noted as it
changes and looked at again when somebody asks again. So asking about each of 10,000 files costs
one pass, also while files come and go. A bounded number of directories is remembered.

Hashes that nobody has taken are taken in workers. A file that cannot be read has none, and one
whose bytes are not settled yet has none so far.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from typing import Final, NamedTuple

from fsmodel.change import Change, Changes
from fsmodel.content.digests import Digests
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import REGULAR, kind_of
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.places import places_of
from fsmodel.steps import PAUSE, Steps
from lmdb_index.index import Index
from lmdb_index.keys import pair_key
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import DIRENT_ORDER

REMEMBERED_FILES_MAX: Final = 100_000  # of all directories; about 500 bytes each
REMEMBERED_MAX: Final = 64  # directories
STRETCH_ENTRIES: Final = 256  # looked at before others have their turn


class HashedFile(NamedTuple):
    """A file, by the names it has in the directory in question."""

    inode: InodeId
    names: tuple[bytes, ...]  # in the order of listings


class _Known(NamedTuple):
    """What is known of one file."""

    cookie: int
    names: tuple[bytes, ...]
    ref: bytes


class _Directory:
    """What is known of one directory."""

    def __init__(self, inode: InodeId) -> None:
        self.inode = inode
        self.is_loading = True
        self.files: dict[InodeId, _Known] = {}
        self.by_hash: dict[bytes, set[InodeId]] = {}
        self.hash_of: dict[InodeId, bytes] = {}
        self.unhashed: dict[InodeId, None] = {}
        self.changed: set[InodeId] = set()  # to be looked at again

    def forget(self, inode: InodeId) -> None:
        """A file is gone, or will be told anew."""
        self.files.pop(inode, None)
        self.unhashed.pop(inode, None)
        sha256 = self.hash_of.pop(inode, None)
        if sha256 is not None:
            having = self.by_hash[sha256]
            having.discard(inode)
            if not having:
                del self.by_hash[sha256]

    def note_hash(self, inode: InodeId, sha256: bytes) -> None:
        """The hash of a file is known now."""
        self.unhashed.pop(inode, None)
        self.hash_of[inode] = sha256
        self.by_hash.setdefault(sha256, set()).add(inode)


class DirectoryHashes:
    """Finds files by their hash. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        changes: Changes,
        namespace: Namespace,
        digests: Digests,
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._namespace = namespace
        self._digests = digests
        self._directories: OrderedDict[InodeId, _Directory] = OrderedDict()
        self._asked: list[_Directory] = []  # by requests in progress, remembered or not
        changes.watch(self._watch)

    def hashes(self, directory: InodeId, prefix: bytes = b"") -> Steps[list[bytes]]:
        """The hashes of all files in a directory that begin so, in order; missing ones are taken.

        Raises NotFound, NotADirectory, NoSpace.
        """
        with ExitStack() as asked:
            known = yield from self._current(directory, asked)
            yield from self._take_missing(known)
            return sorted(sha256 for sha256 in known.by_hash if sha256.startswith(prefix))

    def files_with(self, directory: InodeId, sha256: bytes) -> Steps[list[HashedFile]]:
        """The files in a directory that have a hash, in the order of listings.

        Missing hashes are taken only when the file might be among those that lack one. Raises as
        `hashes`.
        """
        with ExitStack() as asked:
            known = yield from self._current(directory, asked)
            if sha256 not in known.by_hash and known.unhashed:
                self._note_taken(known)
                if self._digests.content_of(sha256) is None:
                    yield from self._take_missing(known)
            found = known.by_hash.get(sha256, ())
            return [
                HashedFile(inode, known.files[inode].names)
                for inode in sorted(found, key=lambda inode: known.files[inode].cookie)
            ]

    def _current(self, directory: InodeId, asked: ExitStack) -> Steps[_Directory]:
        """What is known of a directory, as of now, and kept so as long as somebody asks."""
        known = self._directories.get(directory)
        if known is None:
            limit = self._namespace.listing_limit(directory)
            known = self._directories[directory] = _Directory(directory)
            asked.enter_context(self._kept_current(known))
            try:
                yield from self._load(known, limit)
            except BaseException:
                self._directories.pop(directory, None)
                raise
            self._bound()
        elif known.is_loading:  # another request is at it: its pass is not waited for
            known = _Directory(directory)
            asked.enter_context(self._kept_current(known))
            yield from self._load(known, self._namespace.listing_limit(directory))
        else:
            asked.enter_context(self._kept_current(known))
            self._directories.move_to_end(directory)
        self._look_again(known)
        return known

    @contextmanager
    def _kept_current(self, known: _Directory) -> Iterator[None]:
        """Have changes noted in the meantime, also if the directory is forgotten."""
        self._asked.append(known)
        try:
            yield
        finally:
            self._asked.remove(known)

    def _load(self, known: _Directory, limit: int) -> Steps[None]:
        entries = self._namespace.list_entries(known.inode, cookie_limit=limit)
        for number, entry in enumerate(entries, 1):
            if entry.kind == REGULAR and entry.inode not in known.files:
                self._tell(known, entry.inode)
            if number % STRETCH_ENTRIES == 0:
                yield PAUSE
        known.is_loading = False

    def _look_again(self, known: _Directory) -> None:
        for inode in known.changed:
            known.forget(inode)
            self._tell(known, inode)
        known.changed.clear()

    def _tell(self, known: _Directory, inode: InodeId) -> None:
        """Take note of a file as it is now, if it is in the directory and settled."""
        record = self._inodes.find(inode)
        if record is None or kind_of(record) != REGULAR or record.flags & InodeFlag.UNSETTLED:
            return
        cookies = sorted(self._cookies_in(known.inode, inode, record))
        if not cookies:
            return
        names = tuple(self._names_at(known.inode, cookies))
        known.files[inode] = _Known(cookies[0], names, record.content)
        digest = self._digests.known(record.content)
        if digest is None:
            known.unhashed[inode] = None
        else:
            known.note_hash(inode, digest.sha256)

    def _cookies_in(self, directory: InodeId, inode: InodeId, record: InodeRecord) -> Iterator[int]:
        for place in places_of(self._index, inode, record):
            if place.directory == directory:
                yield place.cookie

    def _names_at(self, directory: InodeId, cookies: list[int]) -> Iterator[bytes]:
        for cookie in cookies:
            row = self._index.get(DIRENT_ORDER, pair_key(directory, cookie))
            assert row is not None
            yield row.name

    def _take_missing(self, known: _Directory) -> Steps[None]:
        refs = [known.files[inode].ref for inode in known.unhashed]
        yield from self._digests.take_all(refs)
        self._look_again(known)
        self._note_taken(known)

    def _note_taken(self, known: _Directory) -> None:
        for inode in list(known.unhashed):
            digest = self._digests.known(known.files[inode].ref)
            if digest is not None:
                known.note_hash(inode, digest.sha256)

    def _bound(self) -> None:
        """Forget the directories that were asked about longest ago, if there are too many."""
        held = sum(len(known.files) for known in self._directories.values())
        while len(self._directories) > 1 and (
            held > REMEMBERED_FILES_MAX or len(self._directories) > REMEMBERED_MAX
        ):
            _, dropped = self._directories.popitem(last=False)
            held -= len(dropped.files)

    def _watch(self, change: Change) -> None:
        """Note which files of known directories a change is about."""
        if not self._directories and not self._asked:
            return
        for inode in change.removals():
            change.when_applied(partial(self._note_removed, inode))
        for inode, record, _ in change.edits():
            if kind_of(record) == REGULAR:
                change.when_applied(partial(self._note_changed, inode, record))

    def _note_removed(self, inode: InodeId) -> None:
        self._directories.pop(inode, None)
        self._note_where_known(inode)

    def _note_where_known(self, inode: InodeId) -> None:
        for known in chain(self._directories.values(), self._asked):
            if known.is_loading or inode in known.files:
                known.changed.add(inode)

    def _note_changed(self, inode: InodeId, record: InodeRecord) -> None:
        self._note_where_known(inode)
        for place in places_of(self._index, inode, record):
            remembered = self._directories.get(InodeId(place.directory))
            if remembered is not None:
                remembered.changed.add(inode)
            for known in self._asked:
                if known.inode == place.directory:
                    known.changed.add(inode)
