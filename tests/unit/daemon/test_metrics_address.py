"""Metrics are served on loopback or a socket file, and what cannot be is told."""

import os
import socket
import stat
from pathlib import Path

import pytest

from daemon.config import load_settings
from daemon.metrics_address import (
    LoopbackPort,
    MetricsAddress,
    SocketFile,
    forget,
    listen,
    parse_metrics_address,
)
from daemon.problems import ConfigInvalid, Problem


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("127.0.0.1:9464", LoopbackPort("127.0.0.1", 9464)),
        ("127.8.9.1:1", LoopbackPort("127.8.9.1", 1)),
        ("[::1]:65535", LoopbackPort("::1", 65535)),
        ("unix:/run/x.sock", SocketFile(Path("/run/x.sock"))),
    ],
)
def test_addresses(text: str, address: MetricsAddress | None) -> None:
    assert parse_metrics_address(text) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0.0.0.0:9464", "no loopback address"),
        ("192.0.2.1:9464", "no loopback address"),
        ("[::]:9464", "no loopback address"),
        ("localhost:9464", "no loopback address"),
        (":9464", "no address such as"),
        ("127.0.0.1", "no address such as"),
        ("127.0.0.1:", "no address such as"),
        ("127.0.0.1:0", "no address such as"),
        ("127.0.0.1:65536", "no address such as"),
        ("127.0.0.1:\u0661", "no address such as"),
        ("9464", "no address such as"),
        ("unix:here.sock", "by its whole path"),
        ("unix:", "by its whole path"),
    ],
)
def test_what_is_no_address_is_refused_with_the_setting_s_place(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(ConfigInvalid, match=reason) as raised:
        load_settings(tmp_path, {"CAIRNFS_METRICS_LISTEN": text})
    assert "environment: metrics_listen" in str(raised.value)


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = LoopbackPort("127.0.0.1", other.getsockname()[1])
        with pytest.raises(Problem, match=f"{address}: .*: choose another metrics_listen"):
            listen(address)


def test_a_socket_file_is_for_its_owner_and_goes(tmp_path: Path) -> None:
    address = SocketFile(tmp_path / "s")
    with listen(address):
        assert stat.S_IMODE(os.lstat(address.path).st_mode) == 0o600
    forget(address)
    assert not address.path.exists()
    forget(address)  # also when it is gone


def test_a_socket_file_that_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    address = SocketFile(tmp_path / "s")
    listen(address).close()
    with listen(address), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(address.path))


def test_a_socket_file_in_use_is_left_alone(tmp_path: Path) -> None:
    address = SocketFile(tmp_path / "s")
    with listen(address), pytest.raises(Problem, match="in use"):
        listen(address)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    with pytest.raises(Problem, match="in use"):
        listen(SocketFile(tmp_path / "s"))
    assert (tmp_path / "s").read_text() == "mine"


def test_a_path_that_is_too_long_or_has_no_folder_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 120), tmp_path / "none" / "s"):
        with pytest.raises(Problem, match="metrics cannot be had"):
            listen(SocketFile(path))
