"""Damage is found, told with the paths it hurts, set aside, and healed by writing again."""

from itertools import islice

import pytest

from fsmodel.content.chunk_list import stored_chunks
from fsmodel.encoding.codecs import Codec
from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.steps import run_inline
from fsmodel.store.sections import values_bytes
from fsmodel.upkeep import scrub as scrub_module
from fsmodel.upkeep.scrub import Pace
from fsmodel.upkeep.upkeep import ScrubReport
from fsmodel.volume import Volume
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import DAMAGED, OBJECT
from tests.support.volume_store import VolumeStore, moments_of, random_bytes
from tests.support.volumes import USER

BIG = random_bytes("big", 800_000)


def scrub(store: VolumeStore, *, restart: bool = False) -> ScrubReport:
    return run_inline(store.volume.scrub(lambda *_: None, restart=restart))


def content_of(store: VolumeStore, name: bytes) -> ObjectId:
    record, _ = store.volume.attributes(store.volume.resolve(b"/" + name))
    return ObjectId(record.content[1:])


def row_of(store: VolumeStore, wanted: ObjectId) -> ObjectRecord:
    return store.volume._parts.objects.get(wanted)


def damage(store: VolumeStore, wanted: ObjectId, *, at: int = -1) -> None:
    """Flip a bit of an object's frame, of the last byte of its payload as a rule."""
    row = row_of(store, wanted)
    values = values_bytes(row.plain) if row.codec == Codec.RAW else 0
    offset = row.offset + (at if at >= 0 else row.stored - values + at)
    path = next(path for path in store.pack_files() if int(path.stem, 16) == row.pack)
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
    store.forget_cache()


def test_a_sound_store_is_found_sound(store: VolumeStore) -> None:
    for number in range(10):
        store.write(b"%d" % number, random_bytes(number))
    report = scrub(store)
    assert report.checked_objects == 10
    assert report.checked_bytes > 160_000
    assert report.damaged == ()


@pytest.mark.parametrize("at", [3, 40, 70, -1])
def test_damage_anywhere_in_a_frame_is_found_with_its_path(store: VolumeStore, at: int) -> None:
    store.write(b"sound", random_bytes("sound"))
    store.write(b"hurt", random_bytes("hurt"))
    wanted = content_of(store, b"hurt")
    damage(store, wanted, at=at)
    report = scrub(store)
    assert [(each.id, each.paths) for each in report.damaged] == [(wanted.hex(), (b"/hurt",))]
    assert f"{row_of(store, wanted).pack:016x}" in report.damaged[0].place
    assert store.read(b"sound") == store.expected[b"sound"]
    with pytest.raises(DataError):
        store.read(b"hurt")


def test_every_file_that_needs_a_chunk_or_a_page_is_named(store: VolumeStore) -> None:
    store.write(b"one", BIG)
    store.write(b"two", random_bytes("start", 300_000) + BIG)
    store.write(b"other", random_bytes("other", 300_000))
    page = content_of(store, b"one")
    chunks = stored_chunks(b"\x02" + page, store.volume._parts.objects)
    _, last = list(chunks.runs_from(0))[-1]
    damage(store, last.id)
    (found,) = scrub(store).damaged
    assert set(found.paths) == {b"/one", b"/two"}
    damage(store, page)
    by_id = {each.id: set(each.paths) for each in scrub(store).damaged}
    assert by_id == {last.id.hex(): {b"/two"}, page.hex(): {b"/one"}}


def test_files_of_snapshots_are_named_where_the_newest_has_them(store: VolumeStore) -> None:
    for number in range(100):  # more than a directory has in line
        store.write(b"%d" % number, random_bytes(number, 100))
    store.write(b"gone", random_bytes("gone"))
    store.write(b"stays", random_bytes("gone"))
    wanted = content_of(store, b"gone")
    for name in (b"first", b"second"):
        run_inline(store.volume.snapshots.create(name))
    store.delete(b"gone")
    run_inline(store.volume.snapshots.create(b"third"))
    damage(store, wanted)
    (found,) = scrub(store).damaged
    assert found.paths == (b"/stays", b"/.snapshots/second/gone")


def test_a_folder_that_a_snapshot_cannot_list_is_named(store: VolumeStore) -> None:
    top = store.volume.make_directory(ROOT_INODE, b"top", 0o755, USER)
    folder = store.volume.make_directory(top, b"folder", 0o755, USER)
    for number in range(100):
        store.volume.make_directory(folder, b"%d" % number, 0o755, USER)
    run_inline(store.volume.write_root())  # trees that are made at once lie in one frame
    store.volume.make_directory(top, b"later", 0o755, USER)
    run_inline(store.volume.snapshots.create(b"s"))
    record, _ = store.volume.attributes(folder)
    tree = ObjectId(record.tree)
    for number in range(100):
        store.volume.rmdir(folder, b"%d" % number)
    damage(store, tree)
    hurt = {path for each in scrub(store).damaged for path in each.paths}
    assert hurt == {b"/.snapshots/s/top/folder"}


