"""What a check has found wrong, in words a person can act on."""

from dataclasses import dataclass
from enum import Enum


class Part(Enum):
    """The part of a store a finding is about."""

    JOURNAL = "journal"  # its end cannot be used
    INDEX = "index"  # a row that fails its own check
    NAMES = "names"  # inodes, directories, links
    CONTENTS = "contents"  # what files say their bytes are
    OBJECTS = "objects"  # rows of objects, their counts, their places in packs
    PACKS = "packs"  # rows of packs, and their files
    TREES = "trees"  # what the packs say of directories
    COUNTERS = "counters"  # the figures of `cairnfs stats`


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be."""

    part: Part
    text: str
