"""What a user-defined index is about: which documents, and which of their values.

A definition is kept as an attribute of a file in the hidden tree, so that it is written to the
packs and comes back with an index that is made again.
"""

import re
from functools import cached_property
from typing import Final, Literal

import msgspec

from fsmodel.errors import InvalidArgument
from fsmodel.indexes.globs import Glob

NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
FIELDS_MAX: Final = 8
FIELD_CHARACTERS_MAX: Final = 256
SUFFIX: Final = ".json"
# Below these folders documents are committed whole (docs/documents.md).
_WHOLE_FOLDERS: Final = ("runs", "experiments", "config", "series")
_SELECTORS: Final = ("output", "selector")

IndexType = Literal["hash", "btree"]


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """What `cairnfs index create` was told."""

    name: str
    glob: str
    fields: tuple[str, ...]  # dotted paths; what they lead to is looked up through lists
    type: IndexType = "btree"
    unique: bool = False
    times: bool = False  # texts that are times with a zone, as RFC 3339 writes them, are times

    @cached_property
    def paths(self) -> Glob:
        """The glob, ready for use."""
        return Glob(self.glob)

    @property
    def is_ordered(self) -> bool:
        """Whether it can answer more than equality."""
        return self.type == "btree"


def checked(definition: Definition) -> Definition:
    """The definition, if there can be such an index. Raises InvalidArgument."""
    if not NAME_PATTERN.fullmatch(definition.name):
        raise InvalidArgument(
            f"{definition.name!a} is no name of an index: use up to 64 letters, digits, '_', '-' "
            "and '.', not beginning with '-' or '.'"
        )
    if not definition.paths.parts[-1].endswith(SUFFIX):
        raise InvalidArgument(
            f"glob {definition.glob!a} must end with {SUFFIX!r}: indexes are about JSON documents"
        )
    _check_fields(definition.fields)
    if definition.unique and not _is_committed_whole(definition.paths.parts):
        raise InvalidArgument(
            f"a unique index is for documents that are committed whole, and {definition.glob!a} may"
            " mean others: begin it with 'runs/', 'experiments/', 'config/', 'series/' or "
            "'output/*/selector/'"
        )
    return definition


def encoded(definition: Definition) -> bytes:
    """As it is stored."""
    return msgspec.json.encode(definition)


def decoded(data: bytes) -> Definition | None:
    """A stored definition; None if it is damaged."""
    try:
        return checked(msgspec.json.decode(data, type=Definition))
    except (msgspec.DecodeError, InvalidArgument):
        return None


def _check_fields(fields: tuple[str, ...]) -> None:
    if not 0 < len(fields) <= FIELDS_MAX:
        raise InvalidArgument(f"an index has 1 to {FIELDS_MAX} fields, not {len(fields)}")
    for field in fields:
        if not all(field.split(".")) or len(field) > FIELD_CHARACTERS_MAX:
            raise InvalidArgument(
                f"{field!a} is no field: name members from the outermost on, with dots in between"
            )
    if len(set(fields)) < len(fields):
        raise InvalidArgument("a field is named twice")


def _is_committed_whole(parts: tuple[str, ...]) -> bool:
    if parts[0] in _WHOLE_FOLDERS:
        return len(parts) > 1 and not parts[-1].startswith(".")
    return len(parts) == 4 and (parts[0], parts[2]) == _SELECTORS
