"""Sections of chunks: their values are those of BLAKE3's tree, and a part that is read is right."""

import os
import sys
from collections.abc import Iterator
from itertools import accumulate
from random import Random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsmodel.store
from fsmodel.encoding.hashing import object_id
from fsmodel.store import _frames as native
from fsmodel.store.frames import KERNELS, bring_part, read_part
from fsmodel.store.pack_format import (
    CHECKSUM_BYTES,
    FRAME_HEADER,
    raw_frame_offsets,
    raw_frame_size,
)
from fsmodel.store.sections import (
    LITTLE_BYTES,
    SECTION_BYTES,
    SECTIONED_ABOVE,
    SECTIONED_MAX,
    VALUE_BYTES,
    available_values,
    bytes_touched,
    is_little,
    section_values,
    values_bytes,
)
from tests.support.blake3_tree import joined, value_of
from tests.support.frames import BEFORE, SEED, frame_of
from tests.support.nowait_files import looked_again, nowait_file

NOISE = Random(8).randbytes(SECTIONED_MAX + 1)
AT = len(BEFORE)
HEADER = FRAME_HEADER.size

around = st.sampled_from([-1025, -1024, -1023, -65, -1, 0, 1, 64, 65, 1023, 1024, 1025])
sizes = st.builds(
    lambda sections, more: min(max(sections * SECTION_BYTES + more, 1), SECTIONED_MAX),
    st.integers(2, 20) | st.sampled_from([31, 32, 33, 48, 63, 64]),
    around | st.integers(0, SECTION_BYTES),
)


def split(values: bytes) -> list[bytes]:
    return [values[at : at + VALUE_BYTES] for at in range(0, len(values), VALUE_BYTES)]


@given(size=sizes, data=st.data())
def test_values_are_nodes_of_the_tree(size: int, data: st.DataObject) -> None:
    """All of them make the id, and any of them is that of its bytes."""
    body = NOISE[:size]
    values = split(section_values(body))
    assert len(values) * VALUE_BYTES == values_bytes(size)
    if values:
        assert joined(values) == native.joined(b"".join(values)) == object_id(body)
        number = data.draw(st.integers(0, len(values) - 1))
        section = body[number * SECTION_BYTES : (number + 1) * SECTION_BYTES]
        counter = number * SECTION_BYTES // 1024
        assert values[number] == value_of(section, counter, root=False)


@pytest.mark.parametrize("size", [0, 1, 64, 1024, 1025, 5000])
def test_the_tree_that_they_are_compared_with_is_that_of_blake3(size: int) -> None:
    assert value_of(NOISE[:size], 0, root=True) == object_id(NOISE[:size])


@pytest.mark.parametrize(
    ("size", "values"),
    [
        (0, 0),
        (SECTIONED_ABOVE, 0),
        (SECTIONED_ABOVE + 1, 96),
        (3 * SECTION_BYTES, 96),
        (SECTIONED_MAX, 2048),
        (SECTIONED_MAX + 1, 0),
    ],
)
def test_which_chunks_have_values(size: int, values: int) -> None:
    assert len(section_values(NOISE[:size])) == values_bytes(size) == values
    assert raw_frame_size(size) == len(frame_of(NOISE[:size])) == HEADER + size + values


@given(lengths=st.lists(sizes | st.integers(0, SECTIONED_MAX + 99)))
def test_frames_lie_one_behind_the_other(lengths: list[int]) -> None:
    ends = list(accumulate(map(raw_frame_size, lengths)))
    assert raw_frame_offsets(lengths) == [0, *ends]


@pytest.mark.parametrize("size", [0, 32, 33, 2080])
def test_only_so_many_values_can_be_joined(size: int) -> None:
    with pytest.raises(ValueError, match="bytes of values"):
        native.joined(bytes(size))


