"""Appends objects as groups: neighbours in one frame, so many bytes of them at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fsmodel.encoding.codecs import encode
from fsmodel.ids import PackId
from fsmodel.store.drafts import NewObject
from fsmodel.store.group_format import (
    GROUP_BYTES_MAX,
    GROUP_MEMBERS_MAX,
    encode_group,
    group_bytes,
)
from fsmodel.store.group_rows import member_rows
from fsmodel.store.pack_format import Location, NewFrame, encode_frame
from fsmodel.store.pack_writer import PackWriter
from lmdb_index.records import ObjectRecord

SMALL_GROUP_BYTES: Final = 256 << 10  # decodes in a quarter of a millisecond


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """How groups are made."""

    level: int  # of zstd
    plain_bytes: int = SMALL_GROUP_BYTES  # of a group; a larger object stands alone


@dataclass(frozen=True, slots=True)
class EncodedRun:
    """The frames that neighbours have become, and their rows, which lack the place.

    Either one frame for all of them or one for each.
    """

    frames: list[NewFrame]
    records: list[ObjectRecord]

    @property
    def size_bytes(self) -> int:
        """What it takes in a pack."""
        return sum(frame.size for frame in self.frames)


def split_into_runs(sizes: Sequence[int], plain_bytes: int) -> Iterator[range]:
    """Which neighbours go into a group together."""
    assert plain_bytes <= GROUP_BYTES_MAX
    start, filled = 0, group_bytes(())
    for at, size in enumerate(sizes):
        grown = filled + group_bytes((size,)) - group_bytes(())
        if at > start and (grown > plain_bytes or at - start == GROUP_MEMBERS_MAX):
            yield range(start, at)
            start, grown = at, group_bytes((size,))
        filled = grown
    if start < len(sizes):
        yield range(start, len(sizes))


def encode_run(objects: Sequence[NewObject], level: int) -> EncodedRun:
    """Encode neighbours as a group; a single one, and where no group pays, each by itself.

    Any thread may call it. Raises ValueError for a level zstd does not have.
    """
    if len(objects) > 1:
        frame = encode_group([(new.kind, new.data) for new in objects], level)
        if frame.size >= len(objects):
            nowhere = Location(PackId(0), 0, frame.size)
            facts = ((new.kind, len(new.data)) for new in objects)
            return EncodedRun([frame], member_rows(facts, nowhere))
    return encode_each(objects, level)


def encode_each(objects: Sequence[NewObject], level: int) -> EncodedRun:
    """Encode objects, each in a frame of its own. Any thread may call it."""
    singles = [_alone(new, level) for new in objects]
    return EncodedRun([frame for frame, _ in singles], [row for _, row in singles])


def append_runs(writer: PackWriter, runs: Sequence[EncodedRun]) -> list[ObjectRecord]:
    """Append what was encoded, and complete the rows. Raises NoSpace, BackendError."""
    frames = [frame for run in runs for frame in run.frames]
    places = iter(writer.append(frames))
    for run in runs:
        if len(run.frames) < len(run.records):
            pack, offset, _ = next(places)
            for record in run.records:
                record.pack, record.offset = pack, offset
        else:
            for record in run.records:
                record.pack, record.offset, _ = next(places)
    return [record for run in runs for record in run.records]


def append_grouped(
    writer: PackWriter, objects: Sequence[NewObject], limits: GroupLimits
) -> list[ObjectRecord]:
    """Encode and append objects as groups of neighbours. Raises NoSpace, BackendError."""
    sizes = [len(new.data) for new in objects]
    runs = [
        encode_run(objects[run.start : run.stop], limits.level)
        for run in split_into_runs(sizes, limits.plain_bytes)
    ]
    return append_runs(writer, runs)


def _alone(new: NewObject, level: int) -> tuple[NewFrame, ObjectRecord]:
    codec, payload = encode(new.data, level)
    frame = encode_frame(new.kind, codec, len(new.data), new.id, payload)
    return frame, ObjectRecord(new.kind, codec, 0, 0, frame.size, len(new.data))
