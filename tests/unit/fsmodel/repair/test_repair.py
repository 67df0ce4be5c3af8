"""Faults of every kind are planted: fsck finds them, repairs them, and finds nothing the next time.

What was not damaged still has its bytes, and nobody is ever given wrong ones.
"""

import json
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fsmodel.content.content_ref import is_manifest
from fsmodel.errors import DataError, NotFound, StoreDamaged
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.rebuild import bulk
from fsmodel.repair import derived
from fsmodel.repair.repair import repair_store
from fsmodel.repair.repairs import RepairReport
from fsmodel.steps import run_inline
from fsmodel.store.format_file import read_format
from fsmodel.store.layout import StoreLayout
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.volume import Volume
from lmdb_index.index import Index
from lmdb_index.keys import named_key, pair_key
from lmdb_index.operation import Operation
from lmdb_index.records import DirentRecord
from lmdb_index.schema import (
    DIRENT,
    DIRENT_ORDER,
    META,
    PACKED_DATABASE,
    SNAPSHOT,
    TABLES,
    Table,
)
from lmdb_index.values import CODECS
from tests.support.damages import (
    IN_PACKS,
    IN_ROWS,
    Dice,
    Plant,
    Shown,
    both_entry_rows_gone,
    counters_wrong,
    garble_row,
    plant_in_rows,
)
from tests.support.index_store import flip_bit, records_in
from tests.support.power import Disk
from tests.support.volumes import (
    NO_CACHE,
    collect_garbage,
    damage,
    findings,
    parts_of,
    read_file,
    ref_of,
    settled_file,
)


def seeds(few: int) -> list[Any]:
    """So many seeds for the suite, and five times as many more for `make crash`."""
    return [
        *range(few),
        *(pytest.param(seed, marks=pytest.mark.crash) for seed in range(few, 6 * few)),
    ]


def sync(volume: Volume) -> None:
    """As fsync does it."""
    volume.durability.note_synced(volume.durability.sync())


def repaired(store: Path) -> RepairReport:
    return repair_store(store, lambda done, total, text: None)


def checked(store: Path) -> tuple[Finding, ...]:
    """What fsck finds in a closed store, changing nothing."""
    volume = Volume.open(store, dry=True)
    try:
        return run_inline(volume.fsck()).findings
    finally:
        volume.close()


def require_repaired(store: Path, shown: Shown, *, hurt: bool = False, lost: int = 0) -> None:
    """A repair leaves known damage at most, the next one has nothing to do, files are whole."""
    left = repaired(store).findings
    assert all(finding.part is Part.DAMAGE for finding in left), left
    assert bool(left) <= hurt
    assert checked(store) == left
    again = repaired(store)
    assert (again.findings, again.repaired) == (left, ())
    volume = Volume.open(store)
    try:
        shown.require(Shown(volume), hurt=hurt, lost=lost)
        if not hurt:
            assert run_inline(volume.fsck()).findings == ()
    finally:
        volume.close()
    assert all(finding.part is Part.DAMAGE for finding in checked(store))


def test_a_sound_store_needs_no_repair(store: Path, shown: Shown) -> None:
    assert checked(store) == ()
    report = repaired(store)
    assert (report.findings, report.repaired, report.set_aside) == ((), (), ())
    require_repaired(store, shown)


