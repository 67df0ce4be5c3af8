"""The Unix socket in a store folder: its address, and who is at its other end.

An address holds 108 bytes, a path any number. So the folder is opened, and the socket reached as
/proc/self/fd/N/control.sock, which is always short.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.problems import NotServed

SOCKET_NAME: Final = "control.sock"
SOCKET_MODE: Final = 0o600
BACKLOG: Final = 64
ROOT_UID: Final = 0

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel vouches for it."""

    pid: int
    uid: int

    @property
    def may_command(self) -> bool:
        """Whether it may ask a daemon of ours for anything: our own user and root may."""
        return self.uid in (os.geteuid(), ROOT_UID)


def listen(store: Path) -> socket.socket:
    """Begin to listen for a store that this process holds. Raises OSError.

    A socket that a killed daemon left is replaced; the store's lock says that it is dead.
    """
    with _short_address(store) as address:
        with suppress(FileNotFoundError):
            os.unlink(address)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(address)
            os.chmod(address, SOCKET_MODE)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    return listener


def connect(store: Path, timeout_seconds: float) -> socket.socket:
    """Reach the daemon of a store. Raises NotServed when there is none that would answer us."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_seconds)
    try:
        with _short_address(store) as address:
            connection.connect(address)
    except OSError as error:
        connection.close()
        raise NotServed(f"no daemon answers for {store}: {error.strerror or error}") from error
    return connection


def remove(store: Path) -> None:
    """Take the socket away, as the last thing a daemon does with it."""
    with suppress(OSError):
        os.unlink(store / SOCKET_NAME)


def peer_of(credentials: bytes) -> Peer:
    """Decode what getsockopt(SO_PEERCRED) returns."""
    pid, uid, _ = _CREDENTIALS.unpack(credentials)
    return Peer(pid, uid)


def peer_credentials_size() -> int:
    """How many bytes to ask getsockopt for."""
    return _CREDENTIALS.size


@contextmanager
def _short_address(store: Path) -> Iterator[str]:
    folder = os.open(store, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET_NAME}"
    finally:
        os.close(folder)
