"""Optimizing a mounted store: beside other work, and the same answer as without a mount."""

import errno
import os

import pytest

from tests.mount.test_gc import Others, packs_size
from tests.support.mounted import mounted
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
