"""A repair beside normal use: what can be derived is put right, what came meanwhile stays."""

import random
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from fsmodel.errors import Busy, ReadOnly
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.repair.repairs import RepairReport
from fsmodel.steps import run_inline
from fsmodel.upkeep.findings import Part
from fsmodel.volume import Volume
from lmdb_index.schema import DIRENT, PACK, UNREFERENCED
from tests.support.damages import (
    Plant,
    Shown,
    counters_wrong,
    deletes,
    depth_wrong,
    last_inode_behind,
    pack_row_wrong,
    plant_in_rows,
    references_wrong,
    tree_wrong,
)
from tests.support.volume_store import moments_of
from tests.support.volumes import (
    NO_CACHE,
    USER,
    collect_garbage,
    damage,
    findings,
    new_file,
    noise,
    read_file,
    ref_of,
    settled_file,
)

MENDED: tuple[Plant, ...] = (
    references_wrong,
    depth_wrong,
    counters_wrong,
    last_inode_behind,
    pack_row_wrong,
    tree_wrong,
    deletes(UNREFERENCED),
    deletes(PACK),
)


def repaired(volume: Volume) -> RepairReport:
    return run_inline(volume.repair())


@pytest.mark.parametrize("plant", MENDED, ids=lambda plant: plant.__name__)
def test_what_can_be_derived_is_put_right(store: Path, shown: Shown, plant: Plant) -> None:
    plant_in_rows(store, plant, random.Random(plant.__name__))
    volume = Volume.open(store, settings=NO_CACHE)
    assert repaired(volume).findings == ()
    again = repaired(volume)
    assert (again.findings, again.repaired) == ((), ())
    collect_garbage(volume)
    shown.require(Shown(volume), hurt=False)
    assert findings(volume) == ()
    volume.close()


def write(volume: Volume) -> None:
    settled_file(volume, b"written", noise(100_000))


def delete(volume: Volume) -> None:
    volume.unlink(ROOT_INODE, b"similar 0")


def rename(volume: Volume) -> None:
    volume.make_directory(ROOT_INODE, b"made", 0o755, USER)


def keep_open(volume: Volume) -> None:
    new_file(volume, b"open", noise(70_000, seed=3))


@pytest.mark.parametrize("change", [write, delete, rename, keep_open])
@pytest.mark.parametrize("plant", [references_wrong, counters_wrong, pack_row_wrong])
def test_what_changes_meanwhile_is_counted_too(
    store: Path, plant: Plant, change: Callable[[Volume], None]
) -> None:
    plant_in_rows(store, plant, random.Random(change.__name__))
    volume = Volume.open(store, settings=NO_CACHE)
    moments = moments_of(volume.repair())
    # The check is over; what was counted then is not applied yet. A fault may have been none.
    list(islice(moments, 6))
    change(volume)
    for _ in moments:
        pass
    assert findings(volume) == ()
    volume.close()


def test_names_wait_until_nobody_uses_them(store: Path) -> None:
    plant_in_rows(store, deletes(DIRENT), random.Random(1))
    volume = Volume.open(store)
    report = repaired(volume)
    assert {finding.part for finding in report.findings} >= {Part.NAMES}
    volume.close()


def test_what_cannot_be_read_is_noted(store: Path) -> None:
    volume = Volume.open(store)
    inode = volume.lookup(ROOT_INODE, b"similar 0")
    data = read_file(volume, inode)
    damage(volume, ObjectId(ref_of(volume, inode)[1:]))
    assert {finding.part for finding in findings(volume)} == {Part.OBJECTS, Part.CONTENTS}
    (left,) = repaired(volume).findings
    assert left.part is Part.DAMAGE
    settled_file(volume, b"again", data)
    assert findings(volume) == ()
    assert read_file(volume, inode) == data
    volume.close()


def test_one_such_thing_at_a_time(store: Path) -> None:
    volume = Volume.open(store)
    running = volume.repair()
    next(running)
    with pytest.raises(Busy):
        repaired(volume)
    with pytest.raises(Busy):
        collect_garbage(volume)
    running.close()
    assert repaired(volume).clean
    volume.close()


def test_nothing_is_changed_where_nothing_may_be(store: Path) -> None:
    volume = Volume.open(store, read_only=True)
    with pytest.raises(ReadOnly):
        repaired(volume)
    volume.close()
