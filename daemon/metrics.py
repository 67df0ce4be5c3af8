"""The daemon's figures: as Prometheus reads them, and as a line of a history."""

from dataclasses import asdict
from datetime import UTC, datetime

import msgspec

from daemon.service import DaemonService

# What each figure says, for people; those that only grow are counters.
_MEANINGS = {
    "files": "Regular files.",
    "directories": "Directories.",
    "symlinks": "Symbolic links.",
    "inodes": "Filesystem objects of all kinds, hidden ones included.",
    "logical_bytes": "Sizes of all regular files.",
    "versions": "Earlier contents of files.",
    "version_bytes": "Sizes of earlier contents.",
    "unique_bytes": "Distinct chunks in use, not compressed.",
    "stored_bytes": "What objects in use take in the packs.",
    "chunks": "Distinct chunks in use.",
    "delta_chunks": "Chunks stored as deltas.",
    "delta_saved_bytes": "What deltas save.",
    "dedupe_ratio": "Bytes of files and versions by unique bytes.",
    "compression_ratio": "Unique bytes by stored bytes.",
    "packs": "Pack files.",
    "garbage_bytes": "What waits for garbage collection.",
    "cache_hits": "Chunks found decoded in memory.",
    "cache_misses": "Chunks that had to be decoded.",
    "cache_hit_rate": "Hits by hits and misses.",
    "cache_bytes": "Decoded chunks in memory.",
    "open_files": "Files in use.",
    "dirty_bytes": "Bytes written and not stored yet.",
    "errors": "Errors logged since the mount.",
    "uptime_seconds": "Since the mount.",
}
_COUNTERS = frozenset({"cache_hits", "cache_misses", "errors"})

Figures = dict[str, int | float]


def gather(service: DaemonService) -> Figures:
    """All figures of this moment, by name."""
    status = service.status()
    figures: Figures = asdict(service.volume.statistics())
    for name in ("open_files", "dirty_bytes", "errors", "uptime_seconds"):
        figures[name] = getattr(status, name) or 0
    return figures


def prometheus_text(figures: Figures) -> bytes:
    """The figures in the text format of Prometheus, version 0.0.4."""
    lines = []
    for name, value in figures.items():
        metric = f"cairnfs_{name}_total" if name in _COUNTERS else f"cairnfs_{name}"
        lines += [
            f"# HELP {metric} {_MEANINGS[name]}",
            f"# TYPE {metric} {'counter' if name in _COUNTERS else 'gauge'}",
            f"{metric} {value}",
        ]
    return "\n".join((*lines, "")).encode()


def history_line(figures: Figures, now: datetime) -> bytes:
    """The figures as one line of JSON, with the time in UTC."""
    stamped = {"time": now.astimezone(UTC).isoformat(timespec="seconds"), **figures}
    return msgspec.json.encode(stamped) + b"\n"


def trigger(figures: Figures) -> tuple[int | float, ...]:
    """What changes when somebody uses the volume, but not when figures are written."""
    used = ("files", "directories", "symlinks", "versions", "logical_bytes", "open_files", "errors")
    return tuple(figures[name] for name in used)
