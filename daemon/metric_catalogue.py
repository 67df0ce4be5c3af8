"""Every metric of the daemon: its name, kind, unit and meaning. docs/metrics.md says the same.

Names follow Prometheus's conventions: base units at the end, `_total` on what only grows. The
figures behind those without labels are also in the history, under the shorter `key`.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. `key` names its figure; `labels` say by what its samples differ."""

    key: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name for Prometheus."""
        prefix = "" if self.key.startswith("process_") else "cairnfs_"
        return f"{prefix}{self.key}{'_total' if self.kind == 'counter' else ''}"

    @property
    def unit(self) -> str:
        """`bytes`, `seconds`, `ratio`, or empty for what is counted."""
        words = self.key.split("_")
        known = {"bytes": "bytes", "seconds": "seconds", "ratio": "ratio", "rate": "ratio"}
        return next((known[word] for word in reversed(words) if word in known), "")


def _gauge(key: str, meaning: str) -> Metric:
    return Metric(key, "gauge", meaning)


def _counter(key: str, meaning: str) -> Metric:
    return Metric(key, "counter", meaning)


FLAT: Final = (
    # What the store holds
    _gauge("files", "Regular files."),
    _gauge("directories", "Directories."),
    _gauge("symlinks", "Symbolic links."),
    _gauge("inodes", "Filesystem objects of all kinds, hidden ones included."),
    _gauge("logical_bytes", "Sizes of all regular files."),
    _gauge("versions", "Earlier contents of files."),
    _gauge("version_bytes", "Sizes of earlier contents."),
    # What that takes
    _gauge("unique_bytes", "Distinct chunks in use, not compressed."),
    _gauge("stored_bytes", "What objects in use take in the packs."),
    _gauge("chunks", "Distinct chunks in use."),
    _gauge("delta_chunks", "Chunks stored as deltas."),
    _gauge("delta_saved_bytes", "What deltas save."),
    _gauge("dedupe_ratio", "Bytes of files and versions by unique bytes."),
    _gauge("compression_ratio", "Unique bytes by stored bytes."),
    _gauge("packs", "Pack files."),
    _gauge("garbage_bytes", "What waits for garbage collection."),
    _gauge("archived_bytes", "What objects took when the store was archived last."),
    _gauge("index_file_bytes", "Size of the index file."),
    _gauge("free_bytes", "Room on the host for new data, the reserve left out."),
    # Use
    _counter("operations", "Requests of the kernel."),
    _gauge("operations_in_flight", "Requests of the kernel that are not answered yet."),
    _counter("read_bytes", "Bytes that were read through the mount, as far as the kernel asked."),
    _counter("written_bytes", "Bytes that were written through the mount."),
    _gauge("open_files", "Files in use."),
    _gauge("dirty_bytes", "Bytes written and not stored yet."),
    _counter("cache_hits", "Chunks found decoded in memory."),
    _counter("cache_misses", "Chunks that had to be decoded."),
    _gauge("cache_hit_rate", "Hits by hits and misses."),
    _gauge("cache_bytes", "Decoded chunks in memory."),
    # Health
    _counter("errors", "Errors since the mount, repeated ones included."),
    _gauge("damaged_objects", "Stored objects that are known to be unreadable."),
    _gauge(
        "read_only", "1 when the mount is read-only, or takes no change since the disk has failed."
    ),
    _gauge("checkpoint_age_seconds", "Since the last checkpoint, or the mount."),
    _gauge("checkpoint_failing", "1 when the last checkpoint failed."),
    _gauge("journal_bytes", "What a recovery would replay."),
    _gauge("journal_changes", "Rows and counters changed since the last checkpoint."),
    _gauge("long_work_running", "1 while garbage collection, scrub, archival or the like runs."),
    _gauge("uptime_seconds", "Since the mount."),
    # The process
    _counter("process_cpu_seconds", "Processor time, user and system."),
    _gauge("process_resident_memory_bytes", "Memory in use."),
    _gauge("process_virtual_memory_bytes", "Addresses in use; the index's map is most of it."),
    _gauge("process_open_fds", "Open file descriptors."),
    _gauge("process_max_fds", "How many there may be."),
)

BUILD_INFO: Final = Metric("build_info", "gauge", "Always 1; the version is a label.", ("version",))
DURATIONS: Final = Metric(
    "operation_duration_seconds",
    "histogram",
    "How long requests of the kernel took, those that failed included.",
    ("operation",),
)
ERRORS: Final = Metric(
    "operation_errors",
    "counter",
    "Requests of the kernel that were answered with an error; many are answers like any other.",
    ("operation", "errno"),
)

CATALOGUE: Final = (*FLAT, BUILD_INFO, DURATIONS, ERRORS)
