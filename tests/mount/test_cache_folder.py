"""cache/ in the mount: bounded, and its temp/ emptied when the store is mounted."""

import os

import pytest

from tests.support.mounted import mounted
from tests.support.waiting import wait_until

pytestmark = pytest.mark.mount
FILE_BYTES = 300_000


def test_the_least_recently_used_goes_and_nothing_else() -> None:
    with mounted(structured=True) as store:
        store.umount()
        (store.store / "cairnfs.toml").write_text('cache_quota_bytes = "1MiB"\n')
        store.mount()
        cache = store.mountpoint / "cache"
        (cache / "models").mkdir()
        for number in range(3):
            (cache / "models" / str(number)).write_bytes(os.urandom(FILE_BYTES))
        assert len((cache / "models" / "0").read_bytes()) == FILE_BYTES
        (store.mountpoint / "projects" / "large").write_bytes(os.urandom(10 * FILE_BYTES))
        (cache / "models" / "3").write_bytes(os.urandom(FILE_BYTES))
        wait_until(lambda: not (cache / "models" / "1").exists(), "nothing was evicted")
        assert sorted(os.listdir(cache / "models")) == ["0", "2", "3"]
        assert (store.mountpoint / "projects" / "large").stat().st_size == 10 * FILE_BYTES
        assert os.listdir(cache / "models" / ".versions") == []


@pytest.mark.parametrize("limit", ["cache_files_max = 3", "cache_ttl_seconds = 1"])
def test_files_and_their_age_are_bounded(limit: str) -> None:
    with mounted(structured=True) as store:
        store.umount()
        (store.store / "cairnfs.toml").write_text(f"{limit}\n")
        store.mount()
        cache = store.mountpoint / "cache"
        for number in range(6):
            (cache / str(number)).write_bytes(b"x")
        left = ["3", "4", "5", "temp"] if "files" in limit else ["temp"]
        wait_until(lambda: sorted(os.listdir(cache)) == left, "not evicted")


@pytest.mark.parametrize("killed", [False, True])
def test_temp_is_emptied_at_mount(killed: bool) -> None:
    with mounted(structured=True) as store:
        cache = store.mountpoint / "cache"
        (cache / "temp" / "deep").mkdir(parents=True)
        (cache / "temp" / "deep" / "file").write_bytes(b"for now")
        (cache / "stays").write_bytes(b"for long")
        if killed:
            store.kill_and_mount()
        else:
            store.remount()
        wait_until(lambda: os.listdir(cache / "temp") == [], "temp/ was not emptied")
        assert (cache / "stays").read_bytes() == b"for long"
