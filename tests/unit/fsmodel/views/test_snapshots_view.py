"""Snapshots as folders: what somebody reads there stays while he does."""

from pathlib import Path

import pytest

from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE
from fsmodel.steps import run_inline
from fsmodel.views.nodes import ViewDirectory, ViewFile
from tests.support.volume_store import VolumeStore, random_bytes
from tests.support.volumes import damage


def test_a_file_that_is_read_outlasts_its_snapshot(tmp_path: Path) -> None:
    store = VolumeStore(tmp_path)
    data = random_bytes("large", 600_000)
    store.write(b"file", data)
    run_inline(store.volume.snapshots.create(b"s"))
    store.delete(b"file")
    view = run_inline(store.volume.views.view_of(ROOT_INODE, b".snapshots"))
    assert view is not None
    top = run_inline(view.lookup(b"s"))
    assert isinstance(top, ViewDirectory)
    file = run_inline(top.lookup(b"file"))
    assert isinstance(file, ViewFile)
    for _ in range(2):
        run_inline(file.open(writing=False))
    file.close()
    run_inline(view.rmdir(b"s"))
    run_inline(store.volume.write_root())
    assert store.collect().bytes_freed < 100_000
    store.forget_cache()
    assert bytes(run_inline(file.read(0, len(data)))) == data
    file.close()
    assert store.collect().bytes_freed > 500_000
    store.require_sound()
    store.abandon()


def test_a_damaged_snapshot_is_listed_beside_the_others(tmp_path: Path) -> None:
    store = VolumeStore(tmp_path)
    for name in (b"a", b"b", b"c"):
        store.write(name, name)
        run_inline(store.volume.snapshots.create(name))
    damage(store.volume, store.volume.snapshots.find(b"b").root)
    store.forget_cache()
    view = run_inline(store.volume.views.view_of(ROOT_INODE, b".snapshots"))
    assert view is not None
    found = dict(run_inline(view.entries()))
    assert sorted(found) == [b"a", b"b", b"c"]
    for name, node in found.items():
        assert isinstance(node, ViewDirectory)
        if name != b"b":
            assert [each for each, _ in run_inline(node.entries())][-1] == name
    damaged = found[b"b"]
    assert isinstance(damaged, ViewDirectory)
    with pytest.raises(DataError):
        run_inline(damaged.attributes())
    with pytest.raises(DataError):
        run_inline(view.lookup(b"b"))
    store.abandon()
