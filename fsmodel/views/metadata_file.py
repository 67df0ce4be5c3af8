"""A file in `.metadata/`: a document as it is read, and its draft while it is written."""

import logging
import stat
from dataclasses import dataclass
from typing import Protocol

from fsmodel.buffers import Buffer
from fsmodel.change import Changes
from fsmodel.documents.metadata_documents import MetadataDocuments
from fsmodel.errors import InvalidArgument, NoSuchAttribute, NotFound, Stale
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import AttributeChange, Creator
from fsmodel.namespace.namespace import Namespace
from fsmodel.steps import Steps
from fsmodel.views.access_lists import access_list
from fsmodel.views.metadata_drafts import Draft, DraftKey, Drafts
from fsmodel.views.nodes import ViewAttributes, ViewFile

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MetadataTools:
    """What the nodes work with."""

    inodes: InodeTable
    namespace: Namespace
    changes: Changes
    documents: MetadataDocuments
    drafts: Drafts


class HoldsDocuments(Protocol):
    """The folder that a document lies in."""

    tools: MetadataTools
    of: InodeId  # the directory whose files the documents are about
    identity: bytes

    def hash_in(self, name: bytes) -> str | None:
        """The hash that a document of this name would have; None when it cannot be one here."""
        ...

    def drafted(self, name: bytes) -> Steps[Draft]:
        """A document as a draft of the same bytes. Raises NotFound, DataError."""
        ...

    def store(self, sha256: str, draft: Draft) -> Steps[None]:
        """Let a document say what a draft says. Raises DocumentInvalid, NoSpace."""
        ...


