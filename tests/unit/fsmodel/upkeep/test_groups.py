"""Upkeep where frames hold several objects: nothing is lost, miscounted or kept for nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.content.chunk_list import stored_chunks
from fsmodel.encoding.codecs import Codec
from fsmodel.errors import DataError
from fsmodel.ids import ObjectId, PackId
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.steps import Steps, run_inline
from fsmodel.store.pack_format import Location
from fsmodel.store.placement import placement_of
from fsmodel.upkeep.upkeep import ScrubReport
from lmdb_index.keys import number_key
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import DAMAGED, OBJECT, PACK
from tests.support.grouped_store import GroupedStore, groups_in
from tests.support.volume_store import moments_of, random_bytes

NAMES = [b"%d" % number for number in range(6)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GroupedStore]:
    """Files of some chunks each, all in groups."""
    made = GroupedStore(tmp_path)
    for name in NAMES:
        made.write(name, random_bytes(name, 300_000))
    yield made
    made.abandon()


def nothing() -> Steps[None]:
    yield from ()


def scrub(store: GroupedStore) -> ScrubReport:
    return run_inline(store.volume.scrub(lambda *_: None, restart=True))


def row_of(store: GroupedStore, wanted: ObjectId) -> ObjectRecord:
    return store.volume._parts.objects.get(wanted)


def chunks_of(store: GroupedStore, name: bytes) -> list[ObjectId]:
    record, _ = store.volume.attributes(store.volume.resolve(b"/" + name))
    chunks = stored_chunks(record.content, store.volume._parts.objects)
    return [run.id for _, run in chunks.runs_from(0)]


def damage(store: GroupedStore, location: Location) -> None:
    """Flip a bit in the middle of a group's frame."""
    path = store.volume._parts.layout.pack(location.pack)
    data = bytearray(path.read_bytes())
    data[location.offset + location.stored // 2] ^= 1
    path.write_bytes(data)
    store.volume._parts.reader.forget(location.pack)
    store.forget_cache()


def half_dead(store: GroupedStore) -> list[Location]:
    """Let every group lose a member: a new file has the others' chunks, then the old one goes."""
    for name in NAMES:
        chunks, pieces, at = chunks_of(store, name), [], 0
        for chunk in chunks:
            size = row_of(store, chunk).plain
            pieces.append(store.expected[name][at : at + size])
            at += size
        store.write(name + b"-some", b"".join(pieces[1:]))
    groups = [location for location, members in groups_in(store).items() if len(members) > 1]
    store.delete(*NAMES)
    return groups


def test_chunks_lie_in_groups_and_are_read(store: GroupedStore) -> None:
    assert max(len(members) for members in groups_in(store).values()) > 2
    store.require_sound()
    store.kill()
    store.require_sound()


def test_a_group_nothing_needs_is_given_back(store: GroupedStore) -> None:
    before = store.pack_bytes()
    store.delete(*NAMES[:3])
    report = store.collect()
    assert report.objects_freed > 12
    assert before - store.pack_bytes() > 3 * 300_000 * 0.98
    assert report.garbage_bytes_after < 0.05 * report.garbage_bytes_before
    store.require_sound()


def test_a_group_that_is_half_dead_is_made_anew(store: GroupedStore) -> None:
    groups = half_dead(store)
    live = sum(len(data) for data in store.expected.values())
    store.collect()
    assert store.pack_bytes() < 1.02 * live
    assert not set(groups) & groups_in(store).keys()
    assert max(len(members) for members in groups_in(store).values()) > 1
    store.require_sound()
    store.reopen()
    store.require_sound()
    assert scrub(store).damaged == ()


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.crash)])
def test_it_can_be_killed_at_any_moment(store: GroupedStore, every: int) -> None:
    half_dead(store)
    for moment in moments_of(store.collection()):
        if moment % every:
            continue
        opened = GroupedStore.of_image(store)
        opened.require_sound()
        opened.collect()
        opened.require_sound()
        opened.remove()


def test_dead_bytes_are_counted_by_shares(store: GroupedStore) -> None:
    store.collect()
    store.write(b"next", b"a pack of its own")
    location, members = max(groups_in(store).items(), key=lambda found: len(found[1]))
    pack = number_key(location.pack)
    parts = store.volume._parts
    sealed = parts.index.get(PACK, pack)
    assert sealed is not None
    shares = sum(row_of(store, member).stored for member in members)
    assert shares == location.stored
    half_dead(store)
    run_inline(parts.upkeep._collector._collector.collect(lambda found: None, nothing))
    left = sum(row.stored for _, row in parts.index.scan(OBJECT) if row.pack == location.pack)
    row = parts.index.get(PACK, pack)
    assert row is not None
    assert row.dead - sealed.dead > 0
    assert row.size - 48 == left + row.dead


def test_one_live_member_gets_a_frame_of_its_own(store: GroupedStore) -> None:
    store.write(b"one", random_bytes(NAMES[0], 300_000)[:1])  # not a chunk of any group
    first = chunks_of(store, NAMES[0])[0]
    size = row_of(store, first).plain
    store.write(b"kept", store.expected[NAMES[0]][:size])
    store.delete(*NAMES)
    store.collect()
    if chunks_of(store, b"kept") == [first]:
        assert row_of(store, first).codec == Codec.RAW
    store.require_sound()


