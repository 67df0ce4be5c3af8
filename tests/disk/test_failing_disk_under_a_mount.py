"""A disk that fails under a mount: what is refused, what goes on, what is told, the way back."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from daemon.control_protocol import encode_request
from daemon.control_socket import connect
from fsmodel.content.contents import LOGGED_FEW_BYTES
from tests.support.host_layer.faults import ANY_CALL, CALLS
from tests.support.host_layer.library import layer_library
from tests.support.metrics_page import page, samples
from tests.support.mounted import MountedStore
from tests.support.syscalls import errno_of, refused
from tests.support.volumes import noise

pytestmark = [
    pytest.mark.mount,
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="this machine has no /dev/fuse"),
]
FOR_EVER: Final = 1 << 30


class FailingStore(MountedStore):
    """A mount on the layer. Calls fail while `switch` exists."""

    def __init__(self, call: int, number: int, part: str = "") -> None:
        """`part` of the store is on the disk that fails; by default all of it."""
        super().__init__()
        self.root = self.store / part
        self.switch = self.folder / "failing"
        self.fault = f"{call}:1:{number}:{FOR_EVER}"

    def mount_on_layer(self) -> None:
        """Mount again, with the layer under the daemon."""
        self.umount()
        usual = dict(self.environment)
        self.environment |= {
            "LD_PRELOAD": str(layer_library()),
            "CAIRNFS_LAYER_ROOT": str(self.root),
            "CAIRNFS_LAYER_FAULT": self.fault,
            "CAIRNFS_LAYER_SWITCH": str(self.switch),
            "CAIRNFS_METRICS_LISTEN": f"unix:{self.folder / 'metrics.sock'}",
        }
        self.mount()
        self.environment = usual

    def status(self) -> dict[str, Any]:
        """The document of `cairnfs status`."""
        return self.ask("status")


@pytest.fixture
def failing(request: pytest.FixtureRequest) -> Iterator[FailingStore]:
    store = FailingStore(*request.param)
    with store:
        store.mount_on_layer()
        yield store
        store.switch.unlink(missing_ok=True)
        if store.is_alive:
            store.umount()
        store.require_clean()


def write_durably(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(data)
        os.fsync(file.fileno())


def errors_in(log: str) -> list[str]:
    """The lines of level error."""
    return [line for line in log.splitlines() if " error " in line]


SYNCS: Final = [(CALLS.index("fdatasync"), errno.EIO)]
ALL_FAIL: Final = (ANY_CALL, errno.EIO)


@pytest.mark.parametrize("failing", SYNCS, indirect=True)
def test_a_failed_fsync_ends_all_changes_until_the_next_mount(failing: FailingStore) -> None:
    mount = failing.mountpoint
    write_durably(mount / "kept", b"durable")
    assert failing.status()["refuses_changes"] is None
    failing.switch.touch()
    with refused(errno.EIO):
        write_durably(mount / "lost", b"perhaps")
    failing.switch.unlink()
    for name in ("new", "newer"):  # the disk is well again, and what it forgot is gone
        with refused(errno.EROFS):
            write_durably(mount / name, b"bytes")
    with refused(errno.EROFS):
        (mount / "kept").unlink()
    assert (mount / "kept").read_bytes() == b"durable"
    status = failing.status()
    assert "see to the disk, then unmount and mount again" in status["refuses_changes"]
    assert (status["read_only"], status["errors"] > 0) == (True, True)
    failing.kill()
    failing.mount()
    assert (mount / "kept").read_bytes() == b"durable"
    write_durably(mount / "new", b"bytes")
    assert failing.status()["refuses_changes"] is None
    assert failing.status()["read_only"] is False


@pytest.mark.parametrize("failing", SYNCS, indirect=True)
def test_bytes_taken_before_are_an_error_at_fsync_and_at_close(failing: FailingStore) -> None:
    mount = failing.mountpoint
    write_durably(mount / "kept", b"durable")
    synced, closed = (os.open(mount / name, os.O_RDWR | os.O_CREAT) for name in ("a", "b"))
    for descriptor in (synced, closed):
        os.write(descriptor, b"perhaps")
    failing.switch.touch()
    for _ in range(2):
        with refused(errno.EIO):
            os.fsync(synced)
    assert os.pread(synced, 100, 0) == b"perhaps"
    with refused(errno.EIO):
        os.close(closed)
    with suppress(OSError):  # its fsync has said it; close may say it again
        os.close(synced)
    assert failing.status()["refuses_changes"]
    failing.switch.unlink()
    failing.remount()
    assert (mount / "kept").read_bytes() == b"durable"


@pytest.mark.parametrize("failing", SYNCS, indirect=True)
def test_what_fails_with_every_request_is_logged_once(failing: FailingStore) -> None:
    mount = failing.mountpoint
    write_durably(mount / "kept", b"durable")
    descriptor = os.open(mount / "taken", os.O_RDWR | os.O_CREAT)
    os.write(descriptor, b"perhaps")
    failing.switch.touch()
    for _ in range(10):
        with refused(errno.EIO):
            os.fsync(descriptor)
        with refused(errno.EROFS):
            (mount / "new").mkdir()
    with suppress(OSError):
        os.close(descriptor)
    status = failing.status()
    told = [line.split(" error ")[1] for line in errors_in(failing.log_text())]
    assert 0 < len(told) == len(set(told)) <= 5, told
    assert any("Input/output error" in line for line in told), told
    assert status["errors"] >= 10
    failing.switch.unlink()
    failing.remount()


FAILING_PARTS: Final = [(*SYNCS[0], "packs"), (*SYNCS[0], "journal"), (*ALL_FAIL, "journal")]


@pytest.mark.parametrize("failing", FAILING_PARTS, indirect=True)
def test_harm_is_logged_with_its_path_counted_and_shown_until_the_next_mount(
    failing: FailingStore,
) -> None:
    """A sync that fails, and a record that can neither be appended nor taken back."""
    mount, metrics = failing.mountpoint, failing.folder / "metrics.sock"
    write_durably(mount / "kept", b"durable")
    assert page(metrics, "/healthz") == (200, "ok\n")
    failing.switch.touch()
    with refused(errno.EIO):
        write_durably(mount / "lost", noise(LOGGED_FEW_BYTES + 1))  # fewer need no pack
    failing.switch.unlink()
    for _ in range(3):
        with refused(errno.EROFS):
            (mount / "new").mkdir()
    status = failing.status()
    assert (status["read_only"], status["errors"] > 0) == (True, True)
    told = [line.split(" error ")[1] for line in errors_in(failing.log_text())]
    assert len([line for line in told if str(failing.root) in line]) == 1, told
    assert "Input/output error" in status["refuses_changes"]
    found = samples(page(metrics, "/metrics")[1])
    assert found["cairnfs_read_only", ""] == 1
    assert found["cairnfs_errors_total", ""] == status["errors"]
    code, trouble = page(metrics, "/healthz")
    assert (code, status["refuses_changes"] in trouble) == (503, True)
    failing.remount()
    assert (mount / "kept").read_bytes() == b"durable"
    write_durably(mount / "new", b"bytes")
    assert failing.status()["read_only"] is False


EVERYTHING: Final = [ALL_FAIL, (ANY_CALL, errno.EMFILE), (ANY_CALL, errno.ENOMEM)]


@pytest.mark.parametrize("failing", EVERYTHING, indirect=True)
def test_a_disk_that_fails_altogether_does_not_end_the_daemon(failing: FailingStore) -> None:
    mount = failing.mountpoint
    write_durably(mount / "kept", b"durable")
    failing.switch.touch()
    for number in range(20):
        said = errno_of(partial(write_durably, mount / str(number), b"bytes"))
        assert said in ("EIO", "ENOENT", "EROFS")
    assert failing.status()["pid"] == failing.daemon.pid
    failing.switch.unlink()
    failing.kill()
    failing.mount()
    assert (mount / "kept").read_bytes() == b"durable"


def test_a_daemon_without_descriptors_goes_on_when_it_has_some_again() -> None:
    """For sockets and whatever else it opens, too: the limit is the kernel's own."""
    with MountedStore() as store:
        mount = store.mountpoint
        write_durably(mount / "kept", b"durable")
        pid = store.daemon.pid
        former = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        held = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (held // 2, former[1]))
        asked = [connect(store.store, 60) for _ in range(3)]
        for number in range(20):
            said = errno_of(partial(write_durably, mount / str(number), b"bytes"))
            assert said in ("ok", "EIO", "EMFILE", "ENOENT", "EROFS")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, former)
        for connection in asked:  # those that waited have their answer now
            connection.sendall(encode_request("status", {}))
            assert b'"ok"' in connection.recv(1 << 16)
            connection.close()
        assert store.ask("status")["pid"] == pid
        store.remount()
        assert (mount / "kept").read_bytes() == b"durable"
        write_durably(mount / "new", b"bytes")
        store.umount()
        store.require_clean()
