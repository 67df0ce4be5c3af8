"""Each strategy does what it is for; what was estimated is what comes; nothing is ever lost."""

import dataclasses
from pathlib import Path

import pytest

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import Busy, ReadOnly
from fsmodel.optimizer.optimizer import INLINE, NOT_HOT
from fsmodel.optimizer.strategies import StrategyName, in_order
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.records import ObjectRecord
from tests.support.optimizing import (
    WITHOUT_DELTAS,
    estimated,
    optimized,
    stored_bytes,
    write_versions,
)
from tests.support.prose import edited, prose, records
from tests.support.volume_store import SMALL_PACKS, VolumeStore, moments_of, random_bytes

FAST = dataclasses.replace(WITHOUT_DELTAS, compression_level=1)
HARD = dataclasses.replace(WITHOUT_DELTAS, compression_level=19)


def row_of(store: VolumeStore, data: bytes) -> ObjectRecord:
    return store.volume._parts.objects.get(object_id(data))


def reopened(store: VolumeStore, **settings: object) -> None:
    store._settings = dataclasses.replace(store._settings, **settings)  # type: ignore[arg-type]
    store.reopen()


def note_reads(store: VolumeStore, data: bytes) -> None:
    for _ in range(10):
        store.volume._parts.objects.heat.note(object_id(data))


# What comes is what was said


def prepare_archival(store: VolumeStore) -> None:
    write_versions(store, texts=8)


def prepare_compression(store: VolumeStore) -> None:
    store._settings = FAST
    store.reopen()
    for number in range(30):
        store.write(b"%d" % number, records(number, 200 + 20 * (number % 4)))
    reopened(store, compression_level=19)


def prepare_delta(store: VolumeStore) -> None:
    store._settings = WITHOUT_DELTAS
    store.reopen()
    write_versions(store)
    reopened(store, delta=True)


def prepare_caching(store: VolumeStore) -> None:
    write_versions(store, texts=8)
    for name in store.expected:
        note_reads(store, store.expected[name])


def prepare_gc(store: VolumeStore) -> None:
    write_versions(store, texts=8)
    store.volume.checkpoint()
    store.delete(*[name for name in store.expected if name.endswith(b"3.txt")])


@pytest.mark.parametrize("name", StrategyName)
def test_a_run_brings_what_was_estimated(store: VolumeStore, name: StrategyName) -> None:
    prepare = globals().get(f"prepare_{name}", write_versions)
    prepare(store)
    run_inline(store.volume.write_root())
    estimate = estimated(store, name)
    before = store.pack_bytes() if name is StrategyName.GC else stored_bytes(store)
    (outcome,) = optimized(store, name)
    after = store.pack_bytes() if name is StrategyName.GC else stored_bytes(store)
    assert outcome.saved_bytes == pytest.approx(before - after, abs=100)
    bound = estimate.error_bytes + 0.02 * abs(outcome.saved_bytes) + 100
    assert abs(outcome.saved_bytes - estimate.saved_bytes) <= bound
    if name in (StrategyName.ARCHIVAL, StrategyName.COMPRESSION, StrategyName.DELTA):
        assert outcome.saved_bytes > 0.03 * before


def test_an_estimate_changes_nothing(store: VolumeStore) -> None:
    write_versions(store)
    store.volume.checkpoint()
    before = store.pack_bytes(), store.volume._parts.index.mutations_since_checkpoint
    run_inline(store.volume.estimate(list(StrategyName), lambda *_: None))
    assert (store.pack_bytes(), store.volume._parts.index.mutations_since_checkpoint) == before


def test_a_store_that_is_only_looked_at_can_be_estimated(store: VolumeStore) -> None:
    write_versions(store)
    expected = estimated(store, StrategyName.ARCHIVAL)
    store.volume.checkpoint()
    store.write(b"not in the commit.txt", prose("late"))
    image = store.image()
    volume = Volume.open(image, dry=True)
    (found,) = run_inline(volume.estimate([StrategyName.ARCHIVAL], lambda *_: None))
    assert found.saved_bytes > expected.saved_bytes / 2
    assert run_inline(volume.analyze()).kinds["chunk"].objects == 49
    with pytest.raises(ReadOnly):
        run_inline(volume.optimize([StrategyName.ARCHIVAL], lambda *_: None))
    volume.close()


