"""The feature index: which recent chunks share features with a new one?

Each chunk that is stored leaves a *sketch*: its features (chunking.py) and its id. A new chunk is
looked up feature by feature; each feature names the chunk that had it last, and the chunks named
most often are likely to be similar. Voting with twelve single features finds clearly more than
super-features do, which need several to agree (docs/performance.md).

Everything here is a hint. A sketch may speak of a chunk that is gone, a row may be lost in a kill:
then a chunk is stored without a base, no more.

Bounded: the oldest sketches leave first. In memory they stand in a ring, and a table of slots says
for each feature where in the ring it was seen last; two features that fall on one slot displace
each other, which costs a vote. In the index they are rows of 96 sketches that fill one page each,
so that a chunk costs 43 bytes there. (A row for each feature would take twelve times as much.)
Older rows are read bit by bit, so that the first write after a mount does not wait for them.

Features are maxima, so their low bits are the ones that tell them apart: 24 bits of each are kept.
"""

from array import array
from collections.abc import Iterator, Sequence
from operator import add
from typing import Final

from fsmodel.ids import ObjectId
from fsmodel.store.sketches import (
    FEATURE_COUNT,
    FEATURE_MASK,
    SKETCH_BYTES,
    SLOT_SHIFTS,
    decode_prefixes,
    encode_sketch,
    note_block,
)
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import number_key, number_of
from lmdb_index.operation import Operation
from lmdb_index.records import RawRecord
from lmdb_index.schema import SKETCH

BLOCK_SKETCHES: Final = 96
BLOCKS_MAX: Final = 868  # a million features, 3.5 MB on disk, 14 MB in memory

_SLOTS: Final = 1 << 21
_SLOT_MASK: Final = _SLOTS - 1
_BLOCKS_READ: Final = 16  # at a time; without the extension, about 4 ms


