"""Deltas through a volume: when they are made, what keeps their bases, what they never do."""

import dataclasses
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from fsmodel.content.chunking import ChunkLimits, cut_points
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import Work, run_inline
from fsmodel.store.bases import GUESSED, HASTY_GUESSED, LUCK_MIN, UNMATCHED_MAX
from fsmodel.store.drafts import NewObject
from fsmodel.store.encoder import SKETCHED_BYTES_MIN
from fsmodel.store.pack_format import ObjectKind
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT, SKETCH
from tests.support.stepping import Driver
from tests.support.volume_store import SMALL_PACKS, VolumeStore, moments_of, random_bytes
from tests.support.volumes import damage

DATA = random_bytes("deltas", 14_000)  # one chunk, which does not compress


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    made = VolumeStore(tmp_path)
    yield made
    made.require_sound()
    made.abandon()


def edited(data: bytes, seed: object, count: int = 3) -> bytes:
    """The same bytes but for a few."""
    source, changed = random.Random(repr(seed)), bytearray(data)
    for _ in range(count):
        changed[source.randrange(len(data))] ^= source.randrange(1, 256)
    return bytes(changed)


def rows(store: VolumeStore) -> dict[ObjectId, ObjectRecord]:
    """The rows of all chunks."""
    scanned = store.volume._parts.index.scan(OBJECT)
    return {ObjectId(key): row for key, row in scanned if row.kind == ObjectKind.CHUNK}


def row_of(store: VolumeStore, data: bytes) -> ObjectRecord:
    """The row of bytes that are one chunk."""
    return rows(store)[object_id(data)]


# When deltas are made


def test_a_file_that_resembles_another_becomes_a_delta(store: VolumeStore) -> None:
    store.write(b"one", DATA)
    store.write(b"two.bin", edited(DATA, 1))
    row = row_of(store, edited(DATA, 1))
    assert row.base == object_id(DATA)
    assert (row.depth, row_of(store, DATA).references) == (1, 2)
    assert row.stored < 400
    figures = store.volume.statistics()
    assert (figures.delta_chunks, figures.chunks) == (1, 2)
    assert figures.delta_saved_bytes == row_of(store, DATA).stored - row.stored == row.saved


def test_what_chunks_resemble_survives_a_restart(store: VolumeStore) -> None:
    store.write(b"one", DATA)
    store.reopen()
    store.write(b"two.bin", edited(DATA, 1))
    assert row_of(store, edited(DATA, 1)).base == object_id(DATA)


def test_a_checkpoint_saves_it_from_a_kill(store: VolumeStore) -> None:
    store.write(b"one", DATA)
    store.volume.checkpoint()
    store.kill()
    store.write(b"two.bin", edited(DATA, 1))
    assert row_of(store, edited(DATA, 1)).base == object_id(DATA)


def test_losing_it_in_a_kill_costs_a_delta_and_no_more(store: VolumeStore) -> None:
    store.write(b"one", DATA)
    store.kill()
    assert store.volume._parts.index.count(SKETCH) == 0
    store.write(b"two.bin", edited(DATA, 1))
    assert row_of(store, edited(DATA, 1)).base == b""


def text(seed: object, lines: int = 60) -> bytes:
    """Lines of one form with different numbers: nothing of 64 bytes is ever repeated."""
    source = random.Random(repr(seed))
    return b"".join(
        b'{"step": %d, "loss": %.6f}\n' % (source.randrange(10**6), source.random())
        for _ in range(lines)
    )


def test_a_file_edited_in_place_becomes_a_delta_of_what_it_was(store: VolumeStore) -> None:
    data = random_bytes("large", 400_000)
    inode = store.write(b"large", data)
    before = set(rows(store))
    store.volume.open_file(inode, writing=True)
    store.volume.write(inode, 200_000, b"edited")
    store.expected[b"large"] = data[:200_000] + b"edited" + data[200_006:]
    store.settle(inode)
    new = [row for key, row in rows(store).items() if key not in before]
    assert new
    assert all(row.base in before for row in new)


def test_a_file_that_grows_becomes_a_delta_of_what_it_was(store: VolumeStore) -> None:
    inode = store.write(b"log", DATA[:10_000])
    store.volume.open_file(inode, writing=True)
    store.volume.write(inode, 10_000, DATA[10_000:])
    store.expected[b"log"] = DATA
    store.settle(inode)
    assert row_of(store, DATA).base == object_id(DATA[:10_000])


