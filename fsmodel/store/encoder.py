"""Encoding objects and appending their frames: raw, compressed, or as a delta against a base.

Two steps, because between them the owner of the index looks for bases (bases.py): `encode`
compresses and takes features, `append` tries the bases and writes. Of a large batch, parts may be
encoded at the same time, and their deltas made. `append_noise` does all at once, for streams in
which there is nothing to be found. Any thread may run them.
"""

from collections.abc import Sequence
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.encoding.codecs import Codec, encode
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId
from fsmodel.store.delta_maker import DeltaMaker, depth_of
from fsmodel.store.drafts import (
    UNCOMPRESSED,
    Delta,
    Draft,
    Encoded,
    Encoding,
    Features,
    NewObject,
    Noise,
    batch_of,
)
from fsmodel.store.object_reader import ObjectReader
from fsmodel.store.pack_format import NewFrame, ObjectKind, encode_frame
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.sections import section_values
from lmdb_index.records import ObjectRecord

SKETCHED_BYTES_MIN: Final = 512  # a sketch costs more than what smaller objects could save
# A base keeps its row, hence all that it names: a tree or a manifest page as a base would keep the
# chunks of deleted files alive. Until collection can take such a base apart, only chunks are.
SKETCHED_KINDS: Final = frozenset({ObjectKind.CHUNK})
BRIEF_BYTES: Final = 8 << 10
HASTY_LEVEL: Final = 1  # of zstd; those below it save a tenth of the time and lose a third
DOUBTED: Final = 16  # of chunks that look random, each so many-th is compressed to see if it is


class Encoder:
    """Encodes and appends. Any thread may use it."""

    def __init__(self, writer: PackWriter, reader: ObjectReader, encoding: Encoding) -> None:
        self._writer = writer
        self._encoding = encoding
        self.deltas = DeltaMaker(reader, encoding)

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
        raw = [each.encoded for each in found if each.encoded.codec is Codec.RAW]
        records = iter(self._append_alone(raw))
        return [
            each._replace(record=next(records)) if each.encoded.codec is Codec.RAW else each
            for each in found
        ]

    def store_plain(self, objects: Sequence[NewObject]) -> list[ObjectRecord]:
        """Compress objects and append their frames, without looking for bases."""
        return self._append_alone([Encoded(new, *self._compressed(new), ()) for new in objects])

    def append_raw(self, objects: Sequence[NewObject]) -> list[ObjectRecord]:
        """Append chunks as they are, whatever they are. Raises NoSpace, BackendError."""
        places = self._writer.append_chunks(
            [(new.id, new.data, _values_of(new)) for new in objects]
        )
        return [
            ObjectRecord(ObjectKind.CHUNK, Codec.RAW, pack, offset, stored, len(new.data))
            for new, (pack, offset, stored) in zip(objects, places, strict=True)
        ]

    def append(
        self, drafts: Sequence[Draft], deltas: Sequence[Delta | None] | None = None
    ) -> list[ObjectRecord]:
        """Make deltas where that pays, and append all frames; the rows say what came of it.

        Deltas that were made before can be given. Raises NoSpace, BackendError.
        """
        return self._append_made(self.make_frames(drafts, deltas))

    def _append_alone(self, encoded: Sequence[Encoded]) -> list[ObjectRecord]:
        """Append what is no delta in any case."""
        return self._append_made([_stored(each, None, 0) for each in encoded])

    def _append_made(self, made: Sequence[tuple[NewFrame, ObjectRecord]]) -> list[ObjectRecord]:
        records = [record for _, record in made]
        places = self._writer.append([frame for frame, _ in made])
        for record, place in zip(records, places, strict=True):
            record.pack, record.offset, record.stored = place
        return records

    def make_frames(
        self, drafts: Sequence[Draft], deltas: Sequence[Delta | None] | None = None
    ) -> list[tuple[NewFrame, ObjectRecord]]:
        """Make deltas where that pays, unless they are given; the rows lack the place."""
        batch = batch_of(drafts)
        if deltas is None:
            deltas = self.deltas.make(drafts, batch)
        depths: dict[ObjectId, int] = {}
        made: list[tuple[NewFrame, ObjectRecord]] = []
        for draft, found in zip(drafts, deltas, strict=True):
            delta = self.deltas.shallow_enough(found, draft, batch, depths)
            depth = depth_of(delta.base, depths) + 1 if delta is not None else 0
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
        level = new.level
        if level is None:
            level = self._encoding.level
            level = min(level, HASTY_LEVEL) if new.hasty else level
        return encode(new.data, level) if level != UNCOMPRESSED else (Codec.RAW, new.data)


def _values_of(chunk: NewObject) -> bytes:
    return section_values(chunk.data) if chunk.values is None else chunk.values


def _stored(encoded: Encoded, delta: Delta | None, depth: int) -> tuple[NewFrame, ObjectRecord]:
    """The frame of an object, and its row, which lacks the place."""
    new, size = encoded.new, len(encoded.new.data)
    if delta is None:
        frame = encode_frame(
            new.kind, encoded.codec, size, new.id, encoded.payload, values=new.values
        )
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