@pytest.mark.parametrize(
    ("size", "low", "high", "touched"),
    [
        (20_000, 5, 6, 20_000),
        (70_000, 0, 1, SECTION_BYTES + 160),
        (70_000, SECTION_BYTES - 1, SECTION_BYTES + 1, 2 * SECTION_BYTES + 160),
        (70_000, 69_000, 70_000, 70_000 - 4 * SECTION_BYTES + 160),
        (70_000, 0, 70_000, 70_000),
    ],
)
def test_how_much_is_read(size: int, low: int, high: int, touched: int) -> None:
    assert bytes_touched(size, low, high) == touched


@given(size=sizes | st.integers(1, 2 * SECTIONED_MAX), data=st.data())
def test_what_is_read_is_the_sections_that_are_touched_and_all_values(
    size: int, data: st.DataObject
) -> None:
    low = data.draw(st.integers(0, size))
    high = data.draw(st.integers(low, size) | st.integers(low, min(low + 70_000, size)))
    touched = {at // SECTION_BYTES for at in (low, *range(low, high, SECTION_BYTES), high - 1)}
    body = sum(len(range(size)[at * SECTION_BYTES : (at + 1) * SECTION_BYTES]) for at in touched)
    if low < high:
        whole = not values_bytes(size)
        found = size if whole else min(body + values_bytes(size), size)
        assert bytes_touched(size, low, high) == found
        assert is_little(size, low, high) == (not whole and found <= LITTLE_BYTES)


def test_without_the_extension_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsmodel.store._frames", None)
    monkeypatch.delattr(fsmodel.store, "_frames")
    assert available_values()(bytes(70_000)) == b""


def test_an_extension_that_hashes_wrongly_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("fsmodel.store._frames")
    vars(other).update(section_values=native.section_values, joined=lambda values: bytes(32))
    monkeypatch.setitem(sys.modules, other.__name__, other)
    monkeypatch.setattr(fsmodel.store, "_frames", other)
    assert available_values()(bytes(70_000)) == b""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A file on a filesystem that can read without waiting."""
    with nowait_file(tmp_path_factory.mktemp("sections"), BEFORE) as descriptor:
        yield descriptor


def part_of(pack: int, body: bytes, low: int, high: int) -> bytes | None:
    wanted = object_id(body), len(body)
    return looked_again(pack, read_part, pack, AT, SEED, wanted, low, high)


def brought_part(pack: int, body: bytes, low: int, high: int) -> bytes | None:
    return bring_part(pack, AT, (object_id(body), len(body)), low, high)


@given(size=sizes, data=st.data(), sectioned=st.booleans())
def test_any_part_is_right(pack: int, size: int, data: st.DataObject, sectioned: bool) -> None:
    body = NOISE[:size]
    low = data.draw(st.integers(0, size))
    high = data.draw(st.integers(low, min(size, low + data.draw(st.sampled_from([1, 4096, size])))))
    os.pwrite(pack, frame_of(body, sectioned=sectioned), AT)
    wanted = object_id(body), size
    for kernel in KERNELS.values():
        part = looked_again(pack, kernel.read_part, pack, AT, SEED, wanted, low, high)
        assert part == body[low:high]
    is_part = sectioned and values_bytes(size) > 0 and low < high
    is_part = is_part and bytes_touched(size, low, high) < size
    assert brought_part(pack, body, low, high) in (
        (body[low:high],) if is_part else (None, body[low:high])
    )


BODY = NOISE[: 3 * SECTION_BYTES + 5]
LOW, HIGH = SECTION_BYTES + 100, SECTION_BYTES + 200
WHOLE = frame_of(BODY)


@pytest.fixture
def hurt(pack: int) -> "Hurt":
    os.pwrite(pack, WHOLE, AT)
    return Hurt(pack)


class Hurt:
    """A frame of a chunk that has values of sections, some bytes of which are wrong."""

    def __init__(self, pack: int) -> None:
        self._pack = pack
        self._flipped: list[int] = []

    def flip(self, *places: int) -> None:
        """Let bytes at these offsets in the frame be wrong, and no others."""
        for at in self._flipped:
            os.pwrite(self._pack, WHOLE[at : at + 1], AT + at)
        for at in places:
            os.pwrite(self._pack, bytes([WHOLE[at] ^ 0x10]), AT + at)
        self._flipped = list(places)

    def parts(self) -> tuple[bytes | None, bytes | None]:
        """What is read of the part, without waiting and with."""
        return part_of(self._pack, BODY, LOW, HIGH), brought_part(self._pack, BODY, LOW, HIGH)


def test_a_flipped_byte_is_right_or_none(hurt: Hurt) -> None:
    """Every byte in turn: only where it is in the same section, bytes cannot be read."""
    right = BODY[LOW:HIGH]
    section = range(HEADER + SECTION_BYTES, HEADER + 2 * SECTION_BYTES)
    own_value = range(HEADER + len(BODY) + VALUE_BYTES, HEADER + len(BODY) + 2 * VALUE_BYTES)
    for at in range(len(WHOLE)):
        hurt.flip(at)
        if at in section:
            assert hurt.parts() == (None, None), at
        elif at < HEADER + len(BODY) or at in own_value:
            assert hurt.parts() == (right, right), at
        else:
            assert hurt.parts() == (right, None), at  # the whole chunk is read and checked


def test_wrong_values_and_a_wrong_byte_anywhere_in_the_chunk_give_none(hurt: Hurt) -> None:
    for at in range(HEADER, HEADER + len(BODY), 997):
        hurt.flip(at, len(WHOLE) - 1)
        assert hurt.parts() == (None, None)


def test_wrong_values_and_a_wrong_header_give_none(hurt: Hurt) -> None:
    for at in range(HEADER):
        hurt.flip(at, len(WHOLE) - 1)
        assert hurt.parts() == (BODY[LOW:HIGH] if at in CHECKSUM_BYTES else None, None)


def test_what_is_no_longer_there_gives_none(pack: int) -> None:
    os.pwrite(pack, WHOLE, AT)
    for size in (AT, AT + 70, AT + HEADER + LOW, AT + HEADER + len(BODY) - 1):
        os.ftruncate(pack, size)
        assert part_of(pack, BODY, LOW, HIGH) is None
        assert brought_part(pack, BODY, LOW, HIGH) is None
        os.pwrite(pack, WHOLE, AT)
    os.ftruncate(pack, AT + len(WHOLE) - 1)
    assert part_of(pack, BODY, LOW, HIGH) == BODY[LOW:HIGH]  # nothing but a value is missing


def test_another_chunk_gives_none(pack: int) -> None:
    os.pwrite(pack, WHOLE, AT)
    other = NOISE[7 : 7 + len(BODY)]
    assert part_of(pack, other, LOW, HIGH) is None
    assert brought_part(pack, other, LOW, HIGH) is None


@pytest.mark.parametrize(("low", "high"), [(-1, 3), (3, 2), (0, len(BODY) + 1)])
def test_no_chunk_has_such_a_part(pack: int, low: int, high: int) -> None:
    with pytest.raises(ValueError, match="of a chunk of"):
        brought_part(pack, BODY, low, high)


def test_parts_are_those_of_chunks(pack: int) -> None:
    with pytest.raises(TypeError):
        native.bring_part(pack, AT, ("no id", 3), 0, 3)  # type: ignore[arg-type]  # is refused
    with pytest.raises(TypeError):
        native.section_values("no bytes")  # type: ignore[arg-type]  # is refused
    with pytest.raises(TypeError):
        native.joined("no bytes")  # type: ignore[arg-type]  # is refused


def test_the_reference_brings_no_parts(pack: int) -> None:
    os.pwrite(pack, WHOLE, AT)
    wanted = object_id(BODY), len(BODY)
    assert KERNELS["reference"].bring_part(pack, AT, wanted, LOW, HIGH) is None
