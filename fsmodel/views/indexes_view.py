"""`.cairnfs/indexes/NAME/VALUE/`: the documents that have a value, as symbolic links.

The folder of an index lists the values that there are; `LOW..HIGH` is found by its name, and so is
every value. How values and paths become names is said in docs/indexes.md. As this shows what is in
documents, only the owner of the store's root may enter.
"""

import json
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from fsmodel.documents.bounded_json import parse_value
from fsmodel.errors import DocumentInvalid, InvalidArgument, NotFound
from fsmodel.ids import InodeId
from fsmodel.indexes.definition import Definition
from fsmodel.indexes.indexes import Indexes
from fsmodel.indexes.queries import OPEN, Bound, Match, Span, equal_span, range_span
from fsmodel.indexes.values import value_from_text
from fsmodel.limits import NAME_BYTES_MAX
from fsmodel.steps import PAUSE, Steps
from fsmodel.views.by_hash_view import ContentTools
from fsmodel.views.nodes import ViewAttributes, ViewDirectory, ViewLink, ViewNode

INDEXES: Final = b"indexes"
VALUES_LISTED_MAX: Final = 10_000  # more are found by their names
BATCH: Final = 500  # listed in one stretch
_BETWEEN: Final = ".."
_TO_ROOT: Final = b"../../../../"  # from a link to the root of the mount
_FOLDER_MODE: Final = stat.S_IFDIR | 0o700
_LINK_MODE: Final = stat.S_IFLNK | 0o777
_ESCAPED: Final = re.compile(rb"[\x00-\x1f%/\x7f]")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")

Found = ViewNode | InodeId
Resolve = Callable[[bytes], InodeId]


class IndexesFolder(ViewDirectory):
    """All indexes."""

    def __init__(
        self, tools: ContentTools, indexes: Indexes, resolve: Resolve, parent: InodeId
    ) -> None:
        super().__init__(b"cairnfs/indexes", parent)
        self._tools = tools
        self._indexes = indexes
        self._resolve = resolve

    def attributes(self) -> Steps[ViewAttributes]:
        """For the root's owner."""
        return self._tools.attributes(_FOLDER_MODE, len(self._indexes.all()))
        yield  # a generator, as its overrides are

    def lookup(self, name: bytes) -> Steps[Found]:
        """An index. Raises NotFound."""
        definition = self._indexes.info(name.decode(errors="replace")).definition
        return self._folder(definition)
        yield  # a generator, as its overrides are

    def entries(self) -> Steps[Sequence[tuple[bytes, Found]]]:
        """All of them by name."""
        defined = [info.definition for info in self._indexes.all()]
        return [(each.name.encode(), self._folder(each)) for each in defined]
        yield  # a generator, as its overrides are

    def _folder(self, definition: Definition) -> "_IndexFolder":
        return _IndexFolder(self._tools, self._indexes, self._resolve, definition, self.inode)


class _IndexFolder(ViewDirectory):
    """The values of an index."""

    def __init__(
        self,
        tools: ContentTools,
        indexes: Indexes,
        resolve: Resolve,
        definition: Definition,
        parent: InodeId,
    ) -> None:
        super().__init__(b"cairnfs/indexes/" + definition.name.encode(), parent)
        self._tools = tools
        self._indexes = indexes
        self._resolve = resolve
        self._definition = definition

    def attributes(self) -> Steps[ViewAttributes]:
        """For the root's owner."""
        return self._tools.attributes(_FOLDER_MODE, 0)
        yield  # a generator, as its overrides are

    def lookup(self, name: bytes) -> Steps[Found]:
        """The documents with a value, or one within bounds. Raises NotFound, Busy."""
        try:
            span = span_of(self._definition, name)
        except InvalidArgument as error:
            raise NotFound(str(error)) from error
        is_value = span.first == span.last
        if is_value and next(self._indexes.within(self._definition.name, span), None) is None:
            raise NotFound(f"no document has {name!r} in index {self._definition.name!a}")
        return self._matches(name, span)
        yield  # a generator, as its overrides are

    def entries(self) -> Steps[Sequence[tuple[bytes, Found]]]:
        """The first values that there are, in order, as far as they can be names. Raises Busy."""
        found: dict[bytes, Found] = {}
        texts = islice(self._indexes.values(self._definition.name), VALUES_LISTED_MAX)
        while batch := list(islice(texts, BATCH)):
            for text in batch:
                name = name_of(self._definition, parse_value(text)) if text else b""
                if 0 < len(name) <= NAME_BYTES_MAX:
                    found[name] = self._matches(name, span_of(self._definition, name))
            yield PAUSE
        return list(found.items())

    def _matches(self, name: bytes, span: Span) -> "_MatchesFolder":
        return _MatchesFolder(
            self._tools, self._indexes, self._resolve, self._definition.name, name, span, self
        )


