"""A store with one of everything, made once and copied for each test."""

import shutil
from pathlib import Path

import pytest

from fsmodel.content.chunk_limits import ChunkLimits
from fsmodel.ids import ROOT_INODE
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.damages import Shown
from tests.support.filled_tree import fill_tree, put_file, write_file
from tests.support.volume_store import random_bytes
from tests.support.volumes import collect_garbage, make_store

SMALL_PACKS = VolumeSettings(pack_bytes_max=200_000)
SAMPLE_LIMITS = ChunkLimits(min_size=2048, average=8192, max_size=32768)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shown]:
    """A store with deltas, versions of files, garbage, several packs, closed; and what it shows."""
    store = make_store(tmp_path_factory.mktemp("sample") / "store", limits=SAMPLE_LIMITS)
    volume = Volume.open(store, settings=SMALL_PACKS)
    fill_tree(volume, big_bytes=300_000, hole_bytes=400_000)
    similar = random_bytes("similar", 80_000)
    for number in range(4):
        name = b"similar %d" % number
        put_file(volume, ROOT_INODE, name, similar[number * 10 :] + b"%d" % number)
    for number in range(40):
        put_file(volume, ROOT_INODE, b"small %d" % number, b"text %d " % number * 30)
    run_inline(volume.write_root())
    for number in range(0, 40, 3):
        volume.unlink(ROOT_INODE, b"small %d" % number)
    collect_garbage(volume)
    changed = volume.lookup(ROOT_INODE, b"similar 1")
    write_file(volume, changed, b"in the middle", offset=40_000)
    volume.unlink(ROOT_INODE, b"similar 2")
    for name in (b"first", b"second"):
        run_inline(volume.snapshots.create(name))
        write_file(volume, changed, name, offset=50)
    volume.close()
    volume = Volume.open(store, settings=SMALL_PACKS)
    inode = volume.lookup(ROOT_INODE, b"similar 3")
    run_inline(volume.get_xattr(inode, b"cairnfs.blake3"))
    volume.close()
    volume = Volume.open(store)
    shown = Shown(volume)
    volume.close()
    return store, shown


@pytest.fixture
def store(sample: tuple[Path, Shown], tmp_path: Path) -> Path:
    """A copy of that store."""
    return shutil.copytree(sample[0], tmp_path / "store")


@pytest.fixture
def shown(sample: tuple[Path, Shown]) -> Shown:
    """What that store shows."""
    return sample[1]
