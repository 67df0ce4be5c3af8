"""Values of sections behind chunks: who writes them, and that nothing needs them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsmodel.encoding.codecs import Codec
from fsmodel.ids import ROOT_INODE, ObjectId, PackId
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.steps import run_inline
from fsmodel.store import encoder
from fsmodel.store.pack_format import (
    FRAME_HEADER,
    NewFrame,
    ObjectKind,
    encode_frame,
    raw_frame_size,
)
from fsmodel.store.pack_scan import FoundFrame, scan_pack
from fsmodel.store.sections import section_values, values_bytes
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT
from tests.support.haste import soon_hasty
from tests.support.volume_store import SMALL_PACKS, VolumeStore, random_bytes

BIG = random_bytes("big", 1_000_000)  # about 15 chunks, of which some are short


def rows(store: VolumeStore) -> dict[ObjectId, ObjectRecord]:
    """Those of chunks that may have values of sections."""
    return {
        ObjectId(key): row
        for key, row in store.volume._parts.index.scan(OBJECT)
        if row.kind == ObjectKind.CHUNK and row.codec == Codec.RAW and values_bytes(row.plain)
    }


def frames(store: VolumeStore) -> Iterator[tuple[Path, FoundFrame]]:
    """The frames of these chunks, and what files they are in."""
    layout, uuid = store.volume._parts.layout, store.volume._parts.upkeep.parts.uuid
    for path in store.pack_files():
        for found in scan_pack(layout, uuid, PackId(int(path.stem, 16))):
            assert isinstance(found, FoundFrame)
            frame = found.frame
            is_raw = (frame.kind, frame.codec) == (ObjectKind.CHUNK, Codec.RAW)
            if is_raw and values_bytes(frame.plain_size):
                yield path, found


def require_values(store: VolumeStore) -> None:
    """All chunks that can have the values of their sections have them, and they are right."""
    found = list(frames(store))
    assert len(found) >= len(rows(store)) > 8
    for path, (location, frame) in found:
        with path.open("rb") as file:
            file.seek(location.offset + FRAME_HEADER.size + frame.plain_size)
            assert file.read(values_bytes(frame.plain_size)) == section_values(frame.payload)
    for row in rows(store).values():
        assert row.stored == raw_frame_size(row.plain)


def without_values(monkeypatch: pytest.MonkeyPatch, store: VolumeStore) -> None:
    """Fill a store as it was filled before there were such values, or without the extension."""

    def bare(*facts: Any, **more: Any) -> NewFrame:
        return encode_frame(*facts, **{**more, "values": b""})

    before = rows(store)
    with monkeypatch.context() as patch:
        patch.setattr(encoder, "encode_frame", bare)
        for number in range(10):
            store.write(b"%d" % number, BIG[number * 100_000 : (number + 1) * 100_000])
    new = [row for chunk, row in rows(store).items() if chunk not in before]
    assert all(row.stored == FRAME_HEADER.size + row.plain for row in new)
    assert len(new) > 8


def parts_of_file(store: VolumeStore, name: bytes) -> bytes:
    """A file, read in pieces of 4 KiB as programs read at random."""
    inode = store.volume.lookup(ROOT_INODE, name)
    size = store.volume.open_file(inode, writing=False).size
    read = store.volume.contents.read
    found = [bytes(run_inline(read(inode, at, 4096))) for at in range(0, size, 4096)]
    store.volume.close_file(inode)
    return b"".join(found)


def damage_values(store: VolumeStore) -> None:
    """Let no value of any section be right."""
    for path, (location, frame) in frames(store):
        with path.open("r+b") as file:
            start = location.offset + FRAME_HEADER.size + frame.plain_size
            for at in range(start, location.offset + location.stored, 32):
                file.seek(at)
                file.write(b"wrong")
    store.forget_cache()


def test_what_is_stored_by_itself_has_them(store: VolumeStore) -> None:
    store.write(b"big", BIG)
    require_values(store)
    assert parts_of_file(store, b"big") == BIG
    store.require_sound()


def test_a_stream_in_haste_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come out of cutting; nobody hashes the chunks again."""
    monkeypatch.setattr(encoder, "section_values", None)
    with soon_hasty(tmp_path, SMALL_PACKS, monkeypatch) as store:
        store.write(b"big", BIG)
        require_values(store)
        assert parts_of_file(store, b"big") == BIG


def test_what_has_none_reads_and_gets_them_when_it_is_copied(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_values(monkeypatch, store)
    store.require_sound()
    for name, data in store.expected.items():
        assert parts_of_file(store, name) == data
    before = rows(store)
    store.delete(*[b"%d" % number for number in range(1, 10, 2)])
    store.collect()
    after = rows(store)
    moved = [row for chunk, row in after.items() if row.pack != before[chunk].pack]
    assert len(moved) > 3
    assert all(row.stored == raw_frame_size(row.plain) for row in moved)
    store.require_sound()
    for name, data in store.expected.items():
        assert parts_of_file(store, name) == data


def test_nothing_is_lost_when_all_of_them_are_wrong(store: VolumeStore) -> None:
    store.write(b"big", BIG)
    damage_values(store)
    assert parts_of_file(store, b"big") == BIG
    store.require_sound()
    assert not run_inline(store.volume.scrub(lambda *_: None)).damaged


def test_what_the_disk_has_to_bring_is_the_same(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there are no values, they are wrong, or more is wanted than the chunk has."""
    store.write(b"other", random_bytes("other", 1_000_000))
    without_values(monkeypatch, store)
    objects = store.volume._parts.objects
    places = [objects.locate(chunk) for chunk in rows(store)]
    for _ in range(2):
        for located in places:
            whole = objects.read(located)
            for low, high in ((0, 9), (40, 40), (5, 30_000), (0, len(whole)), (7, len(whole) + 5)):
                assert objects.read_part(located, low, high) == whole[low:high]
        damage_values(store)


def test_the_index_is_made_again_from_frames_with_wrong_ones(store: VolumeStore) -> None:
    store.write(b"big", BIG)
    run_inline(store.volume.write_root())
    damage_values(store)
    before = rows(store)
    store.volume.close()
    for folder in ("index", "journal"):
        shutil.rmtree(store.store / folder)
    rebuild_index(store.store, lambda done, total, text: None)
    store._open()
    assert {chunk: row.stored for chunk, row in rows(store).items()} == {
        chunk: row.stored for chunk, row in before.items()
    }
    store.require_sound()
