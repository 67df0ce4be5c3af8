"""The document of `cairnfs status`."""

from pathlib import Path

import msgspec

from daemon import __version__


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a store is doing. What only a running daemon knows is null while there is none."""

    mounted: bool
    pid: int | None = None
    mountpoint: str | None = None
    store: str
    version: str = __version__  # of the daemon, else of this command
    read_only: bool | None = None
    refuses_changes: str | None = None  # why, and that until the next mount; null if it does not
    errors: int | None = None  # since the mount, repeated ones included
    last_error: str | None = None
    last_checkpoint: str | None = None  # UTC, ISO 8601; null before the first
    started: str | None = None  # UTC, ISO 8601
    uptime_seconds: float | None = None
    open_files: int | None = None
    dirty_bytes: int | None = None  # written and not stored yet
    dead_mount: str | None = None  # where a killed daemon left a mount


def offline_report(store: Path, dead_mount: str | None) -> StatusReport:
    """The report of a store that no daemon serves."""
    return StatusReport(mounted=False, store=printable_path(store), dead_mount=dead_mount)


def printable_path(path: object) -> str:
    r"""A path as JSON can hold it: bytes that are no UTF-8 become \xNN."""
    encoded = str(path).encode("utf-8", "surrogateescape")
    return encoded.decode("utf-8", "backslashreplace")