@pytest.mark.parametrize("plant", IN_ROWS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("seed", seeds(1))
def test_a_fault_in_rows_is_repaired(store: Path, shown: Shown, plant: Plant, seed: int) -> None:
    plant_in_rows(store, plant, random.Random(f"{plant.__name__} {seed}"))
    require_repaired(store, shown, lost=2)


@pytest.mark.parametrize(
    "table", [each for each in TABLES if each is not META], ids=lambda each: each.name
)
@pytest.mark.parametrize("seed", seeds(1))
def test_a_garbled_row_is_repaired(store: Path, shown: Shown, table: Table[Any], seed: int) -> None:
    if garble_row(store, table, random.Random(f"{table.name!r} {seed}")):
        assert any(finding.part is Part.INDEX for finding in checked(store))
        require_repaired(store, shown, lost=0)


@pytest.mark.parametrize("damage", IN_PACKS)
@pytest.mark.parametrize("seed", seeds(3))
def test_damaged_packs_cost_what_was_in_them(
    store: Path, shown: Shown, damage: Callable[[Path, Dice], None], seed: int
) -> None:
    damage(store, random.Random(f"{damage.__name__} {seed}"))
    require_repaired(store, shown, hurt=True)


@pytest.mark.parametrize("seed", seeds(8))
def test_many_faults_at_once_are_repaired(store: Path, shown: Shown, seed: int) -> None:
    dice = random.Random(seed)
    for plant in dice.choices(IN_ROWS, k=dice.randrange(2, 6)):
        plant_in_rows(store, plant, dice)
    for table in dice.choices([each for each in TABLES if each is not META], k=2):
        garble_row(store, table, dice)
    if dice.random() < 0.5:
        dice.choice(IN_PACKS)(store, dice)
    require_repaired(store, shown, hurt=True, lost=14)


@pytest.mark.parametrize("plant", IN_ROWS, ids=lambda plant: plant.__name__)
def test_a_kill_at_any_operation_of_a_repair_is_made_good_by_the_next(
    store: Path, shown: Shown, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(plant.__name__)
    for each in (plant, dice.choice(IN_ROWS), dice.choice(IN_ROWS)):
        plant_in_rows(store, each, dice)
    for mutations in (1, 3, dice.randrange(4, 30)):
        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            patch.setattr(bulk, "OPERATION_MUTATIONS", 2)
            patch.setattr(derived, "BATCH", 1)
            patch.setattr(Operation, "__enter__", _killing(mutations))
            repaired(store)
    require_repaired(store, shown, lost=6)


def _killing(after: int) -> Callable[[Operation], Operation]:
    """A kill instead of an operation, after so many."""
    count = iter(range(after))
    enter = Operation.__enter__

    def entered(operation: Operation) -> Operation:
        if next(count, None) is None:
            raise KeyboardInterrupt
        return enter(operation)

    return entered


def test_what_has_no_name_is_in_lost_and_found(store: Path) -> None:
    def plant(index: Index, operation: Operation, dice: Dice) -> None:
        for name in (b"similar 0", b"one"):
            row = index.get(DIRENT, named_key(ROOT_INODE, name))
            assert row is not None
            operation.delete(DIRENT, named_key(ROOT_INODE, name))
            operation.delete(DIRENT_ORDER, pair_key(ROOT_INODE, row.cookie))

    volume = Volume.open(store)
    similar, one = (volume.lookup(ROOT_INODE, name) for name in (b"similar 0", b"one"))
    data = read_file(volume, similar)
    below = volume.lookup(one, b"small")
    volume.close()
    plant_in_rows(store, plant, random.Random())
    found = {finding.text for finding in checked(store)}
    assert f"inode {similar} remembers a name in directory 1 it lacks" in found
    repaired(store)
    volume = Volume.open(store)
    folder = volume.lookup(ROOT_INODE, b"lost+found")
    record, _ = volume.attributes(folder)
    assert record.mode == 0o40700
    assert volume.lookup(folder, b"#%d" % similar) == similar
    assert read_file(volume, similar) == data
    assert volume.lookup(volume.lookup(folder, b"#%d" % one), b"small") == below
    assert findings(volume) == ()
    volume.close()


def test_removed_rows_can_be_put_back(store: Path) -> None:
    """What a repair takes out is in quarantine/, as it was."""
    removed = DirentRecord(4_000, 99, 8)

    def plant(index: Index, operation: Operation, dice: Dice) -> None:
        operation.put(DIRENT, named_key(ROOT_INODE, b"surplus"), removed)

    plant_in_rows(store, plant, random.Random())
    (place,) = repaired(store).set_aside
    (line,) = map(json.loads, (store / place).read_text().splitlines())
    key = bytes.fromhex(line["key"])
    assert (line["table"], key) == ("dirent", named_key(ROOT_INODE, b"surplus"))
    assert CODECS[DIRENT.number].unseal(key, bytes.fromhex(line["value"])) == removed


@pytest.mark.parametrize("mutations", [1, 5_000])
def test_removed_rows_are_durable_before_the_index_lacks_them(
    store: Path, monkeypatch: pytest.MonkeyPatch, mutations: int
) -> None:
    """Else a loss of power could leave them nowhere."""

    def plant(index: Index, operation: Operation, dice: Dice) -> None:
        for name in (b"first", b"second", b"third"):
            operation.put(DIRENT, named_key(ROOT_INODE, name), DirentRecord(4_000, 99, 8))

    plant_in_rows(store, plant, random.Random())
    disk, commits = Disk(), list[int]()
    checkpoint = Index.checkpoint

    def checked(index: Index) -> None:
        for kept in (store / "quarantine").glob("rows-*"):
            assert disk.is_durable(kept)
            commits.append(kept.stat().st_size)
        checkpoint(index)

    monkeypatch.setattr(bulk, "OPERATION_MUTATIONS", mutations)
    monkeypatch.setattr(Index, "needs_checkpoint", True)
    monkeypatch.setattr(Index, "checkpoint", checked)
    with disk.watched():
        assert repaired(store).findings == ()
    assert commits and all(commits)


def test_a_broken_index_is_made_again(store: Path, shown: Shown) -> None:
    data = store / "index" / "data.mdb"
    block = bytearray(data.read_bytes())
    for at in range(4096 * 2, len(block), 4096):
        block[at + 8 : at + 40] = b"\xee" * 32
    data.write_bytes(block)
    with pytest.raises(StoreDamaged):
        Volume.open(store, dry=True, thorough=True)
    report = repaired(store)
    assert (report.findings, len(report.set_aside)) == ((), 2)
    assert "made again from the packs" in report.repaired[0].text
    require_repaired(store, shown)


def test_an_index_that_is_gone_is_made_again(store: Path, shown: Shown) -> None:
    shutil.rmtree(store / "index")
    assert repaired(store).findings == ()
    require_repaired(store, shown)


def test_a_damaged_journal_costs_what_stands_behind_the_damage(store: Path, tmp_path: Path) -> None:
    volume = Volume.open(store)
    names = [b"new %d" % number for number in range(5)]
    uuid = read_format(StoreLayout(store)).uuid.bytes
    ends = []
    for name in names:
        settled_file(volume, name, name * 100)
        segment = next((store / "journal").glob("*.wal"))
        ends.append(records_in(segment, uuid)[-1].end)
        sync(volume)
    shutil.copytree(store, copy := tmp_path / "killed")
    parts_of(volume).close()
    (segment,) = (copy / "journal").glob("*.wal")
    flip_bit(segment, 8 * ends[2] - 1)
    with pytest.raises(StoreDamaged, match="fsck --repair"):
        Volume.open(copy)
    report = repaired(copy)
    assert report.findings == ()
    assert report.repaired[0].part is Part.JOURNAL
    volume = Volume.open(copy)
    for name in names[:2]:
        assert read_file(volume, volume.lookup(ROOT_INODE, name)) == name * 100
    with pytest.raises(NotFound):
        volume.lookup(ROOT_INODE, names[3])
    assert findings(volume) == ()
    volume.close()


def test_known_damage_is_told_and_ends_when_the_bytes_are_written_again(store: Path) -> None:
    volume = Volume.open(store)
    inode = volume.lookup(ROOT_INODE, b"similar 0")
    data = read_file(volume, inode)
    manifest = ref_of(volume, inode)
    assert is_manifest(manifest)
    damage(volume, ObjectId(manifest[1:]))
    volume.close()
    (left,) = repaired(store).findings
    assert left.part is Part.DAMAGE
    assert "needed by /similar 0" in left.details
    volume = Volume.open(store)
    assert findings(volume) == (left,)
    with pytest.raises(DataError):
        read_file(volume, inode)
    settled_file(volume, b"from a backup", data)
    assert findings(volume) == ()
    assert read_file(volume, inode) == data
    volume.close()
    assert checked(store) == ()


def test_damaged_lists_of_deleted_files_are_forgotten(store: Path) -> None:
    """Collection cannot know what they name, so it keeps them; counting again can."""
    volume = Volume.open(store)
    inode = volume.lookup(ROOT_INODE, b"similar 0")
    damage(volume, ObjectId(ref_of(volume, inode)[1:]))
    volume.close()
    assert repaired(store).findings != ()
    volume = Volume.open(store, settings=NO_CACHE)
    for name in (b"first", b"second"):
        volume.snapshots.delete(name)
    volume.unlink(ROOT_INODE, b"similar 0")
    collect_garbage(volume)
    assert findings(volume) != ()
    volume.close()
    assert repaired(store).findings == ()
    volume = Volume.open(store)
    collect_garbage(volume)
    assert findings(volume) == ()
    volume.close()


def test_a_lost_list_that_heals_gives_its_chunks_their_references(store: Path) -> None:
    volume = Volume.open(store)
    inode = volume.lookup(ROOT_INODE, b"similar 0")
    data = read_file(volume, inode)
    manifest = ObjectId(ref_of(volume, inode)[1:])
    damage(volume, manifest)
    volume.close()
    shutil.rmtree(store / "index")
    assert all(each.part is Part.DAMAGE for each in repaired(store).findings)
    volume = Volume.open(store)
    settled_file(volume, b"again", data)
    collect_garbage(volume)
    assert findings(volume) == ()
    assert read_file(volume, inode) == data
    volume.close()


def test_a_snapshot_is_kept_when_names_are_repaired_too(store: Path, shown: Shown) -> None:
    """Its garbled row is made again from the last root, whatever else is wrong."""
    dice = random.Random(3)
    assert garble_row(store, SNAPSHOT, dice)
    plant_in_rows(store, both_entry_rows_gone, dice)
    require_repaired(store, shown)


def test_a_snapshot_is_kept_though_a_root_is_due(store: Path, tmp_path: Path) -> None:
    """As after a kill: the last root shows less than there is, and tells of all snapshots."""
    volume = Volume.open(store)
    before = volume.snapshots.all()
    settled_file(volume, b"since the last root", b"bytes")
    volume.checkpoint()
    assert volume.root_is_due
    parts_of(volume).close()
    assert garble_row(store, SNAPSHOT, random.Random(3))
    assert repaired(store).findings == ()
    volume = Volume.open(store)
    assert volume.snapshots.all() == before
    collect_garbage(volume)
    assert findings(volume) == ()
    assert volume.snapshots.all() == before
    volume.close()


@pytest.mark.parametrize("is_due", [True, False])
def test_a_snapshot_that_was_deleted_stays_so(store: Path, *, is_due: bool) -> None:
    """The last root still tells of it."""
    volume = Volume.open(store)
    volume.snapshots.delete(b"first")
    if not is_due:
        run_inline(volume.write_root())
    volume.checkpoint()
    parts_of(volume).close()
    plant_in_rows(store, counters_wrong, random.Random(1))
    assert repaired(store).repaired
    volume = Volume.open(store)
    assert b"first" not in [each.name for each in volume.snapshots.all()]
    volume.close()


def test_damaged_blocks_of_packed_rows_have_the_index_made_again(store: Path, shown: Shown) -> None:
    index = Index.open(store, read_format(StoreLayout(store)).uuid.bytes)
    current = index._current
    blocks = current.databases[PACKED_DATABASE]
    keys = [key for key, _ in current.transaction.cursor(blocks) if len(key) > 1]
    assert keys, "a store that is closed is packed"
    place = random.Random(1).choice(keys)
    value = bytearray(current.transaction.get(place, b"", blocks))
    value[len(value) // 2] ^= 1
    current.transaction.put(place, bytes(value), db=blocks)
    with index.operation() as operation:
        operation.add("files", 1)
        operation.add("inodes", 1)
    index.checkpoint()
    index.close()
    assert any(finding.part is Part.INDEX for finding in checked(store))
    report = repaired(store)
    assert any("made again from the packs" in each.text for each in report.repaired)
    require_repaired(store, shown)
