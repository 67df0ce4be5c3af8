"""Documents that are being written in place: nobody sees them before they are whole.

Whoever opens a document for writing has the file for himself, as his *draft*: its names go over to
a twin, the *published* file, which holds the document as it was committed last. Readers open that
one, and go on reading it however long they take. When the writer flushes (closes, fsyncs), what he
has written is checked, and a new twin with it takes the names over: the commit. At his end the file
itself has its names back, if it is what was committed and nobody knows it as something else; else
it is given up. The latter is for readers between a lookup and an open: the kernel may learn a
file's size from the answer to the first, however late, and asks for it never again.

A file that somebody reads cannot become a draft, and a draft is for nobody else. Whoever comes by
such a file is told that it is stale, upon which the kernel looks the name up once more; then he is
given a twin of his own, which he may read or write, as a draft.

A new document has no name before its first commit. A file without a name goes when its last user
does, also after a kill: so a kill in between leaves the document as it was.
"""

import logging
from collections.abc import Iterator
from functools import partial
from typing import NoReturn

from fsmodel.change import Change, Changes
from fsmodel.content.contents import Contents
from fsmodel.content.whole import WholeContents
from fsmodel.documents.commits import Commits, Committed, check_size
from fsmodel.documents.draft_register import Document, Draft, DraftRegister
from fsmodel.documents.sent_back import SentBackThreads
from fsmodel.documents.twins import Name, Twins
from fsmodel.errors import AlreadyExists, DocumentInvalid, IsADirectory, Stale
from fsmodel.ids import InodeId, ObjectId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import REGULAR, Creator, kind_of, require_unlocked
from fsmodel.namespace.namespace import Namespace
from fsmodel.steps import Steps, Work
from fsmodel.store.objects import ObjectStore
from lmdb_index.records import InodeFlag, InodeRecord

_log = logging.getLogger(__name__)


