"""Haste: what comes faster than it can be compressed is stored as it is, until it is archived."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fsmodel.content import settle
from fsmodel.encoding.codecs import Codec
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.namespace.folder_levels import COMPRESSION
from fsmodel.optimizer.strategies import StrategyName
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.steps import run_inline
from fsmodel.store.space import HostSpace
from tests.support.haste import MUCH, chunk_rows, soon_hasty, stored_chunks, text
from tests.support.optimizing import estimated, optimized
from tests.support.prose import edited
from tests.support.volume_store import SMALL_PACKS, VolumeStore, moments_of

pytestmark = pytest.mark.usefixtures("roomy_host")

CALM = replace(SMALL_PACKS, haste=False)
HASTY = replace(SMALL_PACKS, haste=True)


@pytest.fixture(params=[replace(HASTY, delta=False), HASTY], ids=["plain", "deltas"])
def store(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VolumeStore]:
    with soon_hasty(tmp_path / "store", request.param, monkeypatch) as made:
        yield made


def codecs(store: VolumeStore) -> set[int]:
    """How chunks are stored."""
    return {row.codec for row in chunk_rows(store.volume)}


def untried(store: VolumeStore) -> list[int]:
    """Packs with chunks that are to be tried, as the index has them."""
    return list(store.volume._parts.objects.untried.marked())


def archive(store: VolumeStore) -> None:
    """As a stop does it."""
    run_inline(store.volume.archive(lambda *_: None, level=12))


def test_what_waits_is_stored_as_it_is_and_noted(store: VolumeStore) -> None:
    store.write(b"much", text(1))
    assert codecs(store) == {Codec.RAW}
    assert untried(store) == sorted({row.pack for row in chunk_rows(store.volume)})


def test_where_little_waits_it_is_compressed_at_once(store: VolumeStore) -> None:
    store.write(b"little", text(2, MUCH - 1))
    assert codecs(store) == {Codec.ZSTD}
    assert not untried(store)


def test_the_end_of_a_stream_comes_as_quickly_and_what_comes_later_does_not(
    store: VolumeStore,
) -> None:
    contents = store.volume.contents
    inode = store.write(b"stream", text(1), settle=False)
    run_inline(contents.settle(inode, whole=False))
    store.volume.write(inode, MUCH, text(2, 20_000))
    run_inline(contents.settle(inode))
    assert codecs(store) == {Codec.RAW}
    store.volume.write(inode, MUCH + 20_000, text(3, 30_000))
    store.settle(inode)
    assert codecs(store) > {Codec.RAW}
    store.expected[b"stream"] = text(1) + text(2, 20_000) + text(3, 30_000)


def test_what_a_folder_asks_for_counts_even_then(store: VolumeStore) -> None:
    store.volume.set_xattr(ROOT_INODE, COMPRESSION, b"9")
    store.write(b"much", text(3))
    assert codecs(store) == {Codec.ZSTD}


def test_nothing_is_left_for_later_where_nobody_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "HASTY_BYTES_MIN", MUCH)
    calm = VolumeStore(tmp_path, CALM)
    calm.write(b"much", text(1))
    assert codecs(calm) == {Codec.ZSTD}
    calm.abandon()


def test_nor_where_the_host_is_getting_full(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = store.volume._parts.space.statistics()
    little = replace(seen, free_bytes=0)
    monkeypatch.setattr(HostSpace, "statistics", lambda _: little)
    store.write(b"much", text(1))
    assert codecs(store) == {Codec.ZSTD}


def test_it_is_compressed_well_as_soon_as_it_is_archived(store: VolumeStore) -> None:
    for number in range(4):
        store.write(b"%d.txt" % number, text(number))
    before = stored_chunks(store.volume)
    archive(store)
    assert Codec.RAW not in codecs(store)
    assert stored_chunks(store.volume) < before / 2
    assert not untried(store)


def test_archived_it_takes_what_it_would_have_taken_written_calmly(
    store: VolumeStore, tmp_path: Path
) -> None:
    calm = VolumeStore(tmp_path / "calm", replace(store._settings, haste=False))
    for each in (store, calm):
        data = text(1)
        for version in range(3):
            each.write(b"%d.txt" % version, data)
            data = edited(data, version)
        archive(each)
    assert stored_chunks(store.volume) <= stored_chunks(calm.volume) * 1.01
    calm.abandon()


def test_noise_is_left_as_it_is_once_it_was_tried(store: VolumeStore) -> None:
    noise = random.Random(4).randbytes(MUCH)
    store.write(b"noise", noise)
    places = [(row.pack, row.offset) for row in chunk_rows(store.volume)]
    assert untried(store)
    archive(store)
    assert [(row.pack, row.offset) for row in chunk_rows(store.volume)] == places
    assert not untried(store)


def test_a_kill_forgets_nothing_that_was_not_tried(store: VolumeStore) -> None:
    store.write(b"much", text(1))
    store.kill()
    archive(store)
    assert Codec.RAW not in codecs(store)


def test_what_has_no_row_yet_is_tried_when_it_has_one(store: VolumeStore) -> None:
    store.write(b"before", text(1))
    inode = store.write(b"open", text(2, 400_000), settle=False)
    run_inline(store.volume.contents.settle(inode, whole=False))
    assert store.volume._parts.objects.unrecorded
    archive(store)
    store.settle(inode)
    assert untried(store)
    archive(store)
    assert Codec.RAW not in codecs(store)
    assert not untried(store)


def test_it_may_be_killed_or_given_up_at_any_moment(store: VolumeStore) -> None:
    for number in range(3):
        store.write(b"%d.txt" % number, edited(text(1), number))
    steps = store.volume.archive(lambda *_: None, level=12)
    for moment in moments_of(steps):
        if moment % 6:
            continue
        opened = VolumeStore.of_image(store)
        opened.require_sound()
        archive(opened)
        assert Codec.RAW not in codecs(opened)
        opened.require_sound()
        opened.remove()


def test_a_chunk_that_is_a_base_already_gets_none_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the chain of the two would have no end."""
    monkeypatch.setattr(settle, "HASTY_BYTES_MIN", MUCH)
    store = VolumeStore(tmp_path, HASTY)
    inode = store.write(b"first.txt", text(1))
    data = edited(text(1), 1)
    store.volume.open_file(inode, writing=True)
    store.volume.write(inode, 0, data[: MUCH - 1])
    store.settle(inode)
    store.expected[b"first.txt"] = data[: MUCH - 1] + text(1)[-1:]
    store.write(b"again.txt", text(1))
    bases = {row.base for row in chunk_rows(store.volume) if row.base}
    assert bases
    optimized(store, StrategyName.COMPRESSION)
    kept = [store.volume._parts.objects.get(ObjectId(base)) for base in bases]
    assert {row.codec for row in kept} == {Codec.ZSTD}
    assert not untried(store)
    store.require_sound()
    store.abandon()


def test_who_optimizes_by_hand_has_it_tried_first(store: VolumeStore) -> None:
    store.write(b"much", text(1))
    estimate = estimated(store, StrategyName.ARCHIVAL)
    assert estimate.worthwhile
    assert "in haste" in estimate.note
    before = stored_chunks(store.volume)
    (outcome,) = optimized(store, StrategyName.ARCHIVAL)
    assert outcome.saved_bytes == before - stored_chunks(store.volume) > before / 2
    assert not untried(store)


def test_copies_made_by_a_collection_are_still_to_be_tried(store: VolumeStore) -> None:
    for number in range(4):
        store.write(b"%d" % number, text(number))
    former = untried(store)
    store.delete(b"0", b"2")
    store.collect()
    assert untried(store)
    assert set(untried(store)) - set(former)
    archive(store)
    assert Codec.RAW not in codecs(store)


def test_a_new_index_has_it_tried_again(store: VolumeStore) -> None:
    store.write(b"much", text(1))
    run_inline(store.volume.write_root())
    store.volume.close()
    rebuild_index(store.store, lambda *_: None)
    store._open()
    archive(store)
    assert Codec.RAW not in codecs(store)
