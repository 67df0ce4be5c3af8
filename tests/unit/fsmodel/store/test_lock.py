"""The lock: one holder, named to whoever comes second, gone with its process."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from errno import EACCES, EIO, ENOLCK, ENOSPC
from pathlib import Path

import pytest

from fsmodel.errors import BackendError, NoSpace, StoreLocked
from fsmodel.store.layout import StoreLayout
from fsmodel.store.lock import StoreLock
from tests.support.descriptors import open_below
from tests.support.packs import failing

HOLD = """
import sys
from pathlib import Path
from fsmodel.store.layout import StoreLayout
from fsmodel.store.lock import StoreLock
lock = StoreLock.acquire(StoreLayout(Path(sys.argv[1])), "/the/mount")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(layout: StoreLayout) -> subprocess.Popen[str]:
    """Another process that holds the store."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(layout.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_the_second_process_is_told_who_holds_it(
    layout: StoreLayout, holder: subprocess.Popen[str]
) -> None:
    try:
        with pytest.raises(StoreLocked) as caught:
            StoreLock.acquire(layout)
    finally:
        end(holder)
    assert str(caught.value) == (
        f"store {layout.folder} is in use by process {holder.pid} (mounted at /the/mount): "
        "use it there, or unmount it with `cairnfs umount /the/mount`"
    )


def test_a_killed_holder_leaves_the_store_free(
    layout: StoreLayout, holder: subprocess.Popen[str]
) -> None:
    end(holder)
    assert b"/the/mount" in layout.lock_file.read_bytes()
    StoreLock.acquire(layout).close()


def test_a_holder_without_a_mount_is_told_by_its_pid(layout: StoreLayout) -> None:
    lock = StoreLock.acquire(layout)
    message = f"{layout.folder} is in use by process {os.getpid()}: end that"
    with pytest.raises(StoreLocked, match=re.escape(message)):
        StoreLock.acquire(layout)
    lock.close()


def test_a_released_store_can_be_taken_again(layout: StoreLayout) -> None:
    for _ in range(2):
        lock = StoreLock.acquire(layout)
        lock.close()
        lock.close()


def test_the_mount_may_be_told_later(layout: StoreLayout) -> None:
    lock = StoreLock.acquire(layout, "/a/rather/long/name/of/a/mount")
    lock.note("/mnt")
    with pytest.raises(StoreLocked, match=r"\(mounted at /mnt\)"):
        StoreLock.acquire(layout)
    lock.note(None)
    with pytest.raises(StoreLocked, match=f"process {os.getpid()}: end that"):
        StoreLock.acquire(layout)
    lock.close()


@pytest.mark.parametrize(
    ("mountpoint", "shown"),
    [
        ("/mnt/ein Weg über/日本", "/mnt/ein Weg über/日本"),
        ("/mnt/two\nlines", r"/mnt/two\nlines"),
        (os.fsdecode(b"/mnt/\xff"), r"/mnt/\udcff"),
    ],
)
def test_any_path_can_be_told(layout: StoreLayout, mountpoint: str, shown: str) -> None:
    lock = StoreLock.acquire(layout, mountpoint)
    with pytest.raises(StoreLocked, match=re.escape(f"(mounted at {shown})")):
        StoreLock.acquire(layout)
    lock.close()


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff", b"[" * 20_000, b'{"\xff": 1}', b'{"pid": ""}', b"{}"]
)
def test_whatever_the_file_says_the_answer_is_one_line(layout: StoreLayout, content: bytes) -> None:
    lock = StoreLock.acquire(layout)
    layout.lock_file.write_bytes(content)
    with pytest.raises(StoreLocked, match="in use by another process: end that"):
        StoreLock.acquire(layout)
    lock.close()


def test_stale_content_stops_nobody(layout: StoreLayout) -> None:
    layout.lock_file.write_bytes(b'{"pid": 1, "mountpoint": "/elsewhere"}')
    StoreLock.acquire(layout).close()


def test_the_refused_one_leaves_the_holders_words_alone(layout: StoreLayout) -> None:
    lock = StoreLock.acquire(layout, "/mnt")
    before = layout.lock_file.read_bytes()
    with pytest.raises(StoreLocked):
        StoreLock.acquire(layout, "/other")
    assert layout.lock_file.read_bytes() == before
    lock.close()


def test_a_full_host_does_not_keep_anybody_from_mounting(
    layout: StoreLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", failing(ENOSPC))
        lock = StoreLock.acquire(layout, "/mnt")
    with pytest.raises(StoreLocked, match="another process"):
        StoreLock.acquire(layout)
    lock.close()


@pytest.mark.parametrize(
    ("module", "call", "number", "error"),
    [
        (os, "open", EACCES, BackendError),
        (os, "open", ENOSPC, NoSpace),
        (fcntl, "flock", ENOLCK, BackendError),
        (fcntl, "flock", EIO, BackendError),
    ],
)
def test_a_host_that_fails_is_reported(
    layout: StoreLayout,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    call: str,
    number: int,
    error: type[Exception],
) -> None:
    before = len(open_below(layout.folder))
    with monkeypatch.context() as patch:
        patch.setattr(module, call, failing(number))
        with pytest.raises(error, match="lock: injected"):
            StoreLock.acquire(layout)
    assert len(open_below(layout.folder)) == before


def test_a_link_in_the_place_of_the_lock_is_refused(layout: StoreLayout, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    layout.lock_file.symlink_to(target)
    with pytest.raises(BackendError, match="lock: "):
        StoreLock.acquire(layout)
    assert target.read_bytes() == b"precious"
