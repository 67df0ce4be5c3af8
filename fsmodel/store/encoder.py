"""Encoding objects and appending their frames: raw, compressed, or as a delta against a base.

Two steps, because between them the owner of the index looks for bases (bases.py): `encode`
compresses and takes features, `append` tries the bases and writes. Of a large batch, parts may be
encoded at the same time, and their deltas made. `append_noise` does all at once, for streams in
which there is nothing to be found. Any thread may run them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

from fsmodel.buffers import Buffer
from fsmodel.encoding.codecs import Codec, encode, encode_delta
from fsmodel.encoding.delta import level_matters
from fsmodel.errors import DataError
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId
from fsmodel.store.delta_choice import (
    REFINED_LEVELS,
    TRIAL_LEVEL,
    is_excellent,
    is_promising,
    is_worth_a_base,
)
from fsmodel.store.object_reader import Located, ObjectReader
from fsmodel.store.pack_format import NewFrame, ObjectKind, encode_frame
from fsmodel.store.pack_writer import PackWriter
from lmdb_index.records import ObjectRecord

SKETCHED_BYTES_MIN: Final = 512  # a sketch costs more than what smaller objects could save
# A base keeps its row, hence all that it names: a tree or a manifest page as a base would keep the
# chunks of deleted files alive. Until collection can take such a base apart, only chunks are.
SKETCHED_KINDS: Final = frozenset({ObjectKind.CHUNK})
BRIEF_BYTES: Final = 8 << 10
DOUBTED: Final = 16  # of chunks that look random, each so many-th is compressed to see if it is
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


@dataclass(frozen=True, slots=True)
class NewObject:
    """Bytes to be stored, and the id they have."""

    kind: ObjectKind
    id: ObjectId
    data: bytes | memoryview
    hints: GiveHints = no_hints
    level: int | None = None  # of zstd; None for that of the store


@dataclass(frozen=True, slots=True)
class Encoded:
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


@dataclass(frozen=True, slots=True)
class Draft:
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


class Encoder:
    """Encodes and appends. Any thread may use it."""

    def __init__(self, writer: PackWriter, reader: ObjectReader, encoding: Encoding) -> None:
        self._writer = writer
        self._reader = reader
        self._encoding = encoding
        self._trial_level = min(TRIAL_LEVEL, encoding.delta_level)

    def encode(self, objects: Sequence[NewObject], *, brief: bool = False) -> list[Encoded]:
        """Compress objects, and take their features.

        With `brief`, only the beginning is looked at of what does not compress.
        """
        return [self._encode(new, brief=brief) for new in objects]

    def append_noise(self, objects: Sequence[NewObject]) -> list[Noise]:
        """Append what does not compress, as far as a sample tells; compress the others.

        Raises NoSpace, BackendError.
        """
        found = [self._encode_noise(new, number) for number, new in enumerate(objects)]
        raw = [Draft(each.encoded, ()) for each in found if each.encoded.codec is Codec.RAW]
        records = iter(self.append(raw))
        return [
            each._replace(record=next(records)) if each.encoded.codec is Codec.RAW else each
            for each in found
        ]

    def store_plain(self, objects: Sequence[NewObject]) -> list[ObjectRecord]:
        """Compress objects and append their frames, without looking for bases."""
        plain = [Encoded(new, *self._compressed(new), ()) for new in objects]
        return self.append([Draft(encoded, ()) for encoded in plain])

    def append(
        self, drafts: Sequence[Draft], deltas: Sequence[Delta | None] | None = None
    ) -> list[ObjectRecord]:
        """Make deltas where that pays, and append all frames; the rows say what came of it.

        Deltas that were made before can be given. Raises NoSpace, BackendError.
        """
        made = self.make_frames(drafts, deltas)
        records = [record for _, record in made]
        places = self._writer.append([frame for frame, _ in made])
        for record, place in zip(records, places, strict=True):
            record.pack, record.offset, record.stored = place
        return records

    def make_deltas(self, drafts: Sequence[Draft], batch: Batch) -> list[Delta | None]:
        """The best deltas of drafts, which may be some of a batch; None where none is worth it."""
        return [self._best_delta(draft, batch) for draft in drafts]

    def make_frames(
        self, drafts: Sequence[Draft], deltas: Sequence[Delta | None] | None = None
    ) -> list[tuple[NewFrame, ObjectRecord]]:
        """Make deltas where that pays, unless they are given; the rows lack the place."""
        batch = batch_of(drafts)
        if deltas is None:
            deltas = self.make_deltas(drafts, batch)
        depths: dict[ObjectId, int] = {}
        made: list[tuple[NewFrame, ObjectRecord]] = []
        for draft, found in zip(drafts, deltas, strict=True):
            delta = found
            if delta is not None and self._is_too_deep(delta.base, depths):
                bases = [base for base in draft.bases if not self._is_too_deep(base, depths)]
                delta = self._best_delta(replace(draft, bases=bases), batch)
            depth = _depth_of(delta.base, depths) + 1 if delta is not None else 0
            depths[draft.encoded.new.id] = depth
            made.append(_stored(draft.encoded, delta, depth))
        return made

    def _encode(self, new: NewObject, *, brief: bool) -> Encoded:
        codec, payload = self._compressed(new)
        features: Features = ()
        if new.kind in SKETCHED_KINDS and len(new.data) >= SKETCHED_BYTES_MIN:
            part = memoryview(new.data)[: BRIEF_BYTES if brief and codec is Codec.RAW else None]
            features = self._encoding.features(part)
        return Encoded(new, codec, payload, features)

    def _encode_noise(self, new: NewObject, number: int) -> Noise:
        is_noise = self._encoding.is_noise(new.data)
        if is_noise and number % DOUBTED:
            features = self._encoding.features(memoryview(new.data)[:BRIEF_BYTES])
            return Noise(Encoded(new, Codec.RAW, new.data, features), None, misjudged=False)
        encoded = self._encode(new, brief=True)
        return Noise(encoded, None, is_noise and encoded.codec is not Codec.RAW)

    def _compressed(self, new: NewObject) -> tuple[Codec, Buffer]:
        level = self._encoding.level if new.level is None else new.level
        return encode(new.data, level) if level != UNCOMPRESSED else (Codec.RAW, new.data)

    def _is_too_deep(self, base: Base, depths: Mapping[ObjectId, int]) -> bool:
        return _depth_of(base, depths) >= self._encoding.depth_max

    def _best_delta(self, draft: Draft, batch: Batch) -> Delta | None:
        """How deep a base of the same batch lies is not known yet, and not asked here."""
        data, payload_bytes = draft.encoded.new.data, len(draft.encoded.payload)
        best: Delta | None = None
        for base in draft.bases:
            base_bytes = self._base_bytes(base, batch)
            if base_bytes is None:
                continue
            payload = encode_delta(data, base_bytes, self._trial_level)
            if best is None or len(payload) < len(best.payload):
                best = Delta(payload, base, base_bytes)
            if is_excellent(len(payload), payload_bytes):
                break
        if best is None:
            return None
        best = self._finished(best, data, payload_bytes)
        return best if is_worth_a_base(len(best.payload), payload_bytes) else None

    def _finished(self, trial: Delta, data: Buffer, payload_bytes: int) -> Delta:
        """A delta that was made to find the best base, made once more with all effort due to it."""
        if not is_promising(len(trial.payload), payload_bytes) or not level_matters(data):
            return trial
        level = self._encoding.delta_level
        if not is_excellent(len(trial.payload), payload_bytes):
            level += REFINED_LEVELS
        payload = encode_delta(data, trial.base_bytes, level)
        return trial._replace(payload=payload) if len(payload) < len(trial.payload) else trial

    def _base_bytes(self, base: Base, batch: Batch) -> Buffer | None:
        """The bytes of a base; None when it cannot be had: then others will do."""
        if base.located is None:
            return batch.get(base.id)
        try:
            return self._reader.read(base.located)
        except DataError:
            return None


def _depth_of(base: Base, depths: Mapping[ObjectId, int]) -> int:
    """How deep a base lies, one of the same batch included whose frame has been made."""
    return depths.get(base.id, 0) if base.located is None else base.depth


def _stored(encoded: Encoded, delta: Delta | None, depth: int) -> tuple[NewFrame, ObjectRecord]:
    """The frame of an object, and its row, which lacks the place."""
    new, size = encoded.new, len(encoded.new.data)
    if delta is None:
        frame = encode_frame(new.kind, encoded.codec, size, new.id, encoded.payload)
        return frame, ObjectRecord(new.kind, encoded.codec, 0, 0, frame.size, size)
    frame = encode_frame(new.kind, Codec.DELTA, size, new.id, delta.payload, base=delta.base.id)
    saved = len(encoded.payload) - len(delta.payload) - OBJECT_ID_BYTES
    record = ObjectRecord(
        new.kind,
        Codec.DELTA,
        0,
        0,
        frame.size,
        size,
        depth=depth,
        base=delta.base.id,
        saved=saved,
    )
    return frame, record
