"""Entries of a directory that were made ready for the kernel before it asks for them."""

from typing import NamedTuple

from pyfuse3 import EntryAttributes, FileNameT

from fsmodel.ids import InodeId

# A line of a listing as the kernel gets it: its cookie is the third.
ReadyEntry = tuple[FileNameT, EntryAttributes, int, InodeId]


class ReadyEntries(NamedTuple):
    """Some that follow each other, as they were in one state of the index."""

    after: int  # the cookie that the first one follows
    generation: int  # of the index
    entries: list[ReadyEntry]
