"""Messages to a service manager."""

import os
import socket
from pathlib import Path

import pytest

from daemon.cli.main import run
from daemon.sd_notify import READY, WATCHDOG, ServiceManager


@pytest.fixture
def manager_socket(tmp_path: Path) -> socket.socket:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "notify"))
    receiver.setblocking(False)
    return receiver


def test_without_a_manager_nothing_is_sent() -> None:
    manager = ServiceManager({"WATCHDOG_USEC": "1000000"})
    assert not manager.notify(READY)
    assert manager.watchdog_seconds is None


def test_messages_arrive_as_one_datagram(manager_socket: socket.socket) -> None:
    with manager_socket:
        manager = ServiceManager({"NOTIFY_SOCKET": manager_socket.getsockname()})
        assert manager.notify(READY, "STATUS=serving /\udcff")
        assert manager_socket.recv(100) == b"READY=1\nSTATUS=serving /\\udcff"


def test_an_abstract_address() -> None:
    name = f"cairnfs-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name)
        receiver.setblocking(False)
        assert ServiceManager({"NOTIFY_SOCKET": "@" + name}).notify(WATCHDOG)
        assert receiver.recv(100) == b"WATCHDOG=1"


def test_a_manager_that_does_not_listen_harms_nobody(tmp_path: Path) -> None:
    assert not ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "none")}).notify(READY)


@pytest.mark.parametrize(
    ("whose", "usec", "seconds"),
    [
        ("nobody's", "3000000", 3.0),
        ("ours", "500000", 0.5),
        ("another's", "500000", None),
        ("nobody's", "x", None),
    ],
)
def test_the_watchdog_is_that_of_this_process(whose: str, usec: str, seconds: float | None) -> None:
    environment = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": usec}
    if whose != "nobody's":
        environment["WATCHDOG_PID"] = str(os.getpid() if whose == "ours" else 1)
    assert ServiceManager(environment).watchdog_seconds == seconds


def test_the_manager_learns_why_a_mount_failed(
    manager_socket: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with manager_socket:
        monkeypatch.setenv("NOTIFY_SOCKET", manager_socket.getsockname())
        assert run(["mount", "--foreground", "--instance", ".hidden"]) == 2
        told = manager_socket.recv(1000).decode()
    assert told.startswith("STATUS='.hidden' is no name of an instance")
    assert told.removeprefix("STATUS=") in capfd.readouterr().err
