"""Documents that are being written in place: nobody sees them before they are whole.

Whoever opens a document for writing has the file for himself, as his *draft*: its names go over to
a twin, the *published* file, which holds the document as it was committed last. Readers open that
one, and go on reading it however long they take. When the writer flushes (closes, fsyncs), what he
has written is checked, and a new twin with it takes the names over: the commit. At the end of the
last writer the file itself has its names back, if it is what was committed; else it is given up.

A new document has no name before its first commit. A file without a name goes when its last user
does, also after a kill: so a kill in between leaves the document as it was.

Several writers of one document have a draft each: every commit is one of theirs, and whole.
"""

import copy
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.content.contents import Contents
from fsmodel.content.whole import WholeContents
from fsmodel.documents.commits import Commits, Committed, check_size
from fsmodel.errors import AlreadyExists, DocumentInvalid, IsADirectory
from fsmodel.ids import InodeId, ObjectId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import REGULAR, Creator, counters_of, kind_of
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.places import Place, add_place, places_of, remove_place
from fsmodel.steps import Steps, Work
from fsmodel.store.objects import ObjectStore
from lmdb_index.index import Index
from lmdb_index.keys import name_of, named_key, number_key, pair_key
from lmdb_index.records import InodeFlag, InodeRecord, RawRecord
from lmdb_index.schema import DIRENT_ORDER, ORPHAN, XATTR

_log = logging.getLogger(__name__)

_PRESENT: Final = RawRecord()

Name = tuple[InodeId, bytes]  # a directory, and a name in it


@dataclass(eq=False, slots=True)
class _Document:
    """A document that somebody is writing."""

    published: InodeId | None  # the file that has the names; None before the first commit
    wanted: Name | None = None  # what a new document is to be called
    published_as: tuple[object, ...] = ()  # its attributes then: if others, somebody changed them
    drafts: set[InodeId] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class _Draft:
    """A file that is being written."""

    document: _Document
    committed: bytes | None  # the content it had when it was committed last, or opened
    writers: int = 1
    refusal: str = ""  # why it could not be committed when that was tried last