class Drafts:
    """All drafts of a volume. Owner: the thread that owns the index."""

    def __init__(
        self,
        inodes: InodeTable,
        changes: Changes,
        namespace: Namespace,
        contents: Contents,
        objects: ObjectStore,
        whole: WholeContents,
        commits: Commits,
        twins: Twins,
    ) -> None:
        self._inodes = inodes
        self._changes = changes
        self._namespace = namespace
        self._contents = contents
        self._objects = objects
        self._whole = whole
        self._commits = commits
        self._twins = twins
        self._register = DraftRegister()
        self._sent_back = SentBackThreads(changes.now_ns)
        changes.watch_removals(self._watch)

    # What a user does

    def is_draft(self, inode: InodeId) -> bool:
        """Whether an open file is somebody's draft."""
        draft = self._register.drafts.get(inode)
        return draft is not None and draft.is_written

    def look_up(self, inode: InodeId, thread: int) -> InodeId:
        """The file for a thread that has found a document by its name.

        It is a twin of its own if the thread was sent back just now, and the same one until it is
        opened: the kernel may look twice.
        """
        sent_back = self._sent_back.find(thread)
        if sent_back is None or not self._is_document(inode):
            return inode  # perhaps a folder on the way, which is looked up again, too
        given = self._register.drafts.get(sent_back.twin)
        if given is None or given.document is not self._register.published.get(inode):
            sent_back.twin = self._give_twin(inode)
        return sent_back.twin

    def create(
        self, parent: InodeId, name: bytes, mode: int, owner: Creator, *, exclusive: bool
    ) -> InodeId:
        """Make the draft of a new document, and open it. Raises AlreadyExists, Refused."""
        wanted = (parent, name)
        if exclusive and wanted in self._register.wanted:
            raise AlreadyExists(f"{name!r} is being written by somebody else")
        document = self._register.wanted.get(wanted) or Document(None, wanted)
        with self._changes.begin() as change:
            inode = self._twins.make_nameless(change, parent, name, mode, owner)
        self._register.wanted[wanted] = document
        self._register.add(inode, document, None, self._twins.attributes(inode))
        self._contents.open(inode)
        return inode

    def send_back(self, thread: int, reason: str) -> NoReturn:
        """Have a thread look a name up again: a document is its own then. Raises Stale."""
        self._sent_back.add(thread)
        raise Stale(reason)

    def begin_reading(self, inode: InodeId, thread: int) -> None:
        """A file has been opened for reading. Raises Stale for what is, or was, another's draft."""
        if self.is_draft(inode) or inode in self._register.overwritten:
            self._send_back(inode, thread)
        self._sent_back.arrived(thread)

    def begin(self, inode: InodeId, thread: int) -> None:
        """A file has been opened for writing: if it is a document, it becomes a draft.

        Raises Stale for a file that is a draft already, or that somebody reads.
        """
        draft, file = self._register.drafts.get(inode), self._contents.file(inode)
        is_shared = file is not None and file.users > 1
        if draft is not None and not draft.is_written and not is_shared:
            draft.is_written = True
            self._sent_back.arrived(thread)
        elif draft is not None or inode in self._register.given_up:
            self._send_back(inode, thread)
        elif self._is_document(inode):
            if is_shared:
                self._send_back(inode, thread)
            self._begin(inode)

    def commit(self, inode: InodeId) -> Steps[None]:
        """Let everybody see what a settled draft holds, if that has changed.

        Raises DocumentInvalid, NotPermitted for a document that has been locked meanwhile, NoSpace,
        DataError; the document is what it was then. That it is invalid is logged only if it stays
        so: shells close descriptors before anything is written.
        """
        while (draft := self._register.drafts.get(inode)) is not None:
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
            is_as_read = self._inodes.get(inode).content == ref
            if is_as_read and self._names_of(draft.document) == names:
                self._commit(inode, draft, names, data)
                return

    def end(self, inode: InodeId) -> None:
        """A writer is gone: his draft is the document again, or is given up."""
        draft = self._register.drafts.pop(inode, None)
        if draft is None:
            return
        if draft.refusal:
            _log.info("refused: %s", draft.refusal)
        try:
            self._end(inode, draft)
        finally:
            self._register.leave(inode, draft.document)

    def _end(self, inode: InodeId, draft: Draft) -> None:
        document, content = draft.document, self._inodes.get(inode).content
        is_other = draft.shown is not None and draft.shown != content
        if document.published is None or not self._is_published(inode, document):
            self._give_up(inode, is_other)
        elif is_other:
            self._give_attributes(inode, document)
            self._give_up(inode, is_other)
        else:
            with self._changes.begin() as change:
                self._hand_over(change, document.published, inode)
            self._publish(document, inode)

    # Drafts

    def _begin(self, inode: InodeId) -> None:
        document = self._register.document_of(inode)
        with self._changes.begin() as change:
            twin = self._twins.make(change, inode)
            self._hand_over(change, inode, twin)
        self._publish(document, twin)
        self._add(inode, document, is_written=True)

    def _give_twin(self, inode: InodeId) -> InodeId:
        """A twin of a document, for whoever is to write or read it."""
        document = self._register.document_of(inode)
        with self._changes.begin() as change:
            twin = self._twins.make(change, inode)
        self._publish(document, inode)
        self._add(twin, document, is_written=False)
        return twin

    def _add(self, inode: InodeId, document: Document, *, is_written: bool) -> None:
        content, attributes = self._inodes.get(inode).content, self._twins.attributes(inode)
        self._register.add(inode, document, content, attributes, is_written=is_written)

    def _give_up(self, inode: InodeId, is_other: bool) -> None:
        self._register.given_up.add(inode)
        if is_other:
            self._register.overwritten.add(inode)

    def _give_attributes(self, inode: InodeId, document: Document) -> None:
        """What a writer has set of his draft since its commit is the document's, too."""
        assert document.published is not None
        if self._twins.attributes(inode) == document.published_as:
            return
        with self._changes.begin() as change:
            twin = self._twins.make(change, inode)
            self._hand_over(change, document.published, twin)
        self._publish(document, twin)

    def _send_back(self, inode: InodeId, thread: int) -> NoReturn:
        self.send_back(thread, f"inode {inode} is for somebody else: look its name up again")

    def _is_document(self, inode: InodeId) -> bool:
        """Whether a file is a document, and nobody writes it as anything else."""
        record, file = self._inodes.get(inode), self._contents.file(inode)
        if kind_of(record) != REGULAR or record.flags & (InodeFlag.UNSETTLED | InodeFlag.HIDDEN):
            return False
        return not (file is not None and file.changed) and any(self._documents(inode, record))

    def _documents(self, inode: InodeId, record: InodeRecord) -> Iterator[Name]:
        """The names of a file that are those of documents."""
        names = self._twins.names_of(inode, record)
        return (name for name in names if self._commits.is_document(*name))

    def _names_of(self, document: Document) -> list[Name]:
        """What a document is called now; nothing when it was deleted meanwhile."""
        if document.published is None:
            return [document.wanted] if document.wanted is not None else []
        record = self._inodes.find(document.published)
        return [] if record is None else list(self._documents(document.published, record))

    def _is_published(self, inode: InodeId, document: Document) -> bool:
        """Whether a draft is what its document is, and nobody has changed the latter's twin."""
        assert document.published is not None
        record, twin = self._inodes.get(inode), self._inodes.find(document.published)
        return (
            twin is not None
            and twin.nlink > 0
            and self._twins.attributes(document.published) == document.published_as
            and record.content == twin.content
            and not record.flags & InodeFlag.UNSETTLED
        )

    def _hand_over(self, change: Change, old: InodeId, new: InodeId) -> None:
        self._twins.hand_over(change, old, new)
        change.when_applied(partial(self._register.given_up.add, old))
        change.when_applied(partial(self._register.given_up.discard, new))

    # Committing

    def _read_checked(self, names: list[Name], ref: bytes, size: int) -> Steps[bytes]:
        check_size(names[0][1], size)
        data: bytes = yield from self._whole.read(ref)
        for directory, name in names:
            yield Work(partial(self._commits.check, directory, name, data), len(data))
        return data

    def _commit(self, inode: InodeId, draft: Draft, names: list[Name], data: bytes) -> None:
        document, record = draft.document, self._inodes.get(inode)
        with self._changes.begin() as change:
            former = self._former(change, document)
            before = None if former is None else change.inode(former).content
            if former is not None:
                require_unlocked(former, change.inode(former))
            if document.published is not None:
                self._twins.follow(change, inode, document.published, draft.began_as)
            twin = self._twins.make(change, inode)
            if former is None:
                assert document.wanted is not None
                self._twins.give_name(change, twin, document.wanted)
            else:
                self._keep_version(change, former)
                self._hand_over(change, former, twin)
            owner = (change.inode(twin).uid, change.inode(twin).gid)
            for directory, name in names:
                committed = Committed(directory, name, before, record.content, data, owner)
                self._commits.tell(change, committed)
        self._publish(document, twin)
        draft.committed, draft.began_as = record.content, self._twins.attributes(inode)

    def _former(self, change: Change, document: Document) -> InodeId | None:
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
        if record.content and self._contents.recorder.keep_former(
            change, former, record.content, record.size
        ):
            self._objects.add_reference(change, ObjectId(record.content[1:]))

    def _publish(self, document: Document, inode: InodeId) -> None:
        self._register.publish(document, inode, self._twins.attributes(inode))

    def _watch(self, change: Change) -> None:
        """Forget, with the change, what it removes."""
        gone, register = change.removals(), self._register
        if not gone.isdisjoint(register.given_up) or not gone.isdisjoint(register.drafts):
            change.when_applied(partial(register.forget, gone))
