"""The moment a JSON document is committed: who may object, and who is told.

Documents in certain folders are committed whole (docs/documents.md). Whatever way a document takes,
written in place, renamed into place or moved by a command, it is checked before it gets its name,
and those who derive something from documents are told in the same change: what they do applies with
the document or not at all.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from fsmodel.change import Change
from fsmodel.content.whole import WholeContents
from fsmodel.documents.bounded_json import parse_value
from fsmodel.errors import DocumentInvalid
from fsmodel.ids import InodeId
from fsmodel.steps import run_inline

DOCUMENT_BYTES_MAX: Final = 16 << 20
DOCUMENT_SUFFIX: Final = b".json"


class Committed(NamedTuple):
    """A document that has just got another content, come or gone."""

    directory: InodeId
    name: bytes
    former: bytes | None  # content ref of what it was; None when it was not there
    content: bytes | None  # content ref of what it is; None when it is gone
    data: bytes | None  # its bytes, when there are any
    owner: tuple[int, int] = (0, 0)  # user and group


HoldsDocuments = Callable[[InodeId, bytes], bool]  # directory and name: is this a document?
Validator = Callable[[InodeId, bytes, bytes], None]  # directory, name, bytes; raises to object
OnCommit = Callable[[Change, Committed], None]


class Commits:
    """Checks documents and tells of them. Owner: the thread that owns the index."""

    def __init__(self, whole: WholeContents, holds_documents: HoldsDocuments) -> None:
        self._whole = whole
        self._holds_documents = holds_documents
        self.validators: list[Validator] = []
        self.on_commit: list[OnCommit] = []

    def is_document(self, directory: InodeId, name: bytes) -> bool:
        """Whether what has this name is committed whole."""
        if not name.endswith(DOCUMENT_SUFFIX) or name.startswith(b"."):
            return False  # quick: this is asked for every name
        return self._holds_documents(directory, name)

    def check(self, directory: InodeId, name: bytes, data: bytes) -> Any:
        """The value of a document that may be committed. Raises DocumentInvalid.

        The text of the error begins with the name of the document.
        """
        try:
            value = parse_value(data)
            for validate in self.validators:
                validate(directory, name, data)
        except DocumentInvalid as error:
            raise DocumentInvalid(f"{name.decode(errors='backslashreplace')}: {error}") from error
        return value

    def read(self, name: bytes, ref: bytes, size: int) -> bytes:
        """The bytes of a document, here and now. Raises DocumentInvalid, DataError."""
        check_size(name, size)
        return run_inline(self._whole.read(ref))

    def tell(self, change: Change, committed: Committed) -> None:
        """Let everybody follow what has been committed in this change."""
        for told in self.on_commit:
            told(change, committed)


def check_size(name: bytes, size: int) -> None:
    """Refuse what is too large to be a document. Raises DocumentInvalid."""
    if size > DOCUMENT_BYTES_MAX:
        raise DocumentInvalid(
            f"{name.decode(errors='backslashreplace')}: {size} bytes: a document has at most "
            f"{DOCUMENT_BYTES_MAX}"
        )
