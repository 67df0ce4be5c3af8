"""STORE/daemon.json: what the daemon that serves a store says about itself.

Written when the mount answers, removed when the daemon ends. A killed daemon leaves it behind, so
it counts only while a process of that pid runs that was started at that tick.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

RECORD_FILE: Final = "daemon.json"
RECORD_BYTES_MAX: Final = 64 << 10
RECORD_MODE: Final = 0o600
ENDED_STATES: Final = (b"Z", b"X")  # ended, and perhaps not waited for


class DaemonRecord(msgspec.Struct, frozen=True):
    """Who serves a store, and where."""

    pid: int
    start_ticks: int  # of the process, as /proc/PID/stat has it: tells a reused pid
    mountpoint: str
    version: str
    started: str  # UTC, ISO 8601

    @property
    def is_running(self) -> bool:
        """Whether that very process still exists."""
        return start_ticks(self.pid) == self.start_ticks


def write_record(store: Path, record: DaemonRecord) -> None:
    """Put the file in place, whole. Raises OSError."""
    temporary = store / f".{RECORD_FILE}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, RECORD_MODE)
    with open(descriptor, "wb") as file:
        file.write(msgspec.json.encode(record) + b"\n")
    os.replace(temporary, store / RECORD_FILE)


def running_daemon(store: Path) -> DaemonRecord | None:
    """The record of a daemon that is alive; None when there is none, or none that we may see."""
    try:
        with (store / RECORD_FILE).open("rb") as file:
            record = msgspec.json.decode(file.read(RECORD_BYTES_MAX), type=DaemonRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return record if record.is_running else None


def remove_record(store: Path) -> None:
    """The daemon ends."""
    with suppress(OSError):
        (store / RECORD_FILE).unlink()


def start_ticks(pid: int) -> int | None:
    """When a process was started, in clock ticks since boot; None when it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # proc(5). The second field, the command's name in brackets, may hold anything.
    state, *later_fields = stat.rpartition(b")")[2].split()
    return None if state in ENDED_STATES else int(later_fields[18])