class FeatureIndex:
    """Sketches of recent chunks. Owner: the thread that owns the index."""

    def __init__(self, index: Index, *, blocks_max: int = BLOCKS_MAX) -> None:
        self._index = index
        self._blocks_max = blocks_max
        self._ids: list[bytes] = []  # at each place in the ring; empty until the first use
        self._features = array("I")
        self._slots = array("I")  # 1 + the place that had the feature last
        self._last: tuple[Sequence[int], list[int], list[int]] = ((), [], [])  # see _slots_of
        self._unread: Iterator[tuple[int, bytes]] = iter(())
        self._sequence = 0  # of the block that is being filled
        self._block = bytearray()
        self._unsaved: dict[int, bytes] = {}  # blocks that were filled since the last save
        self._saved_bytes = 0  # of the block that is being filled

    def add(self, chunk: ObjectId, features: Sequence[int]) -> None:
        """Remember a chunk's features."""
        if not features:
            return
        self._begin()
        masked, slots_of = self._slots_of(features)
        place = self._place(self._sequence, len(self._block) // SKETCH_BYTES)
        self._keep(place, chunk, masked)
        slots = self._slots
        for slot in slots_of:
            slots[slot] = place + 1
        self._block += encode_sketch(chunk, masked)
        if len(self._block) == BLOCK_SKETCHES * SKETCH_BYTES:
            self._unsaved[self._sequence] = bytes(self._block)
            self._begin_block(self._sequence + 1)

    def most_alike(self, features: Sequence[int], count: int) -> list[bytes]:
        """Ids of up to so many chunks, those that share most features first.

        An id may be cut to its beginning. Among equals the newer chunk comes first.
        """
        return [chunk for chunk, _ in self.alike(features, count)]

    def alike(self, features: Sequence[int], count: int) -> list[tuple[bytes, int]]:
        """The same, and how many features each of them shares."""
        if not features:
            return []
        self._begin()
        self._read_some()
        slots, known = self._slots, self._features
        masked, slots_of = self._slots_of(features)
        places = list(map(slots.__getitem__, slots_of))
        if not any(places):
            return []
        votes: dict[int, int] = {}
        for number, found in enumerate(places):
            if found and known[(found - 1) * FEATURE_COUNT + number] == masked[number]:
                votes[found - 1] = votes.get(found - 1, 0) + 1
        if not votes:
            return []
        newest = self._place(self._sequence, len(self._block) // SKETCH_BYTES)
        ages = {place: (newest - place) % len(self._ids) for place in votes}
        ordered = sorted(votes, key=lambda place: (-votes[place], ages[place]))
        return [(self._ids[place], votes[place]) for place in ordered[:count]]

    @property
    def unsaved(self) -> bool:
        """Whether there are sketches that no row holds."""
        return bool(self._unsaved) or len(self._block) > self._saved_bytes

    def save(self, operation: Operation) -> None:
        """Put what is new into rows, and delete the rows it displaces.

        Call `confirm_saved` once the operation has been applied.
        """
        blocks = {**self._unsaved, self._sequence: bytes(self._block)}
        for sequence, block in blocks.items():
            if block:
                operation.put(SKETCH, number_key(sequence), RawRecord(block))
                if sequence >= self._blocks_max:
                    operation.delete(SKETCH, number_key(sequence - self._blocks_max))

    def confirm_saved(self) -> None:
        """What was saved last is certain."""
        self._unsaved.clear()
        self._saved_bytes = len(self._block)

    def _begin(self) -> None:
        """Take the memory when it is first needed: a mount that is only read takes none."""
        if self._ids:
            return
        places = self._blocks_max * BLOCK_SKETCHES
        self._ids = [b""] * places
        self._features = array("I", bytes(4 * FEATURE_COUNT * places))
        self._slots = array("I", bytes(4 * _SLOTS))
        self._unread = self._stored_blocks()
        newest = next(self._unread, None)
        if newest is not None:
            self._go_on_from(*newest)

    def _go_on_from(self, sequence: int, block: bytes) -> None:
        """Bring in the newest stored block, and fill it up if it has room."""
        self._sequence = sequence
        self._read(sequence, block)
        if len(block) >= BLOCK_SKETCHES * SKETCH_BYTES or not _is_block(block):
            self._begin_block(sequence + 1)
        else:
            self._block = bytearray(block)
            self._saved_bytes = len(block)

    def _begin_block(self, sequence: int) -> None:
        self._sequence = sequence
        self._block = bytearray()
        self._saved_bytes = 0

    def _stored_blocks(self) -> Iterator[tuple[int, bytes]]:
        """Stored blocks, the newest first, up to one that cannot be read."""
        try:
            for key, row in self._index.scan(SKETCH, reverse=True):
                yield number_of(key), row.value
        except IndexProblem:
            return  # fsck tells

    def _read_some(self) -> None:
        for _ in range(_BLOCKS_READ):
            block = next(self._unread, None)
            if block is None:
                return
            self._read(*block)

    def _read(self, sequence: int, block: bytes) -> None:
        """Bring in a block that is older than all in memory."""
        if sequence <= self._sequence - self._blocks_max or not _is_block(block):
            return
        place, prefixes = self._place(sequence, 0), decode_prefixes(block)
        self._ids[place : place + len(prefixes)] = prefixes
        note_block(block, place, self._features, self._slots)

    def _place(self, sequence: int, number: int) -> int:
        """Where in the ring a sketch of a block stands."""
        return sequence % self._blocks_max * BLOCK_SKETCHES + number

    def _keep(self, place: int, chunk: bytes, features: Sequence[int]) -> None:
        self._ids[place] = chunk
        at = place * FEATURE_COUNT
        self._features[at : at + FEATURE_COUNT] = array("I", features)

    def _slots_of(self, features: Sequence[int]) -> tuple[list[int], list[int]]:
        """Features cut to their bits, and their slots; a chunk is looked up, then added."""
        if features is not self._last[0]:
            masked = list(map(FEATURE_MASK.__and__, features))
            slots = list(map(_SLOT_MASK.__and__, map(add, masked, SLOT_SHIFTS)))
            self._last = (features, masked, slots)
        return self._last[1:]


def _is_block(block: bytes) -> bool:
    return not len(block) % SKETCH_BYTES and len(block) <= BLOCK_SKETCHES * SKETCH_BYTES