def test_a_damaged_group_hurts_all_its_members_and_no_others(store: GroupedStore) -> None:
    location, members = max(groups_in(store).items(), key=lambda found: len(found[1]))
    damage(store, location)
    report = scrub(store)
    assert {each.id for each in report.damaged} == {member.hex() for member in members}
    hurt = {path for each in report.damaged for path in each.paths}
    (name,) = (name for name in NAMES if set(members) <= set(chunks_of(store, name)))
    assert hurt == {b"/" + name}
    with pytest.raises(DataError):
        store.read(name)
    assert all(store.read(other) == store.expected[other] for other in NAMES if other != name)


def test_a_damaged_group_is_set_aside_once(store: GroupedStore) -> None:
    location, members = max(groups_in(store).items(), key=lambda found: len(found[1]))
    damage(store, location)
    kept = {each.kept for each in scrub(store).damaged}
    (name,) = kept
    copy = store.store / "quarantine" / name
    assert list(copy.parent.iterdir()) == [copy]
    assert copy.stat().st_size == location.stored
    assert len(members) > 1


def test_writing_the_same_bytes_heals_the_members(store: GroupedStore) -> None:
    location, members = max(groups_in(store).items(), key=lambda found: len(found[1]))
    (name,) = (name for name in NAMES if set(members) <= set(chunks_of(store, name)))
    damage(store, location)
    assert scrub(store).damaged
    store.write(b"again", store.expected[name])
    assert store.volume._parts.index.count(DAMAGED) == 0
    store.require_sound()
    store.collect()
    assert location not in groups_in(store)
    store.require_sound()


def test_compaction_leaves_a_damaged_group_and_notes_it(store: GroupedStore) -> None:
    location, members = max(groups_in(store).items(), key=lambda found: len(found[1]))
    half_dead(store)
    damage(store, location)
    needed = {name: set(members) & set(chunks_of(store, name)) for name in store.expected}
    for name in [name for name, chunks in needed.items() if chunks]:
        del store.expected[name]
    store.collect()
    noted = {key for key, _ in store.volume._parts.index.scan(DAMAGED)}
    assert noted == set().union(*needed.values())
    assert store.collect().bytes_moved == 0
    store.require_sound(damaged=True)


def test_a_scrub_reads_each_group_once(store: GroupedStore) -> None:
    reader = store.volume._parts.reader
    rows = [row for _, row in store.volume._parts.index.scan(OBJECT)]
    frames = {placement_of(row).location for row in rows}
    before = reader.statistics().frames_read
    report = scrub(store)
    assert reader.statistics().frames_read - before == len(frames) < len(rows)
    assert report.checked_objects == len(rows)
    assert report.checked_bytes == sum(row.stored for row in rows)


def test_fsck_notices_a_row_that_cannot_be(store: GroupedStore) -> None:
    parts = store.volume._parts
    members = next(found for found in groups_in(store).values() if len(found) > 1)
    with parts.changes.begin() as change:
        row = change.operation.get(OBJECT, members[0])
        assert row is not None
        row.frame = row.stored - 1
        change.operation.put(OBJECT, members[0], row)
    found = run_inline(store.volume.fsck()).findings
    told = next(each for each in found if "a member of a group can lie" in each.text)
    assert members[0].hex() in told.details[0]


def rebuilt(store: GroupedStore) -> None:
    for folder in ("index", "journal"):
        shutil.rmtree(store.store / folder)
    report = rebuild_index(store.store, lambda done, total, text: None)
    store._open()
    assert report.complete == (not report.hurt_files)


def test_the_index_is_made_again_with_groups(store: GroupedStore) -> None:
    half_dead(store)
    store.volume.close()
    store._open()
    before = {key: placement_of(row) for key, row in store.volume._parts.index.scan(OBJECT)}
    needed = {key for key, row in store.volume._parts.index.scan(OBJECT) if row.references}
    store.volume.close()
    rebuilt(store)
    after = {key: placement_of(row) for key, row in store.volume._parts.index.scan(OBJECT)}
    assert {key: after[key] for key in needed} == {key: before[key] for key in needed}
    store.require_sound()
    store.collect()
    store.require_sound()


def test_an_index_is_made_again_around_a_damaged_group(store: GroupedStore) -> None:
    location, members = max(groups_in(store).items(), key=lambda found: len(found[1]))
    (name,) = (name for name in NAMES if set(members) <= set(chunks_of(store, name)))
    store.volume.close()
    damage(store, location)
    data = store.expected.pop(name)
    rebuilt(store)
    noted = {key for key, _ in store.volume._parts.index.scan(DAMAGED)}
    assert noted == set(members)
    for other in store.expected:
        assert store.read(other) == store.expected[other]
    store.write(b"again", data)
    store.expected[name] = data
    store.forget_cache()
    assert store.read(name) == data


def test_a_copy_that_cannot_be_read_back_moves_nothing(
    store: GroupedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_dead(store)
    writer = store.volume._parts.packs
    append = type(writer).append

    def broken(self: object, frames: list[object]) -> list[Location]:
        places = append(writer, frames)  # type: ignore[arg-type]
        return [place._replace(offset=place.offset + 1) for place in places]

    with monkeypatch.context() as patch:
        patch.setattr(type(writer), "append", broken)
        moves = store.collection()
        with pytest.raises(DataError):
            run_inline(moves)
    store.require_sound()
    assert PackId(1) in {row.pack for _, row in store.volume._parts.index.scan(OBJECT)}
