"""What a check has found wrong, in words a person can act on."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from lmdb_index.schema import Table


class Part(Enum):
    """The part of a store a finding is about."""

    JOURNAL = "journal"  # its end, or more of it, cannot be used
    INDEX = "index"  # a row that fails its own check
    NAMES = "names"  # inodes, directories, links, attributes
    CONTENTS = "contents"  # what files say their bytes are
    OBJECTS = "objects"  # rows of objects, their counts, their places in packs
    PACKS = "packs"  # rows of packs, and their files
    TREES = "trees"  # what the packs say of directories
    SERIES = "series"  # artifacts by address, documents and output of series
    INDEXES = "indexes"  # user-defined ones: what they say of documents
    COUNTERS = "counters"  # the figures of `cairnfs stats`
    HINTS = "hints"  # rows that may be forgotten: sketches, digests, how far a scrub has come
    DAMAGE = "damage"  # objects that are known to be lost, until their bytes are written again


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be, or many of one kind."""

    part: Part
    text: str
    details: tuple[str, ...] = ()  # one line each, of what the text sums up


class WrongHint(NamedTuple):
    """A row that may be deleted, and should be."""

    table: Table[Any]
    key: bytes
    text: str
