"""Haste: what comes faster than it can be compressed is stored quickly, and compressed later."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fsmodel.encoding.codecs import Codec
from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.folder_levels import COMPRESSION
from fsmodel.steps import run_inline
from fsmodel.store.encoder import HASTY_LEVEL
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.placement import is_in_group
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT
from tests.support.haste import MUCH, soon_hasty, stored_at, stored_chunks, text
from tests.support.volume_store import SMALL_PACKS, VolumeStore


@pytest.fixture(params=[replace(SMALL_PACKS, delta=False), SMALL_PACKS], ids=["plain", "deltas"])
def store(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VolumeStore]:
    with soon_hasty(tmp_path, request.param, monkeypatch) as made:
        yield made


def rows(store: VolumeStore) -> list[ObjectRecord]:
    """The rows of all objects."""
    return [row for _, row in store.volume._parts.index.scan(OBJECT)]


def test_of_a_file_of_which_much_is_waiting_each_chunk_is_compressed_quickly(
    store: VolumeStore,
) -> None:
    store.write(b"much", text(1))
    assert stored_chunks(store.volume) == stored_at(text(1), HASTY_LEVEL) != stored_at(text(1), 3)


def test_of_other_files_it_is_compressed_as_set(store: VolumeStore) -> None:
    store.write(b"little", text(2, MUCH - 1))
    assert stored_chunks(store.volume) == stored_at(text(2, MUCH - 1), 3)


def test_it_is_compressed_well_as_soon_as_it_is_archived(store: VolumeStore) -> None:
    for number in range(4):
        store.write(b"%d.txt" % number, text(number))
    run_inline(store.volume.archive(lambda *_: None, level=12))
    assert all(is_in_group(row) for row in rows(store) if row.kind == ObjectKind.CHUNK)
    assert stored_chunks(store.volume) < sum(stored_at(text(n), 3) for n in range(4))


def test_what_a_folder_asks_for_counts_even_then(store: VolumeStore) -> None:
    store.volume.set_xattr(ROOT_INODE, COMPRESSION, b"9")
    store.write(b"much", text(3))
    assert stored_chunks(store.volume) == stored_at(text(3), 9)


def test_what_does_not_compress_is_stored_as_it_is(store: VolumeStore) -> None:
    noise = random.Random(4).randbytes(MUCH)
    store.write(b"noise", noise)
    assert {row.codec for row in rows(store) if row.kind == ObjectKind.CHUNK} == {Codec.RAW}
    assert store.read(b"noise") == noise
