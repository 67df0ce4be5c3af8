"""New objects on their way into a pack: as they come, encoded, and drafted with bases to try."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from fsmodel.buffers import Buffer
from fsmodel.encoding.codecs import Codec
from fsmodel.ids import ObjectId
from fsmodel.store.object_reader import Located
from fsmodel.store.pack_format import ObjectKind
from lmdb_index.records import ObjectRecord

UNCOMPRESSED: Final = 0  # a level of ours: stored as it is, and not as a delta

Features = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How new objects are encoded."""

    features: Callable[[Buffer], Features]  # of the bytes of a chunk, see similarity.py
    is_noise: Callable[[Buffer], bool]  # whether bytes look random
    level: int = 3  # of zstd, for what is stored by itself
    delta_level: int = 3  # of zstd, for deltas
    depth_max: int = 8  # of the chain of bases below an object; 0 for no deltas


class Hints(NamedTuple):
    """Objects that the bytes of a new one may have come from, the likeliest first."""

    former: Sequence[ObjectId] = ()  # stood where the new bytes stand now
    kindred: Sequence[ObjectId] = ()  # stand in a neighbour, which may be alike in style only


def no_hints(*, compresses: bool) -> Hints:
    """Nothing is known about where the bytes come from."""
    return Hints()


class GiveHints(Protocol):
    """Asked, by the owner, when an object turns out to be new."""

    def __call__(self, *, compresses: bool) -> Hints:
        """Hints; what is alike in style is no use for an object that does not compress."""
        ...


class NewObject(NamedTuple):
    """Bytes to be stored, and the id they have."""

    kind: ObjectKind
    id: ObjectId
    data: bytes | memoryview
    hints: GiveHints = no_hints
    level: int | None = None  # of zstd; None for that of the store
    hasty: bool = False  # more is waiting: to be stored quickly, as archival stores it anew
    untried: bool = False  # more is waiting than can be: to be stored as it is (untried.py)
    values: bytes | None = None  # of a chunk's sections (sections.py), if they are known


class Encoded(NamedTuple):
    """A new object as it would be stored by itself."""

    new: NewObject
    codec: Codec
    payload: Buffer
    features: Features


class Noise(NamedTuple):
    """What came of an object of a stream that seemed to be random.

    The record is None if it compresses, and so is not stored yet. It was misjudged if its sample
    had looked random all the same.
    """

    encoded: Encoded
    record: ObjectRecord | None
    misjudged: bool


class Base(NamedTuple):
    """An object that a delta may be made against; one of the same batch is not located yet."""

    id: ObjectId
    located: Located | None
    depth: int


class Draft(NamedTuple):
    """A new object, and the bases to try, the likeliest first."""

    encoded: Encoded
    bases: Sequence[Base]
    is_guess: bool = False  # no base shares more than one feature, and none stood there before

    @property
    def work_bytes(self) -> int:
        """About how many bytes encoding it goes through."""
        located = (base.located for base in self.bases)
        return len(self.encoded.new.data) + sum(each.plain for each in located if each is not None)


class Delta(NamedTuple):
    """A payload that is worth the base it needs."""

    payload: bytes
    base: Base
    base_bytes: Buffer


Batch = Mapping[ObjectId, Buffer]  # bytes of all that is stored together


def batch_of(drafts: Sequence[Draft]) -> Batch:
    """What drafts may name as a base without its place."""
    return {draft.encoded.new.id: draft.encoded.new.data for draft in drafts}
