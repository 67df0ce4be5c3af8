"""`cairnfs migrate` on a store that is mounted, and on one that is not."""

import hashlib
import os

import pytest

from lmdb_index.schema import SCHEMA_VERSION
from tests.support.mounted import mounted

pytestmark = pytest.mark.mount


def test_down_for_an_older_version_and_up_by_mounting() -> None:
    with mounted(structured=True) as store:
        at = ("--store", store.store)
        file = store.mountpoint / "projects" / "file"
        file.write_bytes(b"some bytes")
        assert len(os.listdir(store.mountpoint / "projects" / ".metadata")) == 1  # takes the hash
        assert store.document("migrate", "status", *at)["schema"] == SCHEMA_VERSION
        refused = store.cairnfs("migrate", "down", "--to", "1", *at, check=False)
        assert refused.status == 1
        assert "cairnfs umount" in refused.stderr
        store.umount()
        refused = store.cairnfs("migrate", "down", "--to", "0", *at, check=False)
        assert (refused.status, len(refused.stderr.splitlines())) == (1, 1)
        report = store.document("migrate", "down", "--to", "1", *at)
        assert (store.store / report["kept_index"] / "data.mdb").exists()
        status = store.document("migrate", "status", *at)
        assert (status["schema"], [each["done"] for each in status["migrations"]]) == (1, [False])
        store.mount()
        assert store.document("migrate", "status", *at)["schema"] == SCHEMA_VERSION
        name = hashlib.sha256(b"some bytes").hexdigest()
        found = store.mountpoint / ".cairnfs" / "by-hash" / name[:2] / name
        assert found.read_bytes() == b"some bytes"
