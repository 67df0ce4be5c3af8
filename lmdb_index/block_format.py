"""Blocks of packed rows: many rows of one table, in the order of their keys, as one LMDB value.

     0  checksum     u64  XXH3-64 of the block's own key and all bytes from 8 on
     8  version      u8   of this layout
     9  row version  u8   of the table
    10  key form     u8   KeyForm
    11  key size     u8   bytes of each FIXED key, else zero
    12  rows         u16
    14  zero         u16
    16  plain size   u32  bytes of the frame's content
    20  FIXED keys, one after the other; then a zstd frame up to the end

The block's own key is the number of its table (one byte) and the key of its last row. The frame's
content is a MessagePack array of three: an array of the numbers that the rows are relative to
(packed_records.py); the keys (LISTED: an array of groups of them; COUNTED: an array of gap and
length of each run, in turn; FIXED: an empty array); and an array of groups of the rows, each as
packed_records.py says. A group is an array of 32, the last one of those that are left.

A block has one checksum where rows by themselves have one each. Groups are decoded when a row of
them is asked for.
"""

from collections.abc import Sequence
from struct import Struct, error
from typing import Annotated, Final, NamedTuple

import msgspec
from backports.zstd import ZstdError, compress, decompress, get_frame_info
from xxhash import xxh3_64_intdigest

from lmdb_index.block_keys import (
    CountedKeys,
    FixedKeys,
    KeyForm,
    Keys,
    ListedKeys,
    group_at,
    groups_of,
    part_of_groups,
)
from lmdb_index.errors import IndexCorrupt, IndexTooNew

BLOCK_HEADER: Final = Struct("<QBBBBHHI")
assert BLOCK_HEADER.size == 20  # docs/format-index.md says the same, and a test compares them
BLOCK_VERSION: Final = 1
BLOCK_ROWS_MAX: Final = (1 << 16) - 1
ZSTD_LEVEL: Final = 6  # level 3 takes 4 % more room; 12 takes 2 % less, and four times as long
_CHECKSUM: Final = Struct("<Q")
_DECODING_FAILS: Final = (msgspec.MsgspecError, IndexError, OverflowError, error)
_FORMS: Final = frozenset(KeyForm)


class Content(NamedTuple):
    """What a block is made of."""

    row_version: int
    form: KeyForm
    base: Sequence[int]  # what numbers in the rows are relative to
    keys: Sequence[bytes]  # in order
    rows: Sequence[object]  # anything MessagePack can make a row of


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_groups: Final = msgspec.msgpack.Decoder(
    tuple[list[int], list[msgspec.Raw], list[msgspec.Raw]]
).decode
_decode_number: Final = msgspec.msgpack.Decoder(Annotated[int, msgspec.Meta(ge=0)]).decode
_decode_rows: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


def encode_block(place: bytes, content: Content) -> bytes:
    """The value to store under a block's own key."""
    form, keys, width, fixed = content.form, content.keys, 0, b""
    stored_keys: Sequence[object] = ()
    if form is KeyForm.FIXED:
        width, fixed = len(keys[0]), b"".join(keys)
        assert len(fixed) == width * len(keys), "keys of several sizes"
    elif form is KeyForm.COUNTED:
        stored_keys = CountedKeys.runs(keys)
    else:
        stored_keys = groups_of(keys)
    plain = _encode((content.base, stored_keys, groups_of(content.rows)))
    header = BLOCK_HEADER.pack(
        0, BLOCK_VERSION, content.row_version, form, width, len(keys), 0, len(plain)
    )
    checked = header[_CHECKSUM.size :] + fixed + compress(plain, ZSTD_LEVEL)
    return _CHECKSUM.pack(xxh3_64_intdigest(place + checked)) + checked


