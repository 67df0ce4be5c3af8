"""A host that runs full: versions make room for what is written, snapshots do not."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore
from tests.support.processes import run

pytestmark = [
    pytest.mark.mount,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small filesystem"),
]
HOST_MIB = 160
FILE_BYTES = 8 << 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MountedStore]:
    """A mount whose store lies on a filesystem of its own."""
    host = tmp_path / "host"
    host.mkdir()
    run(["mount", "-t", "tmpfs", "-o", f"size={HOST_MIB}m", "cairnfs-test", str(host)])
    try:
        with MountedStore(folder=host / "place") as store:
            yield store
            store.umount()
            store.require_clean()
    finally:
        run(["umount", str(host)])


def test_versions_go_before_a_write_fails_and_snapshots_stay(store: MountedStore) -> None:
    """What is written and deleted is twice what the host holds."""
    mount = store.mountpoint
    kept = os.urandom(FILE_BYTES)
    (mount / "kept").write_bytes(kept)
    store.cairnfs("snapshot", "create", "before", "--store", store.store)
    (mount / "kept").unlink()
    total = 0
    while total < 2 * HOST_MIB << 20:
        (mount / "again").write_bytes(os.urandom(FILE_BYTES))
        total += FILE_BYTES
        (mount / "again").unlink()
    versions = os.listdir(mount / ".versions" / "again")
    assert 0 < len(versions) <= 10
    newest = mount / ".versions" / "again" / max(versions)
    assert newest.stat().st_size == FILE_BYTES
    assert (mount / ".snapshots" / "before" / "kept").read_bytes() == kept
    shutil.copy(mount / ".snapshots" / "before" / "kept", mount / "kept")
    assert (mount / "kept").read_bytes() == kept
