"""Where metrics are to be had: a port of the loopback interface, or a Unix socket.

    127.0.0.1:9464   [::1]:9464   unix:/run/cairnfs/metrics.sock

Nothing but loopback: what is served has no password. Any user of the host may read a port; a socket
file is for the daemon's own user.
"""

import ipaddress
import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.problems import Problem

UNIX_PREFIX: Final = "unix:"
SOCKET_MODE: Final = 0o600
BACKLOG: Final = 16


@dataclass(frozen=True, slots=True)
class LoopbackPort:
    """A TCP port that only this host can reach."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/metrics"


@dataclass(frozen=True, slots=True)
class SocketFile:
    """A Unix socket, by its absolute path."""

    path: Path

    def __str__(self) -> str:
        return f"{UNIX_PREFIX}{self.path}"


MetricsAddress = LoopbackPort | SocketFile


def parse_metrics_address(text: str) -> MetricsAddress | None:
    """Where the setting says; None for an empty one. Raises ValueError."""
    if not text:
        return None
    if text.startswith(UNIX_PREFIX):
        path = Path(text.removeprefix(UNIX_PREFIX))
        if not path.is_absolute() or "\0" in text:
            raise ValueError(f"{text!r} names no socket by its whole path, as unix:/run/NAME does")
        return SocketFile(path)
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise ValueError(f"{text!r} is no address such as 127.0.0.1:9464 or unix:/PATH")
    return LoopbackPort(_loopback(host.removeprefix("[").removesuffix("]")), int(port))


def listen(address: MetricsAddress) -> socket.socket:
    """Begin to listen. Raises Problem, saying what to do."""
    try:
        return _listen_at(address)
    except OSError as error:
        raise Problem(
            f"metrics cannot be had at {address}: {error.strerror or error}: "
            "choose another metrics_listen, and mount again"
        ) from error


def forget(address: MetricsAddress) -> None:
    """Take a socket file away, when nobody listens any more."""
    if isinstance(address, SocketFile):
        with suppress(OSError):
            address.path.unlink()


def _loopback(host: str) -> str:
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise ValueError(f"{host!r} is no loopback address: use 127.0.0.1 or [::1]")


def _listen_at(address: MetricsAddress) -> socket.socket:
    if isinstance(address, SocketFile):
        return _listen_at_file(address.path)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _listen_at_file(path: Path) -> socket.socket:
    """A socket that nobody listens at any more is replaced; anything else is left alone."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_abandoned(path):
            path.unlink()
        listener.bind(str(path))
        path.chmod(SOCKET_MODE)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _is_abandoned(path: Path) -> bool:
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                return probe.connect_ex(str(path)) != 0
    return False