def test_the_damaged_frame_is_set_aside(store: VolumeStore) -> None:
    store.write(b"hurt", random_bytes("hurt"))
    wanted = content_of(store, b"hurt")
    row = row_of(store, wanted)
    pack = store.pack_files()[0]
    damage(store, wanted)
    (found,) = scrub(store).damaged
    kept = store.store / "quarantine" / found.kept
    assert kept.read_bytes() == pack.read_bytes()[row.offset : row.offset + row.stored]


@pytest.mark.parametrize("data", [random_bytes("small"), BIG])
def test_writing_the_same_bytes_heals(store: VolumeStore, data: bytes) -> None:
    store.write(b"hurt", data)
    damage(store, content_of(store, b"hurt"))
    assert scrub(store).damaged
    store.write(b"again", data)
    store.require_sound()  # the first file has its bytes back too
    assert store.volume._parts.index.count(DAMAGED) == 0
    assert scrub(store).damaged == ()
    store.collect()
    store.require_sound()
    store.kill()
    store.require_sound()


def test_damage_that_was_a_bad_moment_is_forgotten(store: VolumeStore) -> None:
    store.write(b"hurt", random_bytes("hurt"))
    wanted = content_of(store, b"hurt")
    damage(store, wanted)
    assert scrub(store).damaged
    damage(store, wanted)  # the same bit again
    assert scrub(store).damaged == ()
    store.require_sound()


def test_a_pack_that_is_gone_is_told(store: VolumeStore) -> None:
    store.write(b"hurt", random_bytes("hurt"))
    store.pack_files()[0].rename(store.store / "away")
    store.volume._parts.reader.forget(1)  # type: ignore[arg-type]
    store.forget_cache()
    (found,) = scrub(store).damaged
    assert (found.paths, found.kept) == ((b"/hurt",), "")


def test_a_scrub_goes_on_where_it_was(store: VolumeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub_module, "STRETCH_OBJECTS", 4)
    for number in range(20):
        store.write(b"%d" % number, random_bytes(number))
    seen: list[int] = []
    half = store.volume.scrub(lambda done, total, text: seen.append(done))
    for _ in islice(moments_of(half), 9):
        pass
    assert 0 < seen[-1] < 20
    half.close()
    store.kill()
    again: list[int] = []
    report = run_inline(store.volume.scrub(lambda done, *_: again.append(done)))
    assert again[0] == seen[-1] + 4
    assert report.checked_objects == 20
    begun = run_inline(store.volume.scrub(lambda done, *_: again.append(done)))
    assert begun.checked_objects == 20


def test_reading_keeps_its_pace() -> None:
    slept: list[float] = []
    pace = Pace(1000, monotonic=lambda: 5.5, sleep=slept.append)
    pace.keep(2000, started=5.0)
    assert slept == [1.5]


def test_compaction_leaves_what_is_damaged_and_notes_it(store: VolumeStore) -> None:
    for number in range(12):
        store.write(b"%d" % number, random_bytes(number))
    damage(store, content_of(store, b"4"))
    del store.expected[b"4"]
    store.delete(*(b"%d" % number for number in range(1, 12, 2)))
    store.collect()
    assert store.volume._parts.index.count(DAMAGED) == 1
    again = store.collect()
    assert (again.bytes_moved, again.packs_compacted) == (0, 0)
    store.require_sound(damaged=True)


def test_a_read_only_volume_is_read_and_nothing_is_noted(store: VolumeStore) -> None:
    for name in (b"sound", b"hurt"):
        store.write(name, random_bytes(name))
    damage(store, content_of(store, b"hurt"))
    store.volume.close()
    store.volume = Volume.open(store.store, read_only=True)
    before = store.volume._parts.index.journal_position
    for _ in range(2):
        report = scrub(store)
        assert report.checked_objects == store.volume._parts.index.count(OBJECT)
        (damaged,) = report.damaged
        assert (damaged.paths, damaged.kept) == ((b"/hurt",), "")
    assert store.volume._parts.index.journal_position == before
    assert store.volume._parts.index.count(DAMAGED) == 0
    assert list((store.store / "quarantine").iterdir()) == []
