"""A scrub that a kill cuts short is gone on with when the store is mounted again."""

import os
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.support.mounted import mounted

pytestmark = pytest.mark.mount
PATIENCE_SECONDS = 60.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_job_survives_a_kill_and_is_cancelled() -> None:
    with mounted() as store:
        at = ("--store", store.store)
        store.umount()
        (store.store / "cairnfs.toml").write_text('scrub_bytes_per_second = "64KiB"\n')
        store.mount()
        for number in range(8):
            (store.mountpoint / str(number)).write_bytes(os.urandom(1 << 20))
        command = [*store._command, "--store", str(store.store), "scrub"]
        environment = {**os.environ, **store.environment}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as scrub:
            wait_until(lambda: bool(store.ask("jobs-list")["jobs"]), "no job is shown")
            (job,) = store.document("jobs", "list", *at)["jobs"]
            assert (job["command"], job["state"]) == ("scrub", "running")
            store.kill()
            scrub.wait(PATIENCE_SECONDS)
        assert store.document("jobs", "list", *at)["jobs"][0]["state"] == "waiting"
        store.mount()
        wait_until(
            lambda: store.ask("jobs-list")["jobs"][0]["state"] == "running",
            "nobody goes on with the job",
        )
        refused = store.cairnfs("jobs", "resume", str(job["number"]), *at, check=False)
        assert refused.status == 1
        store.cairnfs("jobs", "cancel", str(job["number"]), *at)
        wait_until(lambda: store.ask("jobs-list")["jobs"] == [], "it goes on")
        refused = store.cairnfs("jobs", "cancel", "77", *at, check=False)
        assert (refused.status, len(refused.stderr.splitlines())) == (1, 1)
        store.expected_warnings.append("was cancelled")
