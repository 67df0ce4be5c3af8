"""Metrics of a real mount, over a socket file."""

import pytest

from tests.support.metrics_page import page, samples
from tests.support.mounted import MountedStore

pytestmark = pytest.mark.mount


def test_a_mount_serves_its_metrics_and_its_health(own_store: MountedStore) -> None:
    at = own_store.folder / "metrics.sock"
    own_store.environment["CAIRNFS_METRICS_LISTEN"] = f"unix:{at}"
    own_store.remount()
    (own_store.mountpoint / "file").write_bytes(bytes(100_000))
    with pytest.raises(FileNotFoundError):
        (own_store.mountpoint / "none").stat()

    assert page(at, "/healthz") == (200, "ok\n")
    status, text = page(at, "/metrics")
    assert status == 200
    found = samples(text)
    assert found["cairnfs_files", ""] == 1
    assert found["cairnfs_written_bytes_total", ""] == 100_000
    assert found["cairnfs_operation_duration_seconds_count", "create"] == 1
    assert found["cairnfs_operation_duration_seconds_sum", "create"] > 0
    assert found["cairnfs_operations_total", ""] > 3

    report = own_store.document("report", own_store.mountpoint)
    assert [(share["name"], share["files"]) for share in report["folders"]] == [("/", 1)]

    own_store.kill_and_mount()  # the socket file of the killed daemon is replaced
    assert page(at, "/healthz") == (200, "ok\n")
    own_store.umount()
    assert not at.exists()


def test_a_place_that_is_taken_is_logged_and_the_mount_is_served(own_store: MountedStore) -> None:
    at = own_store.folder / "metrics.sock"
    at.write_text("mine")
    own_store.environment["CAIRNFS_METRICS_LISTEN"] = f"unix:{at}"
    own_store.expected_warnings.append("metrics cannot be had")
    own_store.remount()
    assert "choose another metrics_listen" in own_store.log_text()
    assert own_store.document("--store", own_store.store, "status")["errors"] == 1
    own_store.umount()
    assert at.read_text() == "mine"
