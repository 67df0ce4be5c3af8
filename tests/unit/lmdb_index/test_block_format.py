"""Blocks of packed rows: what is put in comes out, and damage is noticed."""

from bisect import bisect_left

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmdb_index import block_format
from lmdb_index.block_format import BLOCK_HEADER, Block, Content, encode_block
from lmdb_index.block_keys import (
    GROUP_ROWS,
    LOOKS_FEW,
    FixedKeys,
    KeyForm,
    ListedKeys,
    groups_of,
)
from lmdb_index.errors import IndexCorrupt, IndexProblem, IndexTooNew
from lmdb_index.keys import number_key

PLACE = b"\x05last"
VERSION = 3

LISTED = st.sets(st.binary(min_size=1, max_size=4), min_size=1, max_size=90)
FIXED = st.sets(st.binary(min_size=3, max_size=3), min_size=1, max_size=90)
NUMBERS = st.integers(0, 200) | st.integers(2**64 - 40, 2**64 - 1)
COUNTED = st.sets(NUMBERS, min_size=1, max_size=90).map(lambda found: set(map(number_key, found)))
KEYS = st.one_of(
    st.tuples(st.just(KeyForm.LISTED), LISTED),
    st.tuples(st.just(KeyForm.FIXED), FIXED),
    st.tuples(st.just(KeyForm.COUNTED), COUNTED),
).map(lambda drawn: (drawn[0], sorted(drawn[1])))


def block_of(form: KeyForm, keys: list[bytes], base: tuple[int, ...] = ()) -> bytes:
    """Each row is its number."""
    return block_at(PLACE, form, keys, base)


def block_at(place: bytes, form: KeyForm, keys: list[bytes], base: tuple[int, ...] = ()) -> bytes:
    return encode_block(place, Content(VERSION, form, base, keys, list(range(len(keys)))))


def numbers(rows: list[msgspec.Raw]) -> list[int]:
    return [msgspec.msgpack.decode(row) for row in rows]


@given(drawn=KEYS, others=st.lists(st.binary(max_size=9) | NUMBERS.map(number_key), max_size=20))
def test_rows_are_found_by_their_keys(
    drawn: tuple[KeyForm, list[bytes]], others: list[bytes]
) -> None:
    form, keys = drawn
    block = Block(PLACE, block_of(form, keys, (7, -1)), VERSION)
    assert (block.count, block.base) == (len(keys), [7, -1])
    assert block.keys(0, len(keys)) == keys
    assert numbers(block.rows(0, len(keys))) == list(range(len(keys)))
    for key in {*keys, *others, *(key + b"\0" for key in keys), b"", b"\xff" * 9}:
        assert block.find(key) == (keys.index(key) if key in keys else None)
        assert block.position(key) == sum(held < key for held in keys)


@given(drawn=KEYS, start=st.integers(0, 90), length=st.integers(0, 90))
def test_parts_are_slices(drawn: tuple[KeyForm, list[bytes]], start: int, length: int) -> None:
    form, keys = drawn
    start = min(start, len(keys))
    stop = min(start + length, len(keys))
    block = Block(PLACE, block_of(form, keys), VERSION)
    assert block.keys(start, stop) == keys[start:stop]
    assert numbers(block.rows(start, stop)) == list(range(start, stop))
    part = block.part(start, stop)
    assert (part[0], numbers(part[1])) == (keys[start:stop], list(range(start, stop)))


@given(drawn=KEYS, others=st.lists(st.binary(max_size=9) | NUMBERS.map(number_key), max_size=20))
def test_a_block_spans_what_lies_between_its_keys(
    drawn: tuple[KeyForm, list[bytes]], others: list[bytes]
) -> None:
    form, keys = drawn
    block = Block(PLACE[:1] + keys[-1], block_at(PLACE[:1] + keys[-1], form, keys), VERSION)
    for key in {*keys, *others, *(key + b"\0" for key in keys), b""}:
        assert block.spans(key) == (keys[0] <= key <= keys[-1])


@pytest.mark.parametrize("found", [[], None])
def test_a_group_that_lacks_a_row_is_damage(
    monkeypatch: pytest.MonkeyPatch, found: list[msgspec.Raw] | None
) -> None:
    def decoded(_: object) -> list[msgspec.Raw]:
        if found is None:
            raise msgspec.ValidationError("injected")
        return found

    block = Block(PLACE, block_of(KeyForm.LISTED, [b"a", b"b"]), VERSION)
    monkeypatch.setattr(block_format, "_decode_rows", decoded)
    with pytest.raises(IndexCorrupt, match="run cairnfs fsck --repair"):
        block.part(1, 2)


