"""Optimizing a mounted store: beside other work, and the same answer as without a mount."""

import pytest

from tests.mount.test_gc import Others, packs_size
from tests.support.mounted import mounted
from tests.support.prose import edited, prose

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