class Drafts:
    """All drafts of a volume. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        changes: Changes,
        namespace: Namespace,
        contents: Contents,
        objects: ObjectStore,
        whole: WholeContents,
        commits: Commits,
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._changes = changes
        self._namespace = namespace
        self._contents = contents
        self._objects = objects
        self._whole = whole
        self._commits = commits
        self._drafts: dict[InodeId, _Draft] = {}
        self._published: dict[InodeId, _Document] = {}
        self._wanted: dict[Name, _Document] = {}

    def is_draft(self, inode: InodeId) -> bool:
        """Whether a file is somebody's draft, and so to be seen by him alone."""
        return inode in self._drafts

    def create(
        self, parent: InodeId, name: bytes, mode: int, owner: Creator, *, exclusive: bool
    ) -> InodeId:
        """Make the draft of a new document, and open it. Raises AlreadyExists, Refused."""
        wanted = (parent, name)
        if exclusive and wanted in self._wanted:
            raise AlreadyExists(f"{name!r} is being written by somebody else")
        document = self._wanted.get(wanted) or _Document(None, wanted)
        with self._changes.begin() as change:
            inode = self._namespace.creation.make_node(change, parent, name, mode, 0, owner)
            place = Place(parent, change.inode(inode).cookie)
            self._take_name(change, inode, place)
            change.operation.put(ORPHAN, number_key(inode), _PRESENT)
        self._wanted[wanted] = document
        self._add(inode, document, None)
        self._contents.open(inode)
        return inode

    def begin(self, inode: InodeId) -> None:
        """An open file is about to be written: if it is a document, it becomes a draft."""
        draft = self._drafts.get(inode)
        if draft is not None:
            draft.writers += 1
            return
        record, file = self._inodes.get(inode), self._contents.file(inode)
        if kind_of(record) != REGULAR or record.flags & (InodeFlag.UNSETTLED | InodeFlag.HIDDEN):
            return
        if file is None or file.changed or not any(self._documents_of(inode, record)):
            return
        document = self._published.pop(inode, None) or _Document(None)
        with self._changes.begin() as change:
            published = self._twin(change, inode)
            self._hand_over(change, inode, published)
        self._publish(document, published)
        self._add(inode, document, record.content)

    def commit(self, inode: InodeId) -> Steps[None]:
        """Let everybody see what a settled draft holds, if that has changed.

        Raises DocumentInvalid, NoSpace, DataError; the document is what it was then. That it is
        invalid is logged only if it stays so: shells close descriptors before anything is written.
        """
        while (draft := self._drafts.get(inode)) is not None:
            ref, size = self._inodes.get(inode).content, self._inodes.get(inode).size
            names = self._names_of(draft.document)
            if ref == draft.committed or not names:
                return
            try:
                data = yield from self._read_checked(names, ref, size)
            except DocumentInvalid as error:
                draft.refusal = str(error)
                raise
            draft.refusal = ""
            if self._inodes.get(inode).content == ref:
                self._commit(inode, draft, names, data)
                return

    def end(self, inode: InodeId) -> None:
        """A writer is gone. The last one's draft is the document again, or is given up."""
        draft = self._drafts.get(inode)
        if draft is None:
            return
        draft.writers -= 1
        if draft.writers:
            return
        if draft.refusal:
            _log.info("refused: %s", draft.refusal)
        document = draft.document
        del self._drafts[inode]
        document.drafts.discard(inode)
        if document.published is not None and self._is_published(inode, document):
            with self._changes.begin() as change:
                self._hand_over(change, document.published, inode)
            self._publish(document, inode)
        if not document.drafts:
            self._forget(document)

    # Names

    def _documents_of(self, inode: InodeId, record: InodeRecord) -> Iterator[Name]:
        """The names of a file that are those of documents."""
        for place in places_of(self._index, inode, record):
            name = (InodeId(place.directory), self._name_at(place))
            if self._commits.is_document(*name):
                yield name

    def _names_of(self, document: _Document) -> list[Name]:
        """What a document is called now; nothing when it was deleted meanwhile."""
        if document.published is None:
            return [document.wanted] if document.wanted is not None else []
        record = self._inodes.find(document.published)
        return [] if record is None else list(self._documents_of(document.published, record))

    def _name_at(self, place: Place) -> bytes:
        row = self._index.get(DIRENT_ORDER, pair_key(*place))
        assert row is not None, f"no entry at {place}"
        return row.name

    def _hand_over(self, change: Change, old: InodeId, new: InodeId) -> None:
        """Give one file all names of another one, and let go of the latter."""
        directories = self._namespace.directories
        for place in places_of(self._index, old, change.inode(old)):
            directory, name = InodeId(place.directory), self._name_at(place)
            dirent = directories.find(directory, name)
            assert dirent is not None
            folder = change.edit(directory)
            times = folder.mtime_ns, folder.ctime_ns
            directories.point(change, directory, name, dirent, new, REGULAR)
            folder.mtime_ns, folder.ctime_ns = times
            remove_place(change, old, place)
            add_place(change, new, place)
        change.operation.delete(ORPHAN, number_key(new))
        self._namespace.orphans.bury(change, old)

    def _take_name(self, change: Change, inode: InodeId, place: Place) -> None:
        """Take the only name of a file that was just made."""
        directory, name = InodeId(place.directory), self._name_at(place)
        dirent = self._namespace.directories.require(change, directory, name)
        self._namespace.directories.remove(change, directory, name, dirent)
        remove_place(change, inode, place)

    def _give_name(self, change: Change, inode: InodeId, wanted: Name) -> None:
        """Give a new document its first name."""
        self._namespace.policy.check_entry(*wanted, REGULAR)
        cookie = self._namespace.directories.insert(change, *wanted, inode, REGULAR)
        add_place(change, inode, Place(wanted[0], cookie))

    # Twins

    def _twin(self, change: Change, inode: InodeId) -> InodeId:
        """A file without a name that holds what another one does, attributes and all."""
        original = change.inode(inode)
        record = copy.copy(original)
        record.nlink = record.parent = record.cookie = record.size = record.content_size = 0
        record.content = b""
        for counter in counters_of(record):
            change.operation.add(counter, 1)
        twin = change.add_inode(record)
        self._whole.share(change, record, original.content, original.size)
        for key, row in list(change.operation.scan_prefix(XATTR, number_key(inode))):
            change.operation.put(XATTR, named_key(twin, name_of(key)), row)
        return twin

    def _is_published(self, inode: InodeId, document: _Document) -> bool:
        """Whether a draft is what its document is, and nobody has changed the latter's twin."""
        assert document.published is not None
        record, twin = self._inodes.get(inode), self._inodes.find(document.published)
        return (
            twin is not None
            and twin.nlink > 0
            and self._attributes(document.published) == document.published_as
            and record.content == twin.content
            and not record.flags & InodeFlag.UNSETTLED
        )

    def _attributes(self, inode: InodeId) -> tuple[object, ...]:
        """What somebody may set of a file by its name."""
        record = self._inodes.get(inode)
        xattrs: tuple[tuple[bytes, bytes], ...] = ()
        if record.flags & InodeFlag.HAS_XATTRS:
            rows = self._index.scan_prefix(XATTR, number_key(inode))
            xattrs = tuple((name_of(key), row.value) for key, row in rows)
        return record.mode, record.uid, record.gid, record.mtime_ns, record.flags, xattrs

    # Committing

    def _read_checked(self, names: list[Name], ref: bytes, size: int) -> Steps[bytes]:
        check_size(names[0][1], size)
        data: bytes = yield from self._whole.read(ref)
        for directory, name in names:
            yield Work(partial(self._commits.check, directory, name, data), len(data))
        return data

    def _commit(self, inode: InodeId, draft: _Draft, names: list[Name], data: bytes) -> None:
        document, record = draft.document, self._inodes.get(inode)
        with self._changes.begin() as change:
            former = self._former(change, document)
            twin = self._twin(change, inode)
            if former is None:
                assert document.wanted is not None
                self._give_name(change, twin, document.wanted)
                before = None
            else:
                before = change.inode(former).content
                self._keep_version(change, former)
                self._hand_over(change, former, twin)
            owner = (record.uid, record.gid)
            for directory, name in names:
                committed = Committed(directory, name, before, record.content, data, owner)
                self._commits.tell(change, committed)
        self._publish(document, twin)
        draft.committed = record.content

    def _former(self, change: Change, document: _Document) -> InodeId | None:
        """The file that has the names now; one that took a new document's name counts, too."""
        if document.published is not None or document.wanted is None:
            return document.published
        directory, name = document.wanted
        dirent = self._namespace.directories.find_to_change(change, directory, name)
        if dirent is None:
            return None
        if dirent.kind != REGULAR:
            raise IsADirectory(f"{name!r} has been taken by something that is no file")
        return InodeId(dirent.inode)

    def _keep_version(self, change: Change, former: InodeId) -> None:
        """What the document was is kept as a version, as when any file is written again."""
        record = change.inode(former)
        if record.content and self._contents.keep_former(
            change, former, record.content, record.size
        ):
            self._objects.add_reference(change, ObjectId(record.content[1:]))

    # Memory

    def _add(self, inode: InodeId, document: _Document, committed: bytes | None) -> None:
        self._drafts[inode] = _Draft(document, committed)
        document.drafts.add(inode)

    def _publish(self, document: _Document, inode: InodeId) -> None:
        if document.published is not None:
            self._published.pop(document.published, None)
        if document.wanted is not None:
            self._wanted.pop(document.wanted, None)
        document.published = inode
        document.published_as = self._attributes(inode)
        self._published[inode] = document

    def _forget(self, document: _Document) -> None:
        if document.published is not None:
            self._published.pop(document.published, None)
        if document.wanted is not None:
            self._wanted.pop(document.wanted, None)
