"""From documents to keys: the values that an index has of a document, and those people ask for.

The key of each value orders as the value does (lmdb_index/value_keys.py). One that is too long for
the store is cut, and ended by a hash of the whole: such values are told apart, and are ordered by
their beginnings only.
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice, product
from typing import Any, Final, NamedTuple

from fsmodel.documents.bounded_json import parse_value
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import DocumentInvalid, InvalidArgument
from fsmodel.indexes.definition import Definition
from lmdb_index.value_keys import text_prefix, value_key

KEY_BYTES_MAX: Final = 480  # of all fields; with two numbers it is a key that LMDB takes
HASH_KEY_BYTES: Final = 16
DIGEST_BYTES: Final = 32
ENTRIES_MAX: Final = 1000  # of one document in one index
TEXT_BYTES_MAX: Final = 1024  # values that are longer as JSON are not kept beside their key
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)

Entry = tuple[bytes, bytes]  # value key, and the values as JSON; nothing if that is long


class Values(NamedTuple):
    """What a document has in an index."""

    entries: tuple[Entry, ...]
    problem: str = ""  # why it has none, although it should


def values_of(definition: Definition, document: Any) -> Values:
    """The entries of a document: one for each combination of what its fields lead to.

    A document without one of the fields has none.
    """
    found = [list(_reached(document, field.split("."))) for field in definition.fields]
    combinations = list(islice(product(*found), ENTRIES_MAX + 1))
    if len(combinations) > ENTRIES_MAX:
        return Values((), f"it has more than {ENTRIES_MAX} values")
    entries = {entry_key(definition, values): _as_json(values) for values in combinations}
    return Values(tuple(sorted(entries.items())))


def entry_key(definition: Definition, values: Sequence[Any]) -> bytes:
    """The key of values, one for each field."""
    key = leading_key(definition, values)
    return key if definition.is_ordered else object_id(key)[:HASH_KEY_BYTES]


def leading_key(definition: Definition, values: Sequence[Any]) -> bytes:
    """What keys begin with that have these values in their first fields."""
    room = _room(definition)
    return b"".join(_bounded(value_key(_typed(definition, value)), room) for value in values)


def prefix_key(definition: Definition, text: str) -> bytes:
    """What keys of texts begin with that begin so. Raises InvalidArgument."""
    key, room = text_prefix(text), _room(definition) - DIGEST_BYTES
    if len(key) > room:
        raise InvalidArgument(f"a prefix has at most {room - 1} bytes")
    return key


def value_from_text(text: str) -> Any:
    """What people mean by a word: JSON if it is that, else the text itself."""
    try:
        return parse_value(text.encode("utf-8", "surrogateescape"))
    except DocumentInvalid:
        return text


def _reached(value: Any, names: Sequence[str]) -> Iterator[Any]:
    """What a dotted path leads to, through lists on the way and into one at its end."""
    if isinstance(value, list):
        for each in value:
            if names or not isinstance(each, list):
                yield from _reached(each, names)
            else:
                yield each
    elif not names:
        yield value
    elif isinstance(value, dict) and names[0] in value:
        yield from _reached(value[names[0]], names[1:])


def _typed(definition: Definition, value: Any) -> Any:
    """The value; a time if the index takes texts for that and it is one."""
    if definition.times and isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:  # the 30th of February
            return value
    return value


def _bounded(key: bytes, room: int) -> bytes:
    return key if len(key) <= room else key[: room - DIGEST_BYTES] + object_id(key)


def _room(definition: Definition) -> int:
    return KEY_BYTES_MAX // len(definition.fields)


def _as_json(values: Sequence[Any]) -> bytes:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    return text if len(text) <= TEXT_BYTES_MAX else b""