def test_an_id_is_found_by_its_beginning() -> None:
    """Not by what stands across two ids, or inside one."""
    keys = FixedKeys(b"abcabdbcd", 3)
    assert keys.beginning_with(b"ab") == 0
    assert keys.beginning_with(b"abd") == 1
    assert keys.beginning_with(b"bc") == 2
    assert keys.beginning_with(b"ca") is None


def test_a_look_for_an_id_that_is_not_there_decompresses_nothing() -> None:
    value = block_of(KeyForm.FIXED, [b"aaa", b"ccc"])
    block = Block(PLACE, value, VERSION)
    assert block.find(b"bbb") is None
    assert block._rows is None
    assert numbers(block.rows(0, 2)) == [0, 1]


@given(drawn=KEYS, data=st.data())
def test_a_flipped_bit_is_noticed(drawn: tuple[KeyForm, list[bytes]], data: st.DataObject) -> None:
    value = bytearray(block_of(*drawn))
    bit = data.draw(st.integers(0, 8 * len(value) - 1))
    value[bit // 8] ^= 1 << bit % 8
    with pytest.raises(IndexCorrupt, match="fail their checksum"):
        Block(PLACE, bytes(value), VERSION)


@given(drawn=KEYS, data=st.data())
def test_a_cut_is_noticed(drawn: tuple[KeyForm, list[bytes]], data: st.DataObject) -> None:
    value = block_of(*drawn)
    size = data.draw(st.integers(0, len(value) - 1))
    with pytest.raises(IndexCorrupt):
        Block(PLACE, value[:size], VERSION)


def test_a_block_under_another_key_is_noticed() -> None:
    value = block_of(KeyForm.LISTED, [b"a"])
    with pytest.raises(IndexCorrupt, match=r"table 5 up to 6c617374: fail .* fsck --repair"):
        Block(PLACE, value + b"\0", VERSION)
    with pytest.raises(IndexCorrupt):
        Block(b"\x06last", value, VERSION)


def resealed(value: bytes) -> bytes:
    """What somebody would have written who wrote these bytes on purpose."""
    from xxhash import xxh3_64_intdigest

    return xxh3_64_intdigest(PLACE + value[8:]).to_bytes(8, "little") + value[8:]


@given(drawn=KEYS, data=st.data())
def test_forged_blocks_are_refused_or_readable(
    drawn: tuple[KeyForm, list[bytes]], data: st.DataObject
) -> None:
    """With a right checksum and any other change: an error of ours, or rows."""
    value = bytearray(block_of(*drawn))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(8, len(value) - 1))
        value[at] = data.draw(st.integers(0, 255))
    try:
        block = Block(PLACE, resealed(bytes(value)), VERSION)
        block.find(b"abc")
        block.keys(0, block.count)
        block.rows(0, block.count)
    except IndexProblem:
        return


@pytest.mark.parametrize(("version", "row_version"), [(2, VERSION), (1, VERSION + 1)])
def test_a_later_version_is_refused(version: int, row_version: int) -> None:
    value = bytearray(block_of(KeyForm.LISTED, [b"a"]))
    value[8:10] = version, row_version
    with pytest.raises(IndexTooNew, match=f"version {version}.{row_version}, .* knows 1.3"):
        Block(PLACE, resealed(bytes(value)), VERSION)


def test_a_frame_of_another_size_is_refused() -> None:
    value = bytearray(block_of(KeyForm.LISTED, [b"a"]))
    value[BLOCK_HEADER.size - 4] += 1
    block = Block(PLACE, resealed(bytes(value)), VERSION)
    with pytest.raises(IndexCorrupt, match="of another size"):
        block.rows(0, 1)


def test_groups_are_as_large_as_told() -> None:
    """Other tests make them smaller."""
    assert GROUP_ROWS == 32


def test_listed_keys_are_found_however_often_they_are_looked_for() -> None:
    """Where groups begin is known after some looks: what is found is the same before and after."""
    keys = [b"%04d" % number for number in range(0, 20 * GROUP_ROWS, 2)]
    groups = [msgspec.Raw(msgspec.msgpack.encode(list(group))) for group in groups_of(keys)]
    sought = [b"%04d" % number for number in (0, 1, 2 * GROUP_ROWS, 255, 20 * GROUP_ROWS - 2, 9999)]
    listed = ListedKeys(groups, len(keys))
    for _ in range(LOOKS_FEW):
        for key in sought:
            assert listed.find(key) == (keys.index(key) if key in keys else None)
            assert listed.position(key) == bisect_left(keys, key)
    assert len(listed._firsts) == len(groups)