def test_all_together_in_their_order(store: VolumeStore) -> None:
    write_versions(store)
    outcomes = optimized(store, *in_order([]))
    assert [each.strategy for each in outcomes] == list(StrategyName)
    assert outcomes[-1].saved_bytes > 0  # what the others left
    assert optimized(store, *in_order([]))[3].objects == 0


def test_two_at_once_are_refused(store: VolumeStore) -> None:
    write_versions(store, texts=3)
    moments = moments_of(store.volume.optimize([StrategyName.ARCHIVAL], lambda *_: None))
    for _ in range(5):
        next(moments)
    with pytest.raises(Busy, match="is running"):
        optimized(store, StrategyName.DELTA)
    with pytest.raises(Busy):
        store.collect()
    list(moments)


# Deduplication


def test_there_is_nothing_to_deduplicate(store: VolumeStore) -> None:
    write_versions(store, texts=2)
    estimate = estimated(store, StrategyName.DEDUPLICATION)
    assert (estimate.worthwhile, estimate.note) == (False, INLINE)
    assert optimized(store, StrategyName.DEDUPLICATION)[0].note == INLINE


def test_what_is_not_in_chunks_yet_is_cut(store: VolumeStore) -> None:
    big = random_bytes("big", 400_000)
    inode = store.write(b"file", big)
    store.volume.open_file(inode, writing=True)
    store.volume.write(inode, 100_000, b"changed")
    store.volume.contents.log_extents(inode)
    volume = Volume.open(store.image())
    analysis = run_inline(volume.analyze())
    assert (analysis.unsettled_files, analysis.unsettled_bytes) == (1, 7)
    names = [StrategyName.DEDUPLICATION]
    (estimate,) = run_inline(volume.estimate(names, lambda *_: None))
    assert "7 bytes of 1 files" in estimate.note
    (outcome,) = run_inline(volume.optimize(names, lambda *_: None))
    assert outcome.objects == 1
    assert run_inline(volume.analyze()).unsettled_files == 0
    volume.close()
    store.settle(inode)
    store.expected[b"file"] = big[:100_000] + b"changed" + big[100_007:]


# Compression


def test_frames_are_compressed_at_the_level_of_now(store: VolumeStore) -> None:
    prepare_compression(store)
    data = store.expected[b"3"]
    before = row_of(store, data)
    optimized(store, StrategyName.COMPRESSION)
    after = row_of(store, data)
    assert after.codec == Codec.ZSTD
    assert after.stored < 0.97 * before.stored
    assert optimized(store, StrategyName.COMPRESSION)[0].objects == 0


def test_nothing_is_compressed_less_hard(store: VolumeStore) -> None:
    store._settings = HARD
    store.reopen()
    store.write(b"hard", records("hard"))
    reopened(store, compression_level=1)
    assert optimized(store, StrategyName.COMPRESSION)[0].objects == 0


# Delta


def test_chunks_find_bases_that_have_come_since(store: VolumeStore) -> None:
    prepare_delta(store)
    before = stored_bytes(store)
    (outcome,) = optimized(store, StrategyName.DELTA)
    assert outcome.saved_bytes > before / 3
    assert store.volume.statistics().delta_chunks > 20
    store.require_sound()
    store.kill()
    store.require_sound()


def test_a_base_stays_as_it_is(store: VolumeStore) -> None:
    data = prose("base")
    store.write(b"base.txt", data)
    store.write(b"delta.txt", edited(data, 1))
    assert row_of(store, edited(data, 1)).base == object_id(data)
    optimized(store, StrategyName.DELTA)
    assert row_of(store, data).base == b""


def test_who_has_become_a_base_meanwhile_stays_as_it_is(store: VolumeStore) -> None:
    """A write makes a delta of a chunk that is about to become one."""
    store._settings = WITHOUT_DELTAS
    store.reopen()
    data = prose("one")
    store.write(b"one.txt", data)
    store.write(b"two.txt", edited(data, 1))
    reopened(store, delta=True)
    written = False
    for _ in moments_of(store.volume.optimize([StrategyName.DELTA], lambda *_: None)):
        if not written and any(row.pack > 2 for row in _rows(store)):
            for number, base in enumerate((data, edited(data, 1))):
                store.write(b"late %d.txt" % number, edited(base, ("late", number), 1))
            written = True
    store.require_sound()


