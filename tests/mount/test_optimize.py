"""Optimizing a mounted store: beside other work, and the same answer as without a mount."""

import errno
import os
import time

import pytest

from tests.mount.test_gc import Others, packs_size
from tests.support.mounted import MountedStore, mounted
from tests.support.processes import run
from tests.support.prose import edited, prose, records
from tests.support.syscalls import refused

pytestmark = pytest.mark.mount


def test_a_mounted_store_becomes_smaller_beside_other_work() -> None:
    with mounted() as store:
        kept: dict[str, bytes] = {}
        for text in range(3):
            data = prose(text, 15_000)
            for version in range(4):
                name = f"v{version}-{text}.txt"
                (store.mountpoint / name).write_bytes(data)
                kept[name], data = data, edited(data, (text, version))
        store.cairnfs("gc", store.mountpoint)
        before = packs_size(store)
        found = store.document("optimize", "analyze", store.mountpoint)
        assert found["codecs"]["delta"]["objects"] > 0
        with Others(store.mountpoint, kept).at_work() as others:
            asked = ("optimize", "run", store.mountpoint, "--strategy", "archival")
            (result,) = store.document(*asked)["results"]
        assert others.failures == []
        assert result["saved_bytes"] > before / 10
        for name, data in kept.items():
            assert (store.mountpoint / name).read_bytes() == data
        assert store.cairnfs("fsck", store.mountpoint).status == 0


@pytest.mark.parametrize("when", ["idle", "stop"])
def test_what_was_written_is_archived_by_itself(when: str) -> None:
    with mounted() as store:
        settings = {"idle": "ARCHIVE_IDLE_SECONDS", "stop": "ARCHIVE_STOP_SECONDS"}
        store.environment[f"CAIRNFS_{settings[when]}"] = {"idle": "1", "stop": "60"}[when]
        store.remount()
        kept = {f"{number}.txt": prose(number, 400_000) for number in range(16)}
        for name, data in kept.items():
            (store.mountpoint / name).write_bytes(data)
        stored = store.stats()["stored_bytes"]
        if when == "stop":
            store.remount()
        deadline = time.monotonic() + 100
        while store.stats()["stored_bytes"] >= stored and time.monotonic() < deadline:
            time.sleep(0.2)
        assert archived(store) >= len(kept)
        for name, data in kept.items():
            assert (store.mountpoint / name).read_bytes() == data
        store.require_clean()


def test_a_store_that_is_archived_at_its_stop_can_be_mounted_at_once() -> None:
    """After umount(8), which does not wait for the daemon as `cairnfs umount` does."""
    with mounted() as store:
        store.environment["CAIRNFS_ARCHIVE_STOP_SECONDS"] = "300"
        store.remount()
        kept = {f"{number}.txt": prose(number, 900_000) for number in range(16)}
        for name, data in kept.items():
            (store.mountpoint / name).write_bytes(data)
        run(["umount", str(store.mountpoint)])
        assert not store.document("status", "--store", store.store)["mounted"]
        store.mount()
        for name, data in kept.items():
            assert (store.mountpoint / name).read_bytes() == data
        run(["umount", str(store.mountpoint)])
        assert store.cairnfs("rebuild-index", store.store).status == 0
        store.mount()


def archived(store: MountedStore) -> int:
    """How many objects lie in groups; a few of them are trees."""
    codecs = store.document("optimize", "analyze", store.mountpoint)["codecs"]
    return int(codecs.get("group", {"objects": 0})["objects"])


def test_a_folder_says_how_hard_it_is_compressed() -> None:
    with mounted() as store:
        for name, level in (("usual", b"default"), ("hard", b"19"), ("plain", b"none")):
            folder = store.mountpoint / name / "below"
            folder.mkdir(parents=True)
            os.setxattr(folder.parent, "cairnfs.compression", level)
            assert os.getxattr(folder.parent, "cairnfs.compression") == level
            assert os.listxattr(folder.parent) == []
            (folder / "file").write_bytes(records(name))
        sizes = [
            int(os.getxattr(store.mountpoint / name / "below" / "file", "cairnfs.stored_size"))
            for name in ("hard", "usual", "plain")
        ]
        assert sizes[0] < 0.9 * sizes[1] < 0.5 * sizes[2]
        with refused(errno.EINVAL):
            os.setxattr(store.mountpoint / "usual", "cairnfs.compression", b"best")
        with refused(errno.EOPNOTSUPP):
            os.setxattr(store.mountpoint / "usual/below/file", "cairnfs.compression", b"9")
