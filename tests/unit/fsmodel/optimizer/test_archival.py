"""Cold chunks go into groups: smaller, whole, and safe whatever happens meanwhile."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.encoding.codecs import Codec
from fsmodel.errors import DataError
from fsmodel.ids import ObjectId
from fsmodel.optimizer import archival, reencoding
from fsmodel.optimizer.archival import fill_groups
from fsmodel.optimizer.jobs import Candidate
from fsmodel.optimizer.strategies import StrategyName
from fsmodel.steps import run_inline
from fsmodel.store.group_format import GROUP_BYTES_MAX, GROUP_MEMBERS_MAX, group_bytes
from fsmodel.store.pack_format import ObjectKind
from lmdb_index.schema import OBJECT
from tests.support.grouped_store import groups_in
from tests.support.optimizing import WITHOUT_DELTAS, optimized, stored_bytes, write_versions
from tests.support.prose import edited, prose
from tests.support.volume_store import VolumeStore, moments_of, random_bytes
from tests.support.volumes import damage

ARCHIVAL = StrategyName.ARCHIVAL


def chunk_rows(store: VolumeStore) -> dict[ObjectId, Codec]:
    rows = store.volume._parts.index.scan(OBJECT)
    return {ObjectId(key): Codec(row.codec) for key, row in rows if row.kind == ObjectKind.CHUNK}


def test_versions_become_groups_and_take_less(store: VolumeStore) -> None:
    write_versions(store)
    before = stored_bytes(store)
    (outcome,) = optimized(store, ARCHIVAL)
    assert outcome.saved_bytes == before - stored_bytes(store) > before / 10
    assert set(chunk_rows(store).values()) == {Codec.GROUP}
    assert store.volume.statistics().delta_chunks == 0
    store.require_sound()
    store.kill()
    store.require_sound()


def test_the_room_comes_back_with_a_collection(store: VolumeStore) -> None:
    write_versions(store)
    run_inline(store.volume.write_root())
    store.collect()
    before = store.pack_bytes()
    outcome, gc = optimized(store, ARCHIVAL, StrategyName.GC)
    given_back = before - store.pack_bytes()
    assert given_back == pytest.approx(outcome.saved_bytes, rel=0.1)
    assert gc.saved_bytes > outcome.saved_bytes


def test_a_second_run_finds_nothing_to_do(store: VolumeStore) -> None:
    write_versions(store)
    optimized(store, ARCHIVAL)
    (again,) = optimized(store, ARCHIVAL)
    assert (again.objects, again.saved_bytes) == (0, 0)


def test_what_does_not_compress_is_left_alone(store: VolumeStore) -> None:
    for number in range(5):
        store.write(b"%d" % number, random_bytes(number))
    (outcome,) = optimized(store, ARCHIVAL)
    assert outcome.objects == 0
    assert set(chunk_rows(store).values()) == {Codec.RAW}


def test_what_is_read_often_is_left_alone(store: VolumeStore) -> None:
    write_versions(store, texts=4)
    hot = next(iter(chunk_rows(store)))
    for _ in range(10):
        store.volume._parts.objects.heat.note(hot)
    former = chunk_rows(store)[hot]
    optimized(store, ARCHIVAL)
    assert chunk_rows(store)[hot] is former
    assert list(chunk_rows(store).values()).count(Codec.GROUP) > 4


def test_new_deltas_stand_on_members_of_groups(store: VolumeStore) -> None:
    write_versions(store, texts=4)
    optimized(store, ARCHIVAL)
    store.write(b"next.txt", edited(prose(1), "next"))
    codecs = chunk_rows(store)
    assert Codec.DELTA in codecs.values()
    (outcome,) = optimized(store, ARCHIVAL)
    assert outcome.objects == 0  # a delta of something archived is better off as it is
    store.delete(*(name for name in list(store.expected) if name != b"next.txt"))
    store.collect()
    store.require_sound()


def test_it_can_be_killed_at_any_moment(store: VolumeStore) -> None:
    write_versions(store, texts=3)
    run = store.volume.optimize([ARCHIVAL, StrategyName.GC], lambda *_: None)
    for _ in moments_of(run):
        opened = VolumeStore.of_image(store)
        opened.require_sound()
        opened.collect()
        opened.require_sound()
        opened.remove()


def test_files_may_be_written_and_deleted_meanwhile(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archival, "GROUP_BYTES_MAX", 60_000)
    write_versions(store, texts=4)
    names = list(store.expected)
    run = store.volume.optimize([ARCHIVAL], lambda *_: None)
    for moment in moments_of(run):
        if moment % 7 == 0 and names:
            store.delete(names.pop())
            run_inline(store.volume.follow_up_deletions())
        if moment % 5 == 0:
            store.write(b"new %d.txt" % moment, edited(prose(moment % 4), moment))
    store.require_sound()
    store.collect()
    store.require_sound()


def test_a_copy_that_cannot_be_read_back_is_not_used(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_versions(store, texts=3)
    former = chunk_rows(store)

    def fails(*_: object) -> None:
        raise DataError("injected")

    with monkeypatch.context() as patch:
        patch.setattr(reencoding, "require_stored", fails)
        (outcome,) = optimized(store, ARCHIVAL)
    assert outcome.saved_bytes == outcome.objects == 0
    assert "could not be read back" in outcome.note
    assert chunk_rows(store) == former


def test_what_is_damaged_is_left_where_it_is(store: VolumeStore) -> None:
    write_versions(store, texts=3, versions=1)
    hurt = next(iter(chunk_rows(store)))
    mend = damage(store.volume, hurt)
    store.forget_cache()
    optimized(store, ARCHIVAL)
    assert chunk_rows(store)[hurt] is not Codec.GROUP
    mend()
    run_inline(store.volume.scrub(lambda *_: None, restart=True))  # the collection had noted it


def test_the_index_made_again_finds_what_was_archived(tmp_path: Path) -> None:
    import shutil

    from fsmodel.rebuild.rebuild import rebuild_index

    store = VolumeStore(tmp_path)
    write_versions(store, texts=4)
    optimized(store, ARCHIVAL, StrategyName.GC)
    store.volume.close()
    for folder in ("index", "journal"):
        shutil.rmtree(store.store / folder)
    assert rebuild_index(store.store, lambda done, total, text: None).complete
    store._open()
    assert set(chunk_rows(store).values()) == {Codec.GROUP}
    store.require_sound()
    store.abandon()


def test_without_deltas_neighbours_by_kind_share_groups(tmp_path: Path) -> None:
    store = VolumeStore(tmp_path, WITHOUT_DELTAS)
    for number in range(6):
        store.write(b"%d.txt" % number, prose(number, 5_000))
        store.write(b"%d.num" % number, prose(number, 5_000).hex().encode())
    optimized(store, ARCHIVAL)
    (members,) = groups_in(store).values()
    parts = store.volume._parts
    kinds = [parts.objects.load(member)[:10].isascii() for member in members]
    plain = [parts.objects.get(member).plain for member in members]
    assert all(kinds)
    assert plain == sorted(plain, reverse=True)  # .num comes before .txt, and is twice as long
    store.require_sound()
    store.abandon()


sizes = st.lists(st.lists(st.integers(1, 300_000), min_size=1, max_size=12), max_size=12)


@given(sizes=sizes)
def test_groups_hold_every_candidate_once_and_fit(sizes: list[list[int]]) -> None:
    clusters, number = [], 0
    for cluster in sizes:
        made = []
        for depth, size in enumerate(cluster):
            number += 1
            wanted = ObjectId(number.to_bytes(32, "big"))
            made.append(Candidate(wanted, ObjectKind.CHUNK, size // 2, size, depth))
        clusters.append(made)
    wanted_all = [each.id for cluster in clusters for each in cluster]
    jobs = list(fill_groups(clusters))
    assert [each.id for job in jobs for each in job.candidates] == wanted_all
    for job in jobs:
        held = [each.plain for each in job.candidates]
        assert group_bytes(held) <= GROUP_BYTES_MAX
        assert len(held) <= GROUP_MEMBERS_MAX