def _rows(store: VolumeStore) -> list[ObjectRecord]:
    from lmdb_index.schema import OBJECT

    return [row for _, row in store.volume._parts.index.scan(OBJECT)]


def test_chains_of_what_is_read_often_become_short(store: VolumeStore) -> None:
    data = prose("chain")
    for number in range(6):
        store.write(b"%d.txt" % number, data)
        data = edited(data, number)
    deepest = max(store.expected.values(), key=lambda each: row_of(store, each).depth)
    assert row_of(store, deepest).depth > 2
    note_reads(store, deepest)
    optimized(store, StrategyName.DELTA)
    assert row_of(store, deepest).depth == 1


# Caching


def test_hot_chunks_need_one_frame_and_no_other_chunk(store: VolumeStore) -> None:
    write_versions(store, texts=4)
    hot = max(store.expected.values(), key=lambda each: row_of(store, each).depth)
    cold = next(each for each in store.expected.values() if row_of(store, each).depth == 1)
    optimized(store, StrategyName.ARCHIVAL)
    assert row_of(store, hot).codec == Codec.GROUP
    note_reads(store, hot)
    (outcome,) = optimized(store, StrategyName.CACHING)
    assert (outcome.objects, outcome.saved_bytes < 0) == (1, True)
    row = row_of(store, hot)
    assert (row.codec, row.base, row.depth) == (Codec.ZSTD, b"", 0)
    assert row_of(store, cold).codec == Codec.GROUP
    assert optimized(store, StrategyName.ARCHIVAL)[0].objects == 0


def test_nothing_is_hot_before_it_was_read(store: VolumeStore) -> None:
    write_versions(store, texts=2)
    assert optimized(store, StrategyName.CACHING)[0].note == NOT_HOT
    for _ in range(5):
        store.forget_cache()
        store.read(b"v0-00.txt")
    assert optimized(store, StrategyName.CACHING)[0].note != NOT_HOT


# Repacking


def test_the_chunks_of_a_folder_come_to_lie_in_order(tmp_path: Path) -> None:
    store = VolumeStore(tmp_path, WITHOUT_DELTAS)
    for number in range(40):
        store.write(b"%02d" % (number * 23 % 40), random_bytes(number))
    before = run_inline(store.volume.analyze())
    assert before.file_jumps > 30
    (outcome,) = optimized(store, StrategyName.REPACKING)
    assert (outcome.objects, outcome.saved_bytes) == (40, 0)
    assert run_inline(store.volume.analyze()).file_jumps < 6  # from one pack to the next
    assert optimized(store, StrategyName.REPACKING)[0].objects == 0
    store.collect()
    assert run_inline(store.volume.analyze()).file_jumps < 6
    store.require_sound()
    store.abandon()


def test_frames_are_moved_as_they_are(store: VolumeStore) -> None:
    for number in reversed(range(40)):
        store.write(b"%02d.txt" % number, edited(prose(number % 3), number))
    before, stored = store.volume.statistics(), stored_bytes(store)
    (outcome,) = optimized(store, StrategyName.REPACKING)
    assert outcome.objects == 40
    after = store.volume.statistics()
    assert before.delta_chunks == after.delta_chunks > 30
    assert stored_bytes(store) == stored
    assert before.delta_saved_bytes == after.delta_saved_bytes
    store.require_sound()


# Analysis


def test_an_analysis_adds_up(store: VolumeStore) -> None:
    write_versions(store)
    store.delete(b"v0-00.txt")
    run_inline(store.volume.write_root())
    found = run_inline(store.volume.analyze())
    rows = _rows(store)
    for held in (found.kinds, found.codecs):
        assert sum(each.objects for each in held.values()) == len(rows)
        assert sum(each.stored_bytes for each in held.values()) == sum(row.stored for row in rows)
        assert sum(each.plain_bytes for each in held.values()) == sum(row.plain for row in rows)
    assert found.codecs["delta"].objects == store.volume.statistics().delta_chunks
    assert sum(found.depths.values()) == len(rows)
    assert found.depths["0"] == len(rows) - found.codecs["delta"].objects
    assert found.pack_bytes == store.pack_bytes()
    assert found.file_chunks == 47
    assert SMALL_PACKS.pack_bytes_max * found.packs >= found.pack_bytes
