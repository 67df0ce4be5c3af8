"""A changed configuration, without a remount: by command and by SIGHUP."""

import signal
import time
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore, mounted
from tests.support.proc_mounts import mount_at

pytestmark = pytest.mark.mount


def test_a_daemon_takes_over_what_can_change_and_refuses_a_bad_file() -> None:
    with mounted() as store:
        config = store.store / "cairnfs.toml"
        config.write_text('cache_bytes = "8MiB"\nsymlinks = "contained"\n')
        pid = str(store.document("status", store.mountpoint)["pid"])
        answer = store.document("reload", "--pid", pid)
        assert answer["changed"] == {"cache_bytes": {"old": 64 << 20, "new": 8 << 20}}
        assert answer["next_mount"] == ["symlinks"]

        refuse(store, config, 'cache_bytes = "many"\n', "cache_bytes = 'many'")
        refuse(store, config, "cache_bytes = [\n", "no valid TOML")
        assert store.is_alive

        config.write_text('cache_bytes = "16MiB"\n')
        store.daemon.kill(signal.SIGHUP)
        while "cache_bytes = 16777216" not in store.log_text():  # the test's own limit ends it
            time.sleep(0.05)
        assert store.document("reload", store.mountpoint) == {"changed": {}, "next_mount": []}
        (store.mountpoint / "still").write_text("here")
        config.unlink()
        refused = store.cairnfs("reload", "--pid", "1", check=False)
        assert (refused.status, "process 1 serves no mount" in refused.stderr) == (1, True)


def test_what_a_killed_daemon_left_is_cleared_wherever_it_is() -> None:
    with mounted() as store:
        store.cairnfs("umount", "--stale")
        assert store.is_alive
        store.kill()
        assert mount_at(store.mountpoint) is not None
        store.cairnfs("umount", "--stale")
        assert mount_at(store.mountpoint) is None


def refuse(store: MountedStore, config: Path, text: str, reason: str) -> None:
    """Let a bad file be told in one line, and logged."""
    config.write_text(text)
    store.expected_warnings.append("configuration not reloaded")
    result = store.cairnfs("reload", store.mountpoint, check=False)
    assert result.status == 1
    assert reason in result.stderr
    assert str(config) in result.stderr
    assert len(result.stderr.splitlines()) == 1
