"""fsck --repair by the command line, on a store that is mounted and on one that is not."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lmdb_index.schema import INODE
from tests.support.bad_input import (
    Spoil,
    decompression_bomb,
    delta_loop,
    flipped_bit,
    forged_frame,
    index_past_the_end,
)
from tests.support.damages import (
    both_entry_rows_gone,
    deletes,
    plant_in_rows,
    references_wrong,
)
from tests.support.mounted import MountedStore, unmounted_copy

SOUND, WRONG = 0, 1
SPOILS: tuple[Spoil, ...] = (
    flipped_bit,
    index_past_the_end,
    delta_loop,
    forged_frame,
    decompression_bomb,
)

pytestmark = [
    pytest.mark.mount,
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="this machine has no /dev/fuse"),
]


def data(seed: object, size: int = 600_000) -> bytes:
    return random.Random(repr(seed)).randbytes(size)


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    """A store with a few files, unmounted."""
    with MountedStore() as store:
        for spoil in SPOILS:
            (store.mountpoint / spoil.__name__).write_bytes(data(spoil.__name__))
        (store.mountpoint / "sound").write_bytes(data("sound"))
        store.umount()
        yield store.store


@pytest.fixture
def idle(original: Path) -> Iterator[MountedStore]:
    """A copy of it for one test."""
    with unmounted_copy(original) as store:
        store.expected_warnings.append("")
        yield store


def read_at(path: Path, offset: int, size: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)


def inodes_of(store: MountedStore, *names: str) -> list[int]:
    store.mount()
    inodes = [(store.mountpoint / name).stat().st_ino for name in names]
    store.umount()
    return inodes


def test_bad_input_of_every_kind_costs_its_own_range(idle: MountedStore) -> None:
    inodes = inodes_of(idle, *(spoil.__name__ for spoil in SPOILS))
    for spoil, inode in zip(SPOILS, inodes, strict=True):
        spoil(idle.store, inode)
    idle.mount()
    for spoil in SPOILS:
        path = idle.mountpoint / spoil.__name__
        with pytest.raises(OSError, match="Input/output error"):
            read_at(path, 0, 100)
        tail = data(spoil.__name__)[-4096:]
        assert read_at(path, 600_000 - 4096, 4096) == tail
    assert (idle.mountpoint / "sound").read_bytes() == data("sound")
    (idle.mountpoint / "new").write_bytes(b"still writable")
    scrubbed = idle.cairnfs("scrub", idle.mountpoint, check=False)
    assert scrubbed.status == WRONG
    assert all(f"needed by /{spoil.__name__}" in scrubbed.stdout for spoil in SPOILS)
    idle.umount()
    repaired = idle.cairnfs("--store", idle.store, "fsck", "--repair", check=False)
    assert repaired.status == WRONG, "the flipped bit is lost"
    assert "needed by /flipped_bit" in repaired.stdout and "write the files" in repaired.stdout
    idle.mount()
    for spoil in SPOILS:
        if spoil is not flipped_bit:
            assert (idle.mountpoint / spoil.__name__).read_bytes() == data(spoil.__name__)
    (idle.mountpoint / "from a backup").write_bytes(data("flipped_bit"))
    idle.umount()
    idle.mount()
    assert (idle.mountpoint / "flipped_bit").read_bytes() == data("flipped_bit")
    idle.umount()
    idle.require_clean()


def test_a_missing_pack_is_told_of_and_the_rest_lives_on(idle: MountedStore) -> None:
    idle.mount()
    (idle.mountpoint / "later").write_bytes(data("later"))
    idle.umount()
    packs = sorted(idle.store.glob("packs/*/*.pack"), key=lambda path: path.stem)
    gone = max(packs, key=lambda path: path.stat().st_size)
    shutil.move(gone, idle.folder / "gone")
    idle.mount()
    assert (idle.mountpoint / "later").read_bytes() == data("later")
    with pytest.raises(OSError, match="Input/output error"):
        (idle.mountpoint / "sound").read_bytes()
    (idle.mountpoint / "sound").write_bytes(data("other"))
    assert (idle.mountpoint / "sound").read_bytes() == data("other")
    idle.umount()
    found = idle.cairnfs("--store", idle.store, "fsck", check=False)
    assert found.status == WRONG and "its pack is missing" in found.stdout
    assert len(found.stdout.splitlines()) < 40, "one line for a pack, not one for each object"
    idle.cairnfs("--store", idle.store, "fsck", "--repair", check=False)
    shutil.move(idle.folder / "gone", gone)
    idle.cairnfs("--store", idle.store, "fsck", "--repair")  # it can be read again
    idle.mount()
    assert (idle.mountpoint / "flipped_bit").read_bytes() == data("flipped_bit")
    idle.umount()
    idle.require_clean()


@pytest.mark.parametrize("plant", [references_wrong, both_entry_rows_gone, deletes(INODE)])
def test_what_is_wrong_in_the_index_is_put_right(
    idle: MountedStore, plant: Callable[..., None]
) -> None:
    plant_in_rows(idle.store, plant, random.Random(plant.__name__))
    found = idle.cairnfs("--store", idle.store, "fsck", check=False)
    assert found.status == WRONG and "run cairnfs fsck --repair" in found.stdout
    idle.mount()
    mounted = idle.cairnfs("--store", idle.store, "fsck", "--repair", check=False)
    assert "repaired: " in mounted.stdout
    if plant is references_wrong:
        assert mounted.status == SOUND, mounted
    else:
        assert mounted.status == WRONG and "needs cairnfs umount first" in mounted.stdout
    idle.umount()
    report = idle.document("--store", idle.store, "fsck", "--repair")
    assert (report["clean"], report["findings"], report["mounted"]) == (True, [], False)
    assert idle.document("--store", idle.store, "fsck", "--repair")["repaired"] == []
    idle.mount()
    held = {path.read_bytes() for path in idle.mountpoint.rglob("*") if path.is_file()}
    assert held >= {data(spoil.__name__) for spoil in SPOILS} | {data("sound")}
    idle.umount()
    idle.require_clean()


def test_a_broken_index_and_journal_are_made_again(idle: MountedStore) -> None:
    (segment,) = (idle.store / "journal").iterdir()
    segment.write_bytes(b"no journal")
    index = idle.store / "index" / "data.mdb"
    index.write_bytes(index.read_bytes()[:5000])
    refused = idle.cairnfs("mount", idle.store, idle.mountpoint, check=False)
    assert refused.status == WRONG and len(refused.stderr.splitlines()) == 1
    repaired = idle.cairnfs("--store", idle.store, "fsck", "--repair")
    assert "made again from the packs" in repaired.stdout
    assert "set aside: quarantine/" in repaired.stdout
    idle.mount()
    assert (idle.mountpoint / "sound").read_bytes() == data("sound")
    idle.umount()
    idle.require_clean()
