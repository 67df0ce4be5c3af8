"""Reads documents for indexes: contents as values, each once."""

import logging
from typing import Any

from fsmodel.content.whole import WholeContents
from fsmodel.documents.bounded_json import parse_value
from fsmodel.documents.commits import DOCUMENT_BYTES_MAX
from fsmodel.errors import DataError, DocumentInvalid
from fsmodel.steps import Steps, Work, run_inline

_log = logging.getLogger(__name__)


class Unusable:
    """What stands for a document that has no value."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


class DocumentReader:
    """Reads contents. Owner: the thread that owns the index."""

    def __init__(self, whole: WholeContents) -> None:
        self._whole = whole

    def read(self, content: bytes, size: int) -> Steps[Any]:
        """The value of a document, or why it has none, as Unusable."""
        if size > DOCUMENT_BYTES_MAX:
            return Unusable(f"{size} bytes: a document has at most {DOCUMENT_BYTES_MAX}")
        try:
            data: bytes = yield from self._whole.read(content)
        except DataError as error:
            _log.warning("a document cannot be read, so no index has its values: %s", error)
            return Unusable(f"it cannot be read: {error}")
        return (yield Work(lambda: parsed(data), len(data)))

    def read_now(self, content: bytes, size: int) -> Any:
        """The same here and now."""
        return run_inline(self.read(content, size))


def parsed(data: bytes) -> Any:
    """The value of a document, or Unusable. Any thread may ask."""
    try:
        return parse_value(data)
    except DocumentInvalid as error:
        return Unusable(str(error))