def test_a_small_text_is_a_delta_of_what_was_there_before(store: VolumeStore) -> None:
    """Too small for features: only where it stands tells."""
    first = text(1, lines=14)
    second = first[:-40] + text(2)[:40]
    store.write(b"conf", first)
    store.write(b"conf", second)
    assert len(second) < SKETCHED_BYTES_MIN
    assert row_of(store, second).base == object_id(first)


def test_a_text_is_a_delta_of_its_neighbour(store: VolumeStore) -> None:
    """A file of the same kind in the same directory, with a form in common and no line."""
    first, second = (settings_text(seed) for seed in (1, 2))
    store.write(b"run-1.json", first)
    store.write(b"unlike.bin", random_bytes("unlike", 2000))
    store.write(b"run-2.json", second)
    assert row_of(store, second).base == object_id(first)


def settings_text(seed: int) -> bytes:
    source = random.Random(seed)
    names = random.Random("names")
    return b"".join(
        b'"%s": %d,\n' % (names.randbytes(12).hex().encode(), source.randrange(99))
        for _ in range(40)
    )


def replace_by_temporary(store: VolumeStore, temporary: bytes, name: bytes, data: bytes) -> None:
    """Write a temporary file and rename it, as rsync and editors do."""
    store.write(temporary, data)
    store.volume.rename(ROOT_INODE, temporary, ROOT_INODE, name, RenameFlag(0))
    store.expected[name] = store.expected.pop(temporary)


@pytest.mark.parametrize(
    "temporary", [b".data.json.aB3x9Z", b"data.json.tmp", b"data.json~", b"#data.json#"]
)
def test_a_temporary_file_is_a_delta_of_the_file_it_will_replace(
    store: VolumeStore, temporary: bytes
) -> None:
    store.write(b"data.json", text(1))
    store.reopen()  # names are all there is to go by
    replacement = text(1)[:-300] + text(2)[:300]
    replace_by_temporary(store, temporary, b"data.json", replacement)
    assert row_of(store, replacement).base == object_id(text(1))


def test_an_editor_that_renames_the_old_file_away(store: VolumeStore) -> None:
    store.write(b"notes.txt", text(1))
    store.reopen()
    store.volume.rename(ROOT_INODE, b"notes.txt", ROOT_INODE, b"notes.txt~", RenameFlag(0))
    store.expected[b"notes.txt~"] = store.expected.pop(b"notes.txt")
    replacement = text(1)[:-300] + text(2)[:300]
    store.write(b"notes.txt", replacement)
    assert row_of(store, replacement).base == object_id(text(1))


def test_a_file_deleted_and_made_again(store: VolumeStore) -> None:
    store.write(b"data.json", text(1))
    store.delete(b"data.json")
    replacement = text(1)[:-300] + text(2)[:300]
    store.write(b"data.json", replacement)
    row = row_of(store, replacement)
    assert row.base == object_id(text(1))
    assert row_of(store, text(1)).references == 1


def test_chunks_of_one_write_find_each_other(store: VolumeStore) -> None:
    piece = random_bytes("piece", 300_000)
    store.write(b"twice", piece + b"".join(edited(piece, n, 9) for n in range(2)))
    figures = store.volume.statistics()
    assert figures.delta_chunks >= figures.chunks // 2
    assert figures.stored_bytes < 400_000


def test_only_chunks_are_bases(store: VolumeStore) -> None:
    """A manifest page as a base would keep all the chunks it lists."""
    data = random_bytes("manifest", 5_000_000)
    inode = store.write(b"large", data)
    store.volume.open_file(inode, writing=True)
    store.volume.write(inode, 2_500_000, b"edited")
    store.expected[b"large"] = data[:2_500_000] + b"edited" + data[2_500_006:]
    store.settle(inode)
    store.collect()
    index = store.volume._parts.index
    assert all(row.kind == ObjectKind.CHUNK for _, row in index.scan(OBJECT) if row.base)
    assert sum(row.kind == ObjectKind.MANIFEST for _, row in index.scan(OBJECT)) == 1


# When they are not


def test_unlike_data_stands_alone(store: VolumeStore) -> None:
    for number in range(6):
        store.write(b"%d" % number, random_bytes(number))
    figures = store.volume.statistics()
    assert (figures.delta_chunks, figures.delta_saved_bytes) == (0, 0)


def test_a_delta_that_saves_little_is_not_made(store: VolumeStore) -> None:
    store.write(b"one", DATA)
    alike = DATA[:1500] + random_bytes("most", 12_500)  # nearly all are its own
    store.write(b"two.bin", alike)
    assert row_of(store, alike).base == b""
    closer = alike[:9000] + random_bytes("less", 5000)
    store.write(b"three.bin", closer)
    assert row_of(store, closer).base == object_id(alike)


