"""`cairnfs top` on a real mount: for scripts, in a pipe and on a terminal, and how it ends."""

import os
import pty
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.mounted import COMMAND, MountedStore, mounted

pytestmark = pytest.mark.mount

INTERVAL = ("--interval", "0.05")
SCREEN_BEGINS, SCREEN_ENDS = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted() as store:
        (store.mountpoint / "file").write_bytes(b"x" * 5000)
        yield store
        store.require_silence()


def top(store: MountedStore, output: int, term: str = "xterm") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, "top", *INTERVAL, str(store.mountpoint)],
        stdout=output,
        stderr=subprocess.PIPE,
        env={**os.environ, **store.environment, "TERM": term},
    )


def test_one_document_for_scripts(store: MountedStore) -> None:
    rates = store.document("top", *INTERVAL, store.mountpoint)
    assert rates["store"] == str(store.store)
    assert rates["figures"]["written_bytes"] == 5000
    assert rates["seconds"] > 0.04


def test_once_and_plain(store: MountedStore) -> None:
    out = store.cairnfs("top", "--once", *INTERVAL, store.mountpoint).stdout
    assert out.splitlines()[0].startswith(f"{store.store} at {store.mountpoint}")
    assert "in 1 files" in out
    assert "\x1b" not in out


def test_in_a_pipe_views_follow_each_other_until_ctrl_c(store: MountedStore) -> None:
    with top(store, subprocess.PIPE) as process:
        assert process.stdout is not None
        read = [process.stdout.readline() for _ in range(40)]
        process.send_signal(signal.SIGINT)
        rest, error = process.communicate()
    assert sum(line.startswith(b"request ") for line in read) >= 2
    assert b"\x1b" not in b"".join(read) + rest
    assert (process.returncode, error) == (0, b"")


def test_on_a_terminal_the_screen_is_given_back(store: MountedStore) -> None:
    ours, theirs = pty.openpty()
    with top(store, theirs) as process:
        os.close(theirs)
        seen = b""
        while b"throughput" not in seen:  # the test's own limit ends it
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        while SCREEN_ENDS not in seen:
            seen += os.read(ours, 4096)
        _, error = process.communicate()
    os.close(ours)
    assert SCREEN_BEGINS in seen
    assert (process.returncode, error) == (0, b"")


def test_a_terminal_that_can_do_nothing_gets_plain_lines(store: MountedStore) -> None:
    ours, theirs = pty.openpty()
    with top(store, theirs, "dumb") as process:
        os.close(theirs)
        seen = b""
        while seen.count(b"throughput") < 2:  # the test's own limit ends it
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        process.communicate()
    os.close(ours)
    assert b"\x1b" not in seen
    assert process.returncode == 0


def test_a_daemon_that_ends_is_told_in_one_line(store: MountedStore) -> None:
    with top(store, subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        store.umount()
        _, error = process.communicate()
    assert process.returncode == 1
    assert error.count(b"\n") == 1
    assert b"ended before it answered" in error
    result = store.cairnfs("--store", store.store, "top", "--once", check=False)
    assert result.status == 1
    assert "is not mounted: there is nothing to watch" in result.stderr
    store.mount()
