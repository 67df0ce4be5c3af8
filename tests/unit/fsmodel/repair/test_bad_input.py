"""Bad input of each named kind: its range fails, the path is told, all else lives on, it heals."""

import resource
from pathlib import Path

import pytest

from fsmodel.errors import CairnError, DataError
from fsmodel.ids import ROOT_INODE
from fsmodel.repair.repair import repair_store
from fsmodel.steps import run_inline
from fsmodel.upkeep.findings import Part
from fsmodel.volume import Volume
from tests.support.bad_input import SPOILS, Spoil, decompression_bomb
from tests.support.damages import Shown
from tests.support.volumes import NO_CACHE, findings, read_file, read_range, settled_file

FOUND_BY_FSCK = {"index_past_the_end", "index_into_no_pack", "missing_base", "delta_loop"}
ROW_WRONG = FOUND_BY_FSCK | {"forged_frame", "decompression_bomb"}  # the right frame is still there


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_bad_input_costs_its_own_range(store: Path, shown: Shown, spoil: Spoil) -> None:
    volume = Volume.open(store, settings=NO_CACHE)
    inode = volume.lookup(ROOT_INODE, b"similar 3")
    data = read_file(volume, inode)
    volume.close()
    spoil(store, inode)

    volume = Volume.open(store, settings=NO_CACHE)
    assert findings(volume) or spoil.__name__ not in FOUND_BY_FSCK
    volume.open_file(inode, writing=False)
    with pytest.raises(DataError) as refused:
        read_range(volume, inode, 0, 100)
    assert isinstance(refused.value, CairnError)
    assert read_range(volume, inode, len(data) - 100, 100) == data[-100:]
    volume.close_file(inode)
    shown.require(Shown(volume), hurt=True)
    settled_file(volume, b"still writable", b"new")
    report = run_inline(volume.scrub(lambda done, total, text: None))
    assert {path for each in report.damaged for path in each.paths} == {b"/similar 3"}
    assert {finding.part for finding in findings(volume)} >= {Part.DAMAGE}
    volume.close()

    left = repair_store(store, lambda done, total, text: None).findings
    assert [finding.part for finding in left] == [Part.DAMAGE] * (spoil.__name__ not in ROW_WRONG)
    volume = Volume.open(store, settings=NO_CACHE)
    if left:
        settled_file(volume, b"from a backup", data)
    assert read_file(volume, inode) == data
    assert findings(volume) == ()
    volume.close()


def test_a_bomb_takes_no_memory(store: Path) -> None:
    volume = Volume.open(store, settings=NO_CACHE)
    inode = volume.lookup(ROOT_INODE, b"similar 3")
    volume.close()
    decompression_bomb(store, inode)
    volume = Volume.open(store, settings=NO_CACHE)
    volume.open_file(inode, writing=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError):
        read_range(volume, inode, 0, 100)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10  # KiB
    volume.close()