def test_deltas_can_be_turned_off(tmp_path: Path) -> None:
    plain = VolumeStore(tmp_path, dataclasses.replace(SMALL_PACKS, delta=False))
    plain.write(b"one", DATA)
    plain.write(b"two", edited(DATA, 1))
    plain.write(b"two", edited(DATA, 2))
    assert plain.volume.statistics().delta_chunks == 0
    assert plain.volume._parts.index.count(SKETCH) == 0
    plain.require_sound()
    plain.abandon()


def test_what_deltas_left_is_read_when_they_are_turned_off(store: VolumeStore) -> None:
    for version in range(5):
        store.write(b"%d" % version, edited(DATA, version))
    store._settings = dataclasses.replace(SMALL_PACKS, delta=False)
    store.reopen()
    store.write(b"5", edited(DATA, 5))
    assert row_of(store, edited(DATA, 5)).base == b""
    store.collect()
    store.require_sound()


# Chains


def test_what_would_be_too_deep_stands_on_a_base_half_as_deep(tmp_path: Path) -> None:
    store = VolumeStore(tmp_path, dataclasses.replace(SMALL_PACKS, delta_depth_max=4))
    versions = [DATA]
    for number in range(8):
        versions.append(edited(versions[-1], number))
    for version in versions:
        store.write(b"file", version)
    assert [row_of(store, version).depth for version in versions] == [0, 1, 2, 3, 4, 3, 4, 3, 4]
    store.require_sound()
    store.abandon()


@pytest.mark.parametrize("depth_max", [1, 3, 8])
def test_chains_are_as_long_as_allowed(tmp_path: Path, depth_max: int) -> None:
    settings = dataclasses.replace(SMALL_PACKS, delta_depth_max=depth_max)
    store = VolumeStore(tmp_path, settings)
    data = DATA
    for version in range(2 * depth_max + 3):
        data = edited(data, version)
        store.write(b"file", data)
        store.write(b"copy %d" % version, data)
    depths = [row.depth for row in rows(store).values()]
    assert max(depths) == depth_max
    assert depths.count(0) == 1  # beyond the limit, a base's own base is taken
    for row in rows(store).values():
        assert row.depth == (rows(store)[ObjectId(row.base)].depth + 1 if row.base else 0)
    store.require_sound()
    store.abandon()


def test_a_base_stays_as_long_as_a_delta_needs_it(store: VolumeStore) -> None:
    versions = [edited(DATA, version) for version in range(4)]
    for number, version in enumerate(versions):
        store.write(b"%d" % number, version)
    store.delete(b"0", b"1", b"2")
    store.collect()
    store.require_sound()
    chain = rows(store)
    assert object_id(versions[3]) in chain
    assert len(chain) == 1 + chain[object_id(versions[3])].depth
    store.delete(b"3")
    store.collect()
    assert rows(store) == {}


def test_a_base_nobody_names_is_named_again_by_a_delta(store: VolumeStore) -> None:
    store.write(b"one", DATA)
    store.delete(b"one")
    assert row_of(store, DATA).references == 0
    store.write(b"two", edited(DATA, 1))
    assert row_of(store, DATA).references == 1
    store.collect()
    store.require_sound()


def test_collection_beside_a_write_that_has_chosen_its_base(store: VolumeStore) -> None:
    """The base is deleted and nothing names it while a worker makes the delta."""
    for moment in range(1, 7):
        data = random_bytes(f"moment {moment}", 14_000)
        store.write(b"old", data)
        store.delete(b"old")
        inode = store.write(b"new %d" % moment, edited(data, 1), settle=False)
        steps = Driver(store.volume.contents.settle(inode))
        for _ in range(moment):
            if not steps.ended:
                steps.run()
                steps.step()
        store.collect()
        steps.finish()
        store.volume.close_file(inode)
        store.require_sound()


@pytest.mark.parametrize(("size", "steps_min"), [(14_000, 1), (60_000, 4)])
def test_a_kill_at_every_moment_of_a_write(store: VolumeStore, size: int, steps_min: int) -> None:
    data = random_bytes("deltas", size)
    store.write(b"one", data)
    moments = 0
    while True:
        inode = store.write(b"two", edited(data, 1), settle=False)
        steps = moments_of(store.volume.contents.settle(inode))
        ended = all(next(steps, None) is not None for _ in range(moments)) is False
        copy = VolumeStore.of_image(store)
        del copy.expected[b"two"]
        copy.require_sound()
        assert copy.read(b"two") in (b"", edited(data, 1))
        copy.remove()
        for _ in steps:
            pass
        store.volume.close_file(inode)
        store.delete(b"two")
        store.collect()
        if ended:
            break
        moments += 1
    assert moments >= steps_min


