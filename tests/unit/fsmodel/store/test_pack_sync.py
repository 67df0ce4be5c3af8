"""What is made again or repaired speaks of nothing that a loss of power could take."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fsmodel.errors import BackendError
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.repair.repair import repair_store
from fsmodel.steps import run_inline
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_sync import sync_all_packs
from lmdb_index.index import Index
from tests.support.volume_store import VolumeStore, random_bytes

Mend = Callable[[Path], object]
MENDS: dict[str, Mend] = {
    "rebuild": lambda store: rebuild_index(store, lambda done, total, text: None),
    "repair": lambda store: repair_store(store, lambda done, total, text: None),
}


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The store of a process that was killed, with a counter that is wrong."""
    store = VolumeStore(tmp_path)
    store.write(b"file", random_bytes("file"))
    run_inline(store.volume.write_root())
    with store.volume._parts.index.operation() as operation:
        operation.add("chunks", 5)
    place = store.image()
    store.abandon()
    return place


@pytest.mark.parametrize("mend", MENDS.values(), ids=MENDS)
def test_packs_are_durable_before_anything_is_committed(
    killed: Path, mend: Mend, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    at_commit: list[set[str]] = []
    fdatasync, checkpoint = os.fdatasync, Index.checkpoint

    def noted_sync(descriptor: int) -> None:
        synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        fdatasync(descriptor)

    def noted_commit(index: Index) -> None:
        at_commit.append(set(synced))
        checkpoint(index)

    monkeypatch.setattr(os, "fdatasync", noted_sync)
    monkeypatch.setattr(Index, "checkpoint", noted_commit)
    mend(killed)
    packs = {str(path) for path in (killed / "packs").rglob("*.pack")}
    assert packs
    assert at_commit
    assert all(packs <= before for before in at_commit)


def test_a_sync_that_fails_is_told(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(BackendError):
        sync_all_packs(StoreLayout(killed))