class DocumentFile(ViewFile):
    """A document, or a draft. Who reads a document reads what it was when he opened it."""

    def __init__(self, folder: HoldsDocuments, name: bytes, key: DraftKey) -> None:
        super().__init__(folder.identity + b"/" + name)
        self._folder = folder
        self._tools = folder.tools
        self._name = name
        self._key = key
        self._sha256 = folder.hash_in(name)
        self._text: bytes | None = None
        self._opens = 0
        self._draft: Draft | None = None  # while it is open for writing

    def attributes(self) -> Steps[ViewAttributes]:
        """Those of the draft while it differs from what is stored. Raises NotFound, DataError."""
        draft = self._draft or self._tools.drafts.find(self._key)
        if self._sha256 is not None and (draft is None or not draft.is_changed):
            try:
                shown = yield from self._tools.documents.shown(self._folder.of, self._sha256)
            except NotFound:
                if draft is None:
                    raise
            else:
                return ViewAttributes(
                    stat.S_IFREG | shown.permissions,
                    shown.uid,
                    shown.gid,
                    len(shown.text),
                    shown.mtime_ns,
                    shown.ctime_ns,
                )
        if draft is None:
            raise NotFound(f"no metadata document {self._name!r}")
        mtime_ns = draft.mtime_ns if draft.given_mtime_ns is None else draft.given_mtime_ns
        mode = stat.S_IFREG | draft.mode
        owner = draft.owner
        return ViewAttributes(mode, owner.uid, owner.gid, len(draft.data), mtime_ns, draft.mtime_ns)

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """The access list of the file that the document follows. Raises NoSuchAttribute."""
        draft = self._draft or self._tools.drafts.find(self._key)
        if self._sha256 is not None and (draft is None or not draft.is_changed):
            shown = yield from self._tools.documents.shown(self._folder.of, self._sha256)
            if shown.follows is not None:
                return access_list(self._tools.namespace, shown.follows, name)
        raise NoSuchAttribute(f"this document has no attribute {name!r}")

    def set_attributes(self, wanted: AttributeChange) -> Steps[None]:
        """Times are kept; of what follows the file the wish is accepted and has no effect."""
        draft = self._draft or self._tools.drafts.find(self._key)
        if draft is not None:
            if wanted.mtime_ns is not None:
                draft.given_mtime_ns = wanted.mtime_ns
            draft.mode = draft.mode if wanted.mode is None else wanted.mode & 0o666
            uid = draft.owner.uid if wanted.uid is None else wanted.uid
            gid = draft.owner.gid if wanted.gid is None else wanted.gid
            draft.owner = Creator(uid, gid)
        if self._sha256 is not None and (draft is None or not draft.is_changed):
            self._tools.documents.touch(self._sha256, wanted)
        return
        yield  # a generator, as its overrides are

    def open(self, *, writing: bool) -> Steps[None]:
        """Begin or join a draft, or take the text as it is. Raises NotFound, DataError, NoSpace."""
        if writing:
            yield from self._begin()
        elif self._text is None and self._sha256 is not None:
            shown = yield from self._tools.documents.shown(self._folder.of, self._sha256)
            self._text = shown.text
        self._opens += 1

    def read(self, offset: int, size: int) -> Steps[Buffer]:
        """Bytes of the draft one writes, or of the document one has opened. Raises Stale."""
        draft = self._draft or self._tools.drafts.find(self._key)
        if self._draft is None and self._text is not None:
            return self._text[offset : offset + size]
        if draft is None:
            raise Stale("this temporary file is no longer there")
        return bytes(draft.data[offset : offset + size])
        yield  # a generator, as its overrides are

    def write(self, offset: int, data: bytes) -> Steps[None]:
        """Into the draft. Raises TooBig, NoSpace."""
        self._tools.drafts.write(self._written(), offset, data, self._tools.changes.now_ns())
        return
        yield  # a generator, as its overrides are

    def truncate(self, size: int) -> Steps[None]:
        """Of the draft; of a document that is not open, one with these bytes takes its place.

        Raises TooBig, NoSpace, DocumentInvalid.
        """
        if self._draft is not None or self._sha256 is None:
            draft = self._written()
            self._tools.drafts.truncate(draft, size, self._tools.changes.now_ns())
            return
        draft = yield from self._folder.drafted(self._name)
        self._tools.drafts.truncate(draft, size, self._tools.changes.now_ns())
        yield from self._folder.store(self._sha256, draft)

    def flush(self) -> Steps[None]:
        """Let the document say what was written. Raises DocumentInvalid, NoSpace.

        An empty one is refused too, but as shells close what they are about to write to, that is
        worth a line in the log only if it is all there ever was.
        """
        draft = self._draft
        if draft is None or self._sha256 is None or not draft.is_changed:
            return
        if not draft.data:
            raise InvalidArgument("a metadata document cannot be empty")
        draft.is_changed = False
        try:
            yield from self._folder.store(self._sha256, draft)
        except BaseException:
            draft.is_changed = True
            raise

    def close(self) -> None:
        """The last to close ends the draft of a document; temporary files stay."""
        self._opens -= 1
        if self._opens:
            return
        self._text = None
        draft, self._draft = self._draft, None
        if draft is None:
            return
        draft.opens -= 1
        if self._sha256 is None or draft.opens:
            return
        if draft.is_changed and not draft.data:
            _log.info("metadata document %s was left as it was: an empty one", self._sha256)
        if self._tools.drafts.find(self._key) is draft:
            self._tools.drafts.drop(self._key)

    def _begin(self) -> Steps[None]:
        draft = self._draft or self._tools.drafts.find(self._key)
        if draft is None:
            if self._sha256 is None:
                raise NotFound(f"no temporary file {self._name!r}")
            drafted = yield from self._folder.drafted(self._name)
            draft = self._draft or self._tools.drafts.find(self._key)  # of who was quicker
            if draft is None:
                draft = drafted
                self._tools.drafts.add(self._key, draft)
        if self._draft is None:
            draft.opens += 1
            self._draft = draft

    def _written(self) -> Draft:
        draft = self._draft or self._tools.drafts.find(self._key)
        if draft is None:
            raise Stale("this temporary file is no longer there")
        return draft
