"""Named bad input, planted in a closed store: what a disk, a bug or an attacker may leave.

Each takes the store and the inode of a file, and spoils something that only this file needs.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from backports.zstd import compress

from fsmodel.content.content_ref import object_of
from fsmodel.content.manifest import named_objects
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import InodeId, ObjectId, PackId
from fsmodel.store.format_file import read_format
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import (
    FRAME_HEADER,
    ObjectKind,
    encode_frame,
    encode_pack_header,
    pack_seed,
)
from fsmodel.volume import Volume
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.records import ObjectRecord, PackRecord, PackState
from lmdb_index.schema import OBJECT, PACK

FORGED_PACKS: Final = 0x7000  # their first number; the inode is added

Spoil = Callable[[Path, int], None]


def opened(store: Path) -> Index:
    return Index.open(store, read_format(StoreLayout(store)).uuid.bytes)


def first_chunk(store: Path, inode: int) -> tuple[ObjectId, ObjectRecord]:
    """The first chunk of a file of several, and its row."""
    volume = Volume.open(store, dry=True)
    try:
        parts = volume._parts
        named = object_of(parts.inodes.get(InodeId(inode)).content)
        assert named is not None
        chunk = named_objects(parts.objects.load(named))[0]
        return chunk, parts.objects.get(chunk)
    finally:
        volume.close()


def change_row(store: Path, chunk: ObjectId, **fields: object) -> None:
    """Let the row of an object say something else, durably."""
    index = opened(store)
    with index.operation() as operation:
        row = operation.get(OBJECT, chunk)
        assert row is not None
        for name, value in fields.items():
            setattr(row, name, value)
        operation.put(OBJECT, chunk, row)
        if operation.get(PACK, number_key(row.pack)) is None:
            operation.put(PACK, number_key(row.pack), PackRecord(PackState.OPEN))
    index.checkpoint()
    index.close()


def flipped_bit(store: Path, inode: int) -> None:
    _, row = first_chunk(store, inode)
    path = StoreLayout(store).pack(PackId(row.pack))
    with path.open("r+b") as pack:
        pack.seek(row.offset + FRAME_HEADER.size)
        byte = pack.read(1)[0]
        pack.seek(-1, os.SEEK_CUR)
        pack.write(bytes([byte ^ 1]))


def index_past_the_end(store: Path, inode: int) -> None:
    chunk, _ = first_chunk(store, inode)
    change_row(store, chunk, offset=1 << 41)


def index_into_no_pack(store: Path, inode: int) -> None:
    chunk, _ = first_chunk(store, inode)
    change_row(store, chunk, pack=0x123456)


def missing_base(store: Path, inode: int) -> None:
    chunk, _ = first_chunk(store, inode)
    change_row(store, chunk, base=b"\x07" * 32, depth=1, codec=Codec.DELTA, frame=0)


def delta_loop(store: Path, inode: int) -> None:
    chunk, _ = first_chunk(store, inode)
    other = object_id(b"another that needs the first")
    index = opened(store)
    with index.operation() as operation:
        row = operation.get(OBJECT, chunk)
        assert row is not None
        row.base, row.depth, row.codec, row.frame = other, 2, Codec.DELTA, 0
        operation.put(OBJECT, chunk, row)
        row.base, row.depth = chunk, 2
        operation.put(OBJECT, other, row)
    index.checkpoint()
    index.close()


def _forge(store: Path, inode: int, payload: bytes, codec: Codec) -> None:
    """A frame whose checksums are right and whose object is another: what a forger would write."""
    chunk, row = first_chunk(store, inode)
    layout = StoreLayout(store)
    uuid = read_format(layout).uuid.bytes
    pack = PackId(FORGED_PACKS + inode)
    frame = encode_frame(ObjectKind.CHUNK, codec, row.plain, chunk, payload)
    forged = b"".join(frame.sealed(pack_seed(uuid, pack)))
    start = encode_pack_header(uuid, pack)
    path = layout.pack(pack)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(start + forged)
    change_row(
        store,
        chunk,
        pack=pack,
        offset=len(start),
        stored=frame.size,
        codec=codec,
        base=b"",
        depth=0,
        frame=0,
        member=0,
    )


def forged_frame(store: Path, inode: int) -> None:
    _, row = first_chunk(store, inode)
    _forge(store, inode, compress(b"\x66" * row.plain, 3), Codec.ZSTD)


def decompression_bomb(store: Path, inode: int) -> None:
    """A small frame that would decode to a gigabyte."""
    _forge(store, inode, compress(bytes(1 << 30), 1), Codec.ZSTD)


SPOILS: Final[tuple[Spoil, ...]] = (
    flipped_bit,
    index_past_the_end,
    index_into_no_pack,
    missing_base,
    delta_loop,
    forged_frame,
    decompression_bomb,
)
