"""Asks user-defined indexes: which documents have a value, or one within bounds.

Answers come in the order of the values, and of equal ones in the order in which their files were
made; backwards if asked for. A document comes once, however many of its values fit.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from fsmodel.errors import InvalidArgument
from fsmodel.ids import InodeId
from fsmodel.indexes.catalogue import UserIndex
from fsmodel.indexes.definition import Definition
from fsmodel.indexes.entries import Found, found_in, indexed_of, shown_entries
from fsmodel.indexes.values import entry_key, leading_key, prefix_key
from lmdb_index.index import Index
from lmdb_index.keys import after_prefix, named_key, number_key
from lmdb_index.schema import INDEX_ENTRY
from lmdb_index.value_keys import FALSE, TRUE

PathsOf = Callable[[InodeId], list[bytes]]


class Open:
    """Stands for a bound that is not there."""


OPEN: Final = Open()
Bound = Any | Open  # a value as JSON has them, or OPEN


@dataclass(frozen=True, slots=True)
class Match:
    """A document that was found."""

    inode: InodeId
    paths: tuple[bytes, ...]  # those that the index is about, from the root of the mount
    values: bytes  # what it was found by, one value a field, as JSON; nothing if that is long


@dataclass(frozen=True, slots=True)
class Asked:
    """How many answers, and in which order."""

    limit: int | None = None
    reverse: bool = False


ALL: Final = Asked()


class Span(NamedTuple):
    """Which value keys are meant: from the first that begins with one, to the last with another."""

    first: bytes
    last: bytes

    def __contains__(self, key: object) -> bool:
        """Whether a value key is meant."""
        assert isinstance(key, bytes)
        stop = after_prefix(self.last)
        return self.first <= key and (stop is None or key < stop)


def equal_span(definition: Definition, values: Sequence[Any]) -> Span:
    """Documents with these values, one for each field or for the first ones.

    Raises InvalidArgument for too many values, or too few for a hash index.
    """
    fields = definition.fields
    if not 0 < len(values) <= len(fields):
        raise InvalidArgument(f"index {definition.name!a} has {_counted(fields)}")
    if len(values) == len(fields):
        key = entry_key(definition, values)
    else:
        _require_ordered(definition)
        key = leading_key(definition, values)
    return Span(key, key)


def range_span(definition: Definition, low: Bound, high: Bound, equal: Sequence[Any] = ()) -> Span:
    """Documents with low <= value <= high in the field behind those that `equal` fixes.

    With one bound OPEN, values of the other's type; with both, all. Raises InvalidArgument.
    """
    _require_ordered(definition)
    _require_field(definition, equal)
    first = leading_key(definition, [low]) if low is not OPEN else b""
    last = leading_key(definition, [high]) if high is not OPEN else b""
    if low is OPEN and high is not OPEN:
        first = FALSE if last == TRUE else last[:1]
    if high is OPEN and low is not OPEN:
        last = TRUE if first == FALSE else first[:1]
    lead = leading_key(definition, equal)
    return Span(lead + first, lead + last)


def prefix_span(definition: Definition, text: str, equal: Sequence[Any] = ()) -> Span:
    """Documents with a text that begins so. Raises InvalidArgument."""
    _require_ordered(definition)
    _require_field(definition, equal)
    key = leading_key(definition, equal) + prefix_key(definition, text)
    return Span(key, key)


class Queries:
    """Reads entries. Owner: the thread that owns the index."""

    def __init__(self, index: Index, paths_of: PathsOf) -> None:
        self._index = index
        self._paths_of = paths_of

    def within(self, index: UserIndex, span: Span, asked: Asked = ALL) -> Iterator[Match]:
        """The documents that are meant."""
        start = named_key(index.number, span.first)
        stop = after_prefix(named_key(index.number, span.last))
        rows = self._index.scan(INDEX_ENTRY, start, stop, reverse=asked.reverse)
        found = (found_in(key, record.value) for key, record in rows)
        return islice(self._matches(index, found), asked.limit)

    def has(self, index: UserIndex, span: Span, inode: InodeId) -> bool:
        """Whether a file is among them."""
        row = indexed_of(self._index, index.number, inode)
        return any(key in span for key, _ in shown_entries(row))

    def values(self, index: UserIndex) -> Iterator[Found]:
        """The first entry of each value, in order."""
        start: bytes | None = number_key(index.number)
        stop = after_prefix(number_key(index.number))
        while start is not None:
            rows = self._index.scan(INDEX_ENTRY, start, stop)
            row = next(rows, None)
            if row is None:
                return
            found = found_in(row[0], row[1].value)
            yield found
            start = after_prefix(named_key(index.number, found.key))

    def _matches(self, index: UserIndex, found: Iterator[Found]) -> Iterator[Match]:
        seen: set[InodeId] = set()
        for each in found:
            if each.inode not in seen:
                seen.add(each.inode)
                paths = tuple(filter(index.definition.paths.matches, self._paths_of(each.inode)))
                yield Match(each.inode, paths, each.text)


def _require_ordered(definition: Definition) -> None:
    if not definition.is_ordered:
        raise InvalidArgument(
            f"index {definition.name!a} is of type hash, which answers equality of all its "
            f"fields only: make one with --type btree"
        )


def _require_field(definition: Definition, equal: Sequence[Any]) -> None:
    if len(equal) >= len(definition.fields):
        raise InvalidArgument(
            f"index {definition.name!a} has {_counted(definition.fields)}: "
            "give values for fewer, so that one is left"
        )


def _counted(fields: Sequence[str]) -> str:
    names = ", ".join(fields)
    return f"{len(fields)} fields ({names})" if len(fields) > 1 else f"one field ({names})"