@pytest.mark.parametrize("answered", [(0, 1), (1, 0)])
def test_two_writers_of_the_same_bytes_make_no_loop(
    store: VolumeStore, answered: tuple[int, int]
) -> None:
    """Each makes the second of its chunks a delta of the first, so they are each other's bases."""
    both = [DATA, edited(DATA, 1)]
    new = [NewObject(ObjectKind.CHUNK, object_id(data), data) for data in both]
    objects = store.volume._parts.objects
    writers = [Driver(objects.add(new)), Driver(objects.add(new[::-1]))]
    while not all(writer.ended for writer in writers):
        for writer in writers:
            if not writer.ended:
                writer.run()
        for number in answered:
            if not writers[number].ended:
                writers[number].step()
    bases = {row.base for row in objects.unrecorded.values()}
    assert bases == {b"", object_id(both[answered[0]])}
    for number, data in enumerate(both):
        store.write(b"%d" % number, data)


def scrub_again(store: VolumeStore) -> None:
    """What can be read again is no longer noted as damaged."""
    store.forget_cache()
    run_inline(store.volume.scrub(lambda done, total, text: None, restart=True))


def test_bytes_written_again_heal_a_base_and_never_depend_on_its_deltas(
    store: VolumeStore,
) -> None:
    store.write(b"one", DATA)
    store.write(b"two", edited(DATA, 1))
    damage(store.volume, object_id(DATA))
    store.forget_cache()
    run_inline(store.volume.scrub(lambda done, total, text: None))
    assert store.volume._parts.objects.is_damaged(object_id(DATA))
    store.write(b"three", DATA)
    assert not store.volume._parts.objects.is_damaged(object_id(DATA))
    assert row_of(store, DATA).base == b""
    scrub_again(store)  # and its delta is found to be readable
    store.require_sound()


def test_nothing_is_made_a_delta_of_what_is_damaged(store: VolumeStore) -> None:
    store.write(b"one", DATA)
    undo = damage(store.volume, object_id(DATA))
    store.forget_cache()
    run_inline(store.volume.scrub(lambda done, total, text: None))
    undo()
    store.write(b"two", edited(DATA, 1))
    assert row_of(store, edited(DATA, 1)).base == b""
    scrub_again(store)


# Effort


def test_data_that_never_matches_is_looked_at_briefly(store: VolumeStore) -> None:
    bases = store.volume._parts.objects._bases
    for number in range(UNMATCHED_MAX):
        assert not bases.brief
        store.write(b"%d" % number, random_bytes(f"brief {number}", 15_000))
    assert bases.brief
    store.write(b"like 5", edited(random_bytes("brief 5", 15_000), 1))
    assert not bases.brief


def similar_chunks(seed: object, count: int) -> bytes:
    """A stream of chunks, each of which is like the one before it."""
    chunk = random_bytes(("similar", seed), 300_000)
    parts = []
    for number in range(count):
        chunk = edited(chunk, (seed, number), count=30)
        parts.append(chunk)
    return b"".join(parts)


@pytest.mark.parametrize("depth_max", [1, 8])
def test_deltas_of_a_large_batch_are_as_deep_as_allowed(tmp_path: Path, depth_max: int) -> None:
    """They are made in parts, before it is known how deep those before them are."""
    store = VolumeStore(tmp_path, dataclasses.replace(SMALL_PACKS, delta_depth_max=depth_max))
    data = similar_chunks("deep", 20)
    works = works_of(store, b"stream", data)
    assert any(len(work.parts) > 1 for work in works)
    depths = [row.depth for row in rows(store).values()]
    assert max(depths) == depth_max
    assert sum(map(bool, depths)) > len(depths) / 2
    store.reopen()
    store.require_sound()
    store.abandon()


def works_of(store: VolumeStore, name: bytes, data: bytes) -> list[Work]:
    """What is given to threads while a file is settled."""
    inode = store.write(name, data, settle=False)
    driver = Driver(store.volume.contents.settle(inode))
    works: list[Work] = []
    while driver.work is not None:
        works.append(driver.work)
        driver.step()
    store.volume.close_file(inode)
    return works