class Block:
    """A block whose checksum was right. Its frame is decompressed when that is needed."""

    __slots__ = (
        "_base",
        "_first_key",
        "_form",
        "_frame",
        "_keys",
        "_plain_size",
        "_rows",
        "count",
        "place",
        "size",
    )

    def __init__(self, place: bytes, value: bytes, row_version: int) -> None:
        """Verify the value that stands under a block's own key. Raises IndexCorrupt, IndexTooNew.

        It is too new when its rows are of another version than `row_version`.
        """
        self.place = place
        self.size = len(value)
        if len(value) < BLOCK_HEADER.size:
            raise self._corrupt(f"{len(value)} bytes cannot hold any")
        checksum, *versions, form, width, count, zero, size = BLOCK_HEADER.unpack_from(value)
        if xxh3_64_intdigest(place + value[_CHECKSUM.size :]) != checksum:
            raise self._corrupt("fail their checksum")
        if versions != [BLOCK_VERSION, row_version] or zero or not _is_form(form, width):
            raise IndexTooNew(
                f"{self} have version {versions[0]}.{versions[1]}, this cairnfs knows"
                f" {BLOCK_VERSION}.{row_version}: use a later cairnfs"
            )
        frame_at = BLOCK_HEADER.size + width * count
        self.count: int = count
        self._form = form
        self._plain_size: int = size
        self._frame = value[frame_at:]
        self._base: list[int] = []
        self._rows: list[msgspec.Raw] | None = None  # in groups
        self._keys: Keys | None = None
        self._first_key = b""  # until somebody wants to know
        if form == KeyForm.FIXED:
            self._keys = FixedKeys(value[BLOCK_HEADER.size : frame_at], width)

    @property
    def memory_bytes(self) -> int:
        """About what it takes in memory, decompressed."""
        return self.size + self._plain_size

    @property
    def base(self) -> list[int]:
        """What numbers in the rows are relative to. Raises IndexCorrupt."""
        if self._rows is None:
            self._open()
        return self._base

    def find(self, key: bytes) -> int | None:
        """The place of a key; None when it is not there. Raises IndexCorrupt."""
        try:
            return self._opened_keys().find(key)
        except _DECODING_FAILS as error:
            raise self._not_decoded(error) from error

    def position(self, key: bytes) -> int:
        """How many keys are lower than this one. Raises IndexCorrupt."""
        try:
            return self._opened_keys().position(key)
        except _DECODING_FAILS as error:
            raise self._not_decoded(error) from error

    def keys(self, start: int, stop: int) -> list[bytes]:
        """The keys at some places, in order. Raises IndexCorrupt."""
        try:
            return self._opened_keys().part(start, stop)
        except _DECODING_FAILS as error:
            raise self._not_decoded(error) from error

    def rows(self, start: int, stop: int) -> list[msgspec.Raw]:
        """The rows at some places, in the order of their keys. Raises IndexCorrupt."""
        if self._rows is None:
            self._open()
            assert self._rows is not None
        try:
            return part_of_groups(self._rows, _decode_rows, start, stop)
        except _DECODING_FAILS as error:
            raise self._not_decoded(error) from error

    def part(self, start: int, stop: int) -> tuple[list[bytes], list[msgspec.Raw]]:
        """Keys and rows at some places, as many of each. Raises IndexCorrupt."""
        keys, rows = self.keys(start, stop), self.rows(start, stop)
        if len(keys) != len(rows):
            raise self._corrupt("are not as many as they say")
        return keys, rows

    def spans(self, key: bytes) -> bool:
        """Whether a key is none of another block, as it lies between two keys of this one.

        Raises IndexCorrupt.
        """
        if key > self.place[1:]:
            return False
        if not self._first_key:
            self._first_key = self.keys(0, 1)[0]
        return key >= self._first_key

    def group_at(self, place: int) -> tuple[int, msgspec.Raw]:
        """The group of rows around a place, encoded, and the place of its first row.

        Raises IndexCorrupt.
        """
        if self._rows is None:
            self._open()
            assert self._rows is not None
        try:
            return group_at(self._rows, place)
        except _DECODING_FAILS as error:
            raise self._not_decoded(error) from error

    def id_beginning_with(self, prefix: bytes) -> bytes | None:
        """The first FIXED key with a prefix; None when there is none."""
        assert isinstance(self._keys, FixedKeys)
        place = self._keys.beginning_with(prefix)
        return None if place is None else self._keys.part(place, place + 1)[0]

    def __str__(self) -> str:
        return f"index, packed rows of table {self.place[0]} up to {self.place[1:].hex()}:"

    def _open(self) -> None:
        try:
            if get_frame_info(self._frame).decompressed_size != self._plain_size:
                raise self._corrupt("hold a frame of another size")
            base, stored_keys, rows = _decode_groups(decompress(self._frame))
            if self._form == KeyForm.COUNTED:
                self._keys = CountedKeys([_decode_number(number) for number in stored_keys])
            elif self._form == KeyForm.LISTED:
                self._keys = ListedKeys(stored_keys, self.count)
            assert self._keys is not None
            if len(self._keys) != self.count:
                raise self._corrupt("are not as many as they say")
        except (ZstdError, *_DECODING_FAILS) as error:
            raise self._not_decoded(error) from error
        self._base, self._rows, self._frame = base, rows, b""

    def _opened_keys(self) -> Keys:
        if self._keys is None:
            self._open()
            assert self._keys is not None
        return self._keys

    def _not_decoded(self, error: Exception) -> IndexCorrupt:
        return self._corrupt(f"cannot be decoded: {error}")

    def _corrupt(self, reason: str) -> IndexCorrupt:
        return IndexCorrupt(f"{self} {reason}: run cairnfs fsck --repair")


def _is_form(form: int, width: int) -> bool:
    return form in _FORMS and (form == KeyForm.FIXED) == (width > 0)
