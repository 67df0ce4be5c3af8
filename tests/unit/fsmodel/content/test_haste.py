"""Haste: what comes faster than it can be compressed is stored quickly, and compressed later."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from fsmodel.content import settle
from fsmodel.content.chunking import ChunkLimits, cut_points
from fsmodel.encoding.codecs import Codec, encode
from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.folder_levels import COMPRESSION
from fsmodel.steps import run_inline
from fsmodel.store.encoder import HASTY_LEVEL
from fsmodel.store.pack_format import FRAME_HEADER, ObjectKind
from fsmodel.store.placement import is_in_group
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT
from tests.support.volume_store import SMALL_PACKS, VolumeStore

MUCH = 40_000  # for these tests; several chunks


def text(seed: int, size: int = MUCH) -> bytes:
    """Words that compress, and better with more effort."""
    source = random.Random(seed)
    words = [bytes(source.choices(b"abcdefghijklmnop", k=source.randint(2, 9))) for _ in range(400)]
    return b" ".join(source.choices(words, k=size))[:size]


@pytest.fixture(params=[replace(SMALL_PACKS, delta=False), SMALL_PACKS], ids=["plain", "deltas"])
def store(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VolumeStore]:
    monkeypatch.setattr(settle, "HASTY_BYTES_MIN", MUCH)
    made = VolumeStore(tmp_path, request.param)
    yield made
    made.require_sound()
    made.abandon()


def rows(store: VolumeStore) -> list[ObjectRecord]:
    """The rows of all objects."""
    return [row for _, row in store.volume._parts.index.scan(OBJECT)]


def stored_at(data: bytes, level: int) -> int:
    """Bytes of the frames of a file at a zstd level."""
    cuts = [0, *cut_points(data, ChunkLimits(), final=True)]
    pieces = [data[low:high] for low, high in pairwise(cuts)]
    return sum(FRAME_HEADER.size + len(encode(piece, level)[1]) for piece in pieces)


def stored_chunks(store: VolumeStore) -> int:
    """Bytes of the frames of all chunks."""
    return sum(row.stored for row in rows(store) if row.kind == ObjectKind.CHUNK)


def test_of_a_file_of_which_much_is_waiting_each_chunk_is_compressed_quickly(
    store: VolumeStore,
) -> None:
    store.write(b"much", text(1))
    assert stored_chunks(store) == stored_at(text(1), HASTY_LEVEL) != stored_at(text(1), 3)


def test_of_other_files_it_is_compressed_as_set(store: VolumeStore) -> None:
    store.write(b"little", text(2, MUCH - 1))
    assert stored_chunks(store) == stored_at(text(2, MUCH - 1), 3)


def test_it_is_compressed_well_as_soon_as_it_is_archived(store: VolumeStore) -> None:
    for number in range(4):
        store.write(b"%d.txt" % number, text(number))
    run_inline(store.volume.archive(lambda *_: None, level=12))
    assert all(is_in_group(row) for row in rows(store) if row.kind == ObjectKind.CHUNK)
    assert stored_chunks(store) < sum(stored_at(text(n), 3) for n in range(4))


def test_what_a_folder_asks_for_counts_even_then(store: VolumeStore) -> None:
    store.volume.set_xattr(ROOT_INODE, COMPRESSION, b"9")
    store.write(b"much", text(3))
    assert stored_chunks(store) == stored_at(text(3), 9)


def test_what_does_not_compress_is_stored_as_it_is(store: VolumeStore) -> None:
    noise = random.Random(4).randbytes(MUCH)
    store.write(b"noise", noise)
    assert {row.codec for row in rows(store) if row.kind == ObjectKind.CHUNK} == {Codec.RAW}
    assert store.read(b"noise") == noise
