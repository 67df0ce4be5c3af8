"""Arbitrary bytes into every decoder of the store folder: a documented error, or the truth.

Besides plain noise, inputs are real files with a few bytes changed, since noise alone never gets
past a magic number.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import checksum64, object_id
from fsmodel.errors import BackendError, FrameCorrupt, StoreError, StoreLocked
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.format_file import parse_format
from fsmodel.store.layout import StoreLayout
from fsmodel.store.lock import StoreLock
from fsmodel.store.pack_format import (
    FACTS_FROM,
    FRAME_HEADER,
    PACK_HEADER,
    Frame,
    Location,
    NewFrame,
    ObjectKind,
    check_pack_header,
    encode_frame,
    encode_pack_header,
    pack_seed,
    parse_frame,
    parse_header,
)
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_scan import Damage, FoundFrame, scan_pack
from tests.support.packs import BASE, STORE, delta_frame, new_layout, raw_frame, sealed

PACK: Final = PackId(1)
SEED: Final = pack_seed(STORE, PACK)
FRAMES: Final = [raw_frame(b"one"), delta_frame(b"two", 9), raw_frame(b""), raw_frame(bytes(99))]
WHOLE_FRAMES: Final = [sealed(frame, SEED) for frame in FRAMES]
WHOLE_PACK: Final = encode_pack_header(STORE, PACK) + b"".join(WHOLE_FRAMES)
FORMAT: Final = {
    "magic": "cairnfs",
    "format": 1,
    "uuid": str(UUID(bytes=STORE)),
    "created": "2026-11-20T10:11:12Z",
    "chunking": {"chunker": "gear-1", "min": 1, "average": 2, "max": 3},
    "features": [],
}


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes with some overwritten, taken out, put in or cut off."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(start + 100, len(data))))
        data[start:end] = draw(st.binary(max_size=120))
    return bytes(data)


def noise_or(*wholes: bytes) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=300) | st.one_of([damaged(whole) for whole in wholes])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    kind=st.sampled_from(ObjectKind),
    codec=st.sampled_from([Codec.RAW, Codec.ZSTD, Codec.DELTA]),
    payload=st.binary(max_size=500),
    plain=st.integers(0, 1 << 24),
    before=st.binary(max_size=9),
    after=st.binary(max_size=9),
    seed=st.integers(0, (1 << 64) - 1),
)
def test_what_is_encoded_is_decoded(
    kind: ObjectKind,
    codec: Codec,
    payload: bytes,
    plain: int,
    before: bytes,
    after: bytes,
    seed: int,
) -> None:
    base = BASE if codec is Codec.DELTA else None
    size = len(payload) if codec is Codec.RAW else plain
    new = encode_frame(kind, codec, size, object_id(payload), payload, base=base)
    found = parse_frame(before + sealed(new, seed) + after, len(before), seed, "here")
    assert found == Frame(
        kind, codec, size, object_id(payload), base, memoryview(payload), new.size
    )


@given(block=noise_or(*WHOLE_FRAMES), at=st.integers(0, 100))
def test_a_block_is_a_frame_as_written_or_corrupt(block: bytes, at: int) -> None:
    try:
        frame = parse_frame(block, at, SEED, "here")
    except FrameCorrupt:
        return
    assert block[at : at + frame.size] in WHOLE_FRAMES


@given(block=noise_or(*WHOLE_FRAMES), at=st.integers(0, 100))
def test_a_header_is_as_written_or_corrupt(block: bytes, at: int) -> None:
    try:
        parse_header(block, at, SEED, "here")
    except FrameCorrupt:
        return
    facts = [whole[FACTS_FROM : FRAME_HEADER.size] for whole in WHOLE_FRAMES]
    assert block[at + FACTS_FROM : at + FRAME_HEADER.size] in facts


@given(facts=st.binary(min_size=44, max_size=44), body=st.binary(max_size=100))
def test_right_checksums_over_anything_are_no_excuse(facts: bytes, body: bytes) -> None:
    """A frame whose checksums are right and whose facts are noise."""
    try:
        frame = parse_frame(sealed(NewFrame(facts, body), SEED), 0, SEED, "here")
    except FrameCorrupt:
        return
    assert frame.size <= FRAME_HEADER.size + len(body)


@given(block=noise_or(WHOLE_PACK))
def test_a_pack_header_is_as_written_or_corrupt(block: bytes) -> None:
    try:
        check_pack_header(block, STORE, PACK)
    except FrameCorrupt:
        return
    assert block[: PACK_HEADER.size] == WHOLE_PACK[: PACK_HEADER.size]


@given(content=noise_or(WHOLE_PACK))
def test_a_scan_covers_any_file_and_invents_nothing(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        items = list(scan_pack(_layout_with(folder, content), STORE, PACK))
    found = [item.location for item in items if isinstance(item, FoundFrame)]
    assert all(content[at : at + size] in WHOLE_FRAMES for _, at, size in found)
    covered = [(at, at + size) for _, at, size in found]
    covered += [(item.start, item.end) for item in items if isinstance(item, Damage)]
    covered.append((0, PACK_HEADER.size))
    assert sum(end - start for start, end in set(covered)) >= len(content)
    assert all(start < end for start, end in covered)


@given(
    content=noise_or(WHOLE_PACK),
    pack=st.integers(-1, 1 << 64) | st.just(PACK),
    offset=st.integers() | st.integers(40, 300),
    stored=st.integers() | st.integers(60, 170),
    wanted=st.binary(min_size=32, max_size=32) | st.just(object_id(b"one")),
)
def test_any_location_in_any_file_is_a_frame_as_written_or_an_error(
    content: bytes, pack: int, offset: int, stored: int, wanted: bytes
) -> None:
    location = Location(PackId(pack), offset, stored)
    with TemporaryDirectory() as folder:
        reader = PackReader(_layout_with(folder, content), STORE)
        try:
            frame = reader.read_frame(location, ObjectId(wanted))
        except (FrameCorrupt, BackendError):
            return
        finally:
            reader.close()
    assert frame.id == wanted
    assert content[offset : offset + stored] in WHOLE_FRAMES


@given(text=noise_or(msgspec.json.encode(FORMAT)))
def test_any_format_file_is_refused(text: bytes) -> None:
    with pytest.raises(StoreError):
        parse_format(text, Path("/store"))


@given(
    name=st.sampled_from([*FORMAT, "other"]),
    value=json_values | st.dictionaries(st.sampled_from(list(FORMAT)), json_values),
)
def test_any_value_in_a_format_file_is_accepted_or_refused(name: str, value: object) -> None:
    fields = {**FORMAT, name: value}
    canonical = msgspec.json.encode(fields, order="sorted")
    text = msgspec.json.encode({**fields, "checksum": f"{checksum64(canonical):016x}"})
    try:
        answer = repr(parse_format(text, Path("/store")))
    except StoreError as error:
        answer = str(error)
    assert len(answer.splitlines()) == 1


@given(content=noise_or(b'{"pid": 123, "mountpoint": "/mnt"}'))
def test_any_lock_file_only_makes_a_message(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        layout = new_layout(Path(folder))
        lock = StoreLock.acquire(layout)
        layout.lock_file.write_bytes(content)
        with pytest.raises(StoreLocked, match="is in use by"):
            StoreLock.acquire(layout)
        lock.close()


def _layout_with(folder: str, content: bytes) -> StoreLayout:
    """A store with one pack of this content."""
    layout = new_layout(Path(folder))
    path = layout.pack(PACK)
    path.parent.mkdir()
    path.write_bytes(content)
    return layout
