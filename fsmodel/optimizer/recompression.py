"""Compression: chunks in frames of their own, compressed again at the level that is asked for.

How hard a frame was compressed is not known, so each is tried, and kept when that is clearly
smaller. Deltas and groups are left alone, and so is what a folder wants to have uncompressed.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from fsmodel.ids import ObjectId
from fsmodel.namespace.folder_levels import COMPRESSION, folder_level
from fsmodel.optimizer.file_order import chunks_of, files_in_order
from fsmodel.optimizer.jobs import (
    Candidate,
    Job,
    LoadObject,
    Offer,
    Read,
    Sources,
    Strategy,
    candidate_of,
    filled_jobs,
    is_movable,
    offer_alone,
    read_all,
)
from fsmodel.steps import Steps, Work
from fsmodel.store.drafts import UNCOMPRESSED, NewObject
from fsmodel.store.group_writer import EncodedRun, encode_each
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import name_of
from lmdb_index.schema import OBJECT, XATTR

JOB_BYTES: Final = 1 << 20  # plain
SAVED_PERCENT_MIN: Final = 3


class Recompression(Strategy):
    """Compresses harder."""

    def __init__(self, read: Read, level: int) -> None:
        """`level` is that of the store; folders may have others."""
        self._read = read
        self._level = level
        self._levels: dict[ObjectId, int] = {}

    def plan(self, view: IndexView, load: LoadObject, part: range) -> Iterator[Job]:
        """Chunks that stand alone."""
        self._levels = _levels(view, load, part)
        rows = ((ObjectId(key), row) for key, row in view.scan(OBJECT))
        yield from filled_jobs(
            (
                candidate_of(key, row)
                for key, row in rows
                if key[0] in part
                and is_movable(view, key, row)
                and not row.base
                and self._level_of(key) != UNCOMPRESSED
            ),
            JOB_BYTES,
        )

    def attempt(self, sources: Sources) -> Steps[list[Offer]]:
        """Those that become smaller."""
        size = sum(each.plain for each in sources.candidates)
        offers: list[Offer] = yield Work(partial(self._encoded, sources), size)
        return offers

    def _encoded(self, sources: Sources) -> list[Offer]:
        found = (self._smaller(*each) for each in read_all(self._read, sources))
        return [offer for offer in found if offer is not None]

    def _smaller(self, candidate: Candidate, new: NewObject) -> Offer | None:
        run: EncodedRun = encode_each([new], self._level_of(new.id))
        saved = candidate.stored - run.size_bytes
        return offer_alone([new], run) if is_saving(saved, candidate.stored) else None

    def _level_of(self, chunk: ObjectId) -> int:
        return self._levels.get(chunk, self._level)


def is_saving(saved_bytes: int, stored_bytes: int) -> bool:
    """Whether so many bytes fewer are worth storing something anew."""
    return saved_bytes * 100 >= max(stored_bytes, 1) * SAVED_PERCENT_MIN


def _levels(view: IndexView, load: LoadObject, part: range) -> dict[ObjectId, int]:
    """The level of each chunk in a folder that wants another one than the store."""
    if not any(name_of(key) == COMPRESSION for key, _ in view.scan(XATTR)):
        return {}
    found: dict[ObjectId, int] = {}
    for file in files_in_order(view):
        level = folder_level(view, file.directory)
        if level is not None:
            chunks = chunks_of(file.content, load)
            found.update((chunk, level) for chunk in chunks if chunk[0] in part)
    return found