class _MatchesFolder(ViewDirectory):
    """Links to the documents that were found."""

    def __init__(
        self,
        tools: ContentTools,
        indexes: Indexes,
        resolve: Resolve,
        index: str,
        name: bytes,
        span: Span,
        above: ViewNode,
    ) -> None:
        super().__init__(above.identity + b"/" + name, above.inode)
        self._tools = tools
        self._indexes = indexes
        self._resolve = resolve
        self._index = index
        self._span = span

    def attributes(self) -> Steps[ViewAttributes]:
        """For the root's owner."""
        return self._tools.attributes(_FOLDER_MODE, 0)
        yield  # a generator, as its overrides are

    def lookup(self, name: bytes) -> Steps[Found]:
        """The link to a document, if that is among them. Raises NotFound, Busy."""
        path = b"/" + _unescaped(name)
        if not self._indexes.has(self._index, self._span, self._resolve(path)):
            raise NotFound(f"document {path!r} has no such value")
        return self._link(name, path)
        yield  # a generator, as its overrides are

    def entries(self) -> Steps[Sequence[tuple[bytes, Found]]]:
        """All of them, in the order of the values. Raises Busy."""
        found: list[tuple[bytes, Found]] = []
        matches = self._indexes.within(self._index, self._span)
        while batch := list(islice(matches, BATCH)):
            for path in _paths(batch):
                name = link_name(path)
                if len(name) <= NAME_BYTES_MAX:
                    found.append((name, self._link(name, path)))
            yield PAUSE
        return found

    def _link(self, name: bytes, path: bytes) -> "_MatchLink":
        return _MatchLink(self._tools, self.identity + b"/" + name, path)


class _MatchLink(ViewLink):
    """A document that was found."""

    def __init__(self, tools: ContentTools, identity: bytes, path: bytes) -> None:
        super().__init__(identity)
        self._tools = tools
        self._target = _TO_ROOT + path.lstrip(b"/")

    def attributes(self) -> Steps[ViewAttributes]:
        """As links have them."""
        return self._tools.attributes(_LINK_MODE, len(self._target))
        yield  # a generator, as its overrides are

    def target(self) -> bytes:
        """The document, from here."""
        return self._target


def span_of(definition: Definition, name: bytes) -> Span:
    """What the name of a folder means. Raises InvalidArgument."""
    text = _unescaped(name).decode("utf-8", "surrogateescape")
    low, between, high = text.partition(_BETWEEN)
    if between and not _is_json(text):
        return range_span(definition, _bound(low), _bound(high))
    value = value_from_text(text)
    if len(definition.fields) == 1:
        return equal_span(definition, [value])
    return equal_span(definition, value if isinstance(value, list) else [value])


def name_of(definition: Definition, values: list[Any]) -> bytes:
    """The name of the folder of values, one for each field."""
    value = values[0] if len(definition.fields) == 1 else values
    if isinstance(value, str) and _is_plain(value):
        return _escaped(value.encode())
    return _escaped(json.dumps(value, ensure_ascii=False).encode())


def _is_plain(text: str) -> bool:
    """Whether a text as the name of a folder means itself."""
    has_dots = _BETWEEN in text or text.startswith(".")
    return bool(text) and not has_dots and value_from_text(text) == text


def link_name(path: bytes) -> bytes:
    """The name of the link to a document."""
    return _escaped(path.lstrip(b"/"))


def _escaped(text: bytes) -> bytes:
    """Any text as one name: slashes, percent signs and control bytes as %XX."""
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], text)


def _unescaped(name: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), name)


def _paths(matches: list[Match]) -> Iterator[bytes]:
    return (path for match in matches for path in match.paths)


def _bound(text: str) -> Bound:
    return value_from_text(text) if text else OPEN


def _is_json(text: str) -> bool:
    try:
        parse_value(text.encode("utf-8", "surrogateescape"))
    except DocumentInvalid:
        return False
    return True
