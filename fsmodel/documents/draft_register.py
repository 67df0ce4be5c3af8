"""Which files are drafts, and of which documents. In memory only."""

from dataclasses import dataclass, field

from fsmodel.documents.twins import Attributes, Name
from fsmodel.ids import InodeId


@dataclass(eq=False, slots=True)
class Document:
    """A document that somebody is writing."""

    published: InodeId | None  # the file that has the names; None before the first commit
    wanted: Name | None = None  # what a new document is to be called
    published_as: Attributes | None = None  # what it was like then: if other, somebody changed it
    drafts: set[InodeId] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class Draft:
    """A file that is being written, or may be."""

    document: Document
    committed: bytes | None  # the content it had when it was committed last, or made
    began_as: Attributes  # those that its document had then
    is_written: bool = True  # False: a twin that somebody was given, and has not opened yet
    shown: bytes | None = field(init=False)  # what others were told it holds; None: nobody was
    refusal: str = ""  # why it could not be committed when that was tried last

    def __post_init__(self) -> None:
        self.shown = self.committed


class DraftRegister:
    """All drafts and their documents. Owner: the thread that owns the index."""

    def __init__(self) -> None:
        self.drafts: dict[InodeId, Draft] = {}
        self.published: dict[InodeId, Document] = {}
        self.wanted: dict[Name, Document] = {}
        self.given_up: set[InodeId] = set()  # files that were documents, and may be open still
        self.overwritten: set[InodeId] = set()  # those of them that hold something else since

    def document_of(self, published: InodeId) -> Document:
        """The document that a file is shown for, also if nobody writes it yet."""
        return self.published.get(published) or Document(published=None)

    def add(
        self,
        inode: InodeId,
        document: Document,
        committed: bytes | None,
        began_as: Attributes,
        *,
        is_written: bool = True,
    ) -> None:
        """A file is a draft of a document from now on."""
        self.drafts[inode] = Draft(document, committed, began_as, is_written)
        self.given_up.discard(inode)
        document.drafts.add(inode)

    def publish(self, document: Document, inode: InodeId, published_as: Attributes) -> None:
        """A file has the names of a document, and these attributes."""
        self._withdraw(document)
        document.published, document.published_as = inode, published_as
        self.published[inode] = document

    def leave(self, inode: InodeId, document: Document) -> None:
        """A draft is none any more; with the last one its document is forgotten."""
        document.drafts.discard(inode)
        if not document.drafts:
            self._withdraw(document)

    def forget(self, gone: frozenset[InodeId]) -> None:
        """These files are no more."""
        self.given_up -= gone
        self.overwritten -= gone
        for inode in gone & self.drafts.keys():
            self.leave(inode, self.drafts.pop(inode).document)

    def _withdraw(self, document: Document) -> None:
        if document.published is not None:
            self.published.pop(document.published, None)
        if document.wanted is not None:
            self.wanted.pop(document.wanted, None)
