"""LMDB's file cut and garbled: noticed before LMDB trips over it, and made again from the packs."""

import json
import random
import stat
import sys
from pathlib import Path
from typing import Final

import pytest

from fsmodel.errors import CairnError
from fsmodel.ids import ROOT_INODE
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.garbled_index import garble
from tests.support.long_runs import Count
from tests.support.processes import PROJECT, run
from tests.support.volume_view import view_of
from tests.support.volumes import USER, findings, noise

FEW: Final = 80
MANY: Final = pytest.param(5000, marks=[pytest.mark.crash, pytest.mark.timeout(3600)])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Files in folders, some of which are packed rows."""
    place = tmp_path / "store"
    Volume.create(place, plain=True)
    volume = Volume.open(place)
    for number in range(8):
        folder = volume.make_directory(ROOT_INODE, b"d%d" % number, 0o755, USER)
        for name in range(40):
            inode = volume.make_node(folder, b"f%d" % name, stat.S_IFREG | 0o644, 0, USER)
            if name % 10 == 0:
                volume.open_file(inode, writing=True)
                volume.write(inode, 0, noise(500, 100 * number + name))
                run_inline(volume.contents.settle(inode))
                volume.close_file(inode)
    volume.close()
    return place


def garbled(store: Path, times: int, seed: int, *, planted: str = "") -> dict[str, int]:
    """What garbled_index.py finds, also with a fault planted in the product."""
    module = "tests.support.garbled_index"
    modules = ["tests.support.planted_faults", planted, module] if planted else [module]
    words = [sys.executable, "-m", *modules, str(store), str(times), str(seed)]
    found = run(words, env={"PYTHONPATH": str(PROJECT)}, timeout=3600).stdout
    return dict(json.loads(found))


def test_an_index_that_nobody_checks_is_noticed(store: Path) -> None:
    found = garbled(store, FEW, 1, planted="no_index_check")
    assert set(found) - {"right", "refused", "an error"}


@pytest.mark.parametrize("times", [FEW, MANY])
def test_garbled_bytes_are_never_shown_and_never_end_the_process(
    store: Path, times: int, seed_base: int, count: Count
) -> None:
    found = garbled(store, times, seed_base + 1)
    assert set(found) <= {"right", "refused", "an error"}
    assert found["refused"] > times // 4
    for end, number in found.items():
        count("garbled indexes", end, number)


def test_whatever_is_left_of_it_the_index_is_made_again(store: Path) -> None:
    volume = Volume.open(store, dry=True)
    expected = view_of(volume)
    volume.close()
    data, dice, refused = store / "index" / "data.mdb", random.Random(2), 0
    for _ in range(6):
        data.write_bytes(garble(data.read_bytes(), dice))
        try:
            Volume.open(store, dry=True, thorough=True).close()
        except CairnError as error:
            refused += "rebuild-index" in str(error)
        rebuild_index(store, lambda done, total, text: None)
        again = Volume.open(store)
        assert view_of(again) == expected
        assert findings(again) == ()
        again.close()
    assert refused