@pytest.mark.parametrize(("hasty", "guessed"), [(False, GUESSED), (True, HASTY_GUESSED)])
def test_guesses_are_given_up_when_they_are_wrong(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch, hasty: bool, guessed: int
) -> None:
    """One feature of twelve in common, which leads to nothing: then only some are tried."""
    bases = store.volume._parts.objects._bases
    others = [random_bytes(("other", n)) for n in range(4)]
    for number, other in enumerate(others):
        store.write(b"other %d" % number, other)
    guesses = [(object_id(other), 1) for other in others]
    monkeypatch.setattr(store.volume._parts.objects._features, "alike", lambda *_: guesses)
    tried = []
    for number in range(80):
        data = random_bytes(("wrong", number))
        new = NewObject(ObjectKind.CHUNK, object_id(data), data, hasty=hasty)
        drafts = bases.draft(store.volume._parts.objects.encoder.encode([new]))
        tried.append(bool(drafts[0].bases))
        bases.note(drafts, [ObjectRecord(ObjectKind.CHUNK, Codec.RAW, 1, 0, 100, 100)])
    assert all(tried[: 20 // (1 + hasty)])
    assert sum(tried[48:]) == 32 / guessed


def test_guesses_that_are_right_are_tried_again(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bases = store.volume._parts.objects._bases
    store.write(b"base", DATA)
    bases._luck = 0.0
    base = [(object_id(DATA), 1)]
    monkeypatch.setattr(store.volume._parts.objects._features, "alike", lambda *_: base)
    for number in range(5 * GUESSED):
        store.write(b"%d.bin" % number, edited(DATA, number))
    assert bases._luck > LUCK_MIN
    last = row_of(store, edited(DATA, 5 * GUESSED - 1))
    assert last.base == object_id(DATA)


STREAM = random_bytes("stream", 6 << 20)  # more than UNMATCHED_MAX chunks, of which none matches


def forbid_closer_looks(store: VolumeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("looked at more closely than a sample")

    monkeypatch.setattr(store.volume._parts.objects.encoder, "encode", fail)


def test_a_stream_of_noise_is_stored_without_looking_for_anything(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(b"first", STREAM)
    forbid_closer_looks(store, monkeypatch)
    data = random_bytes("more", 3 << 20)
    store.write(b"second", data)
    assert all(row.codec == Codec.RAW for row in rows(store).values())


def test_what_compresses_within_a_stream_of_noise_is_compressed(store: VolumeStore) -> None:
    store.write(b"first", STREAM)
    data = random_bytes("more", 3 << 20)
    store.write(b"second", data[: 1 << 20] + text("within", 8000) + data[1 << 20 :])
    assert any(row.codec == Codec.ZSTD for row in rows(store).values())


def test_what_only_looks_like_noise_is_found_out(store: VolumeStore) -> None:
    """Bytes repeat at a distance: a sample does not show it, but some chunks are compressed."""
    store.write(b"first", STREAM)
    bases = store.volume._parts.objects._bases
    assert bases.brief
    again = b"".join(random_bytes(number, 8 << 10) * 2 for number in range(256))
    store.write(b"second", again)
    assert not bases.brief


@pytest.mark.parametrize("shared", [1, 2])
def test_one_feature_that_noise_shares_is_chance(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch, shared: int
) -> None:
    store.write(b"first", STREAM)
    bases = store.volume._parts.objects._bases
    found = [(object_id(DATA), shared)]
    monkeypatch.setattr(store.volume._parts.objects._features, "alike", lambda *_: found)
    store.write(b"second", random_bytes("more", 3 << 20))
    assert bases.brief is (shared == 1)


def test_a_stream_that_resembles_one_of_noise_is_looked_at_closely(store: VolumeStore) -> None:
    store.write(b"first", STREAM)
    store.write(b"second.bin", edited(STREAM, 1, count=400))
    assert not store.volume._parts.objects._bases.brief
    before = len(rows(store))
    store.write(b"third.bin", edited(STREAM, 2, count=400))
    assert sum(bool(row.base) for row in rows(store).values()) > (len(rows(store)) - before) / 2


def test_noise_is_not_expected_where_something_stood(store: VolumeStore) -> None:
    """It may differ from that in a few bytes."""
    inode = store.write(b"first", STREAM)
    assert store.volume._parts.objects._bases.brief
    store.volume.open_file(inode, writing=True)
    changed = edited(STREAM, 1, count=400)
    store.volume.write(inode, 0, changed)
    store.expected[b"first"] = changed
    store.settle(inode)
    assert all(row_of(store, data).base for data in chunks_of(changed) if data not in STREAM)


def chunks_of(data: bytes) -> list[bytes]:
    return [data[low:high] for low, high in pairwise([0, *cut_points(data, ChunkLimits(), True)])]
