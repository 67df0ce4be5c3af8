"""What the daemon's process takes of its host, under the names Prometheus's own libraries use."""

import os
import resource
import time
from typing import Final

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def process_figures() -> dict[str, int | float]:
    """Memory, processor time and open files of this process at a moment."""
    virtual_pages, resident_pages, *_ = _memory_pages()
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "process_cpu_seconds": round(time.process_time(), 3),
        "process_resident_memory_bytes": resident_pages * PAGE_BYTES,
        "process_virtual_memory_bytes": virtual_pages * PAGE_BYTES,
        "process_open_fds": len(os.listdir("/proc/self/fd")) - 1,  # without the one for listing
        "process_max_fds": limit,
    }


def own_memory_bytes() -> int:
    """Resident memory that is no file's, as an index that is mapped is."""
    _, resident_pages, shared_pages, *_ = _memory_pages()
    return (resident_pages - shared_pages) * PAGE_BYTES


def _memory_pages() -> list[int]:
    with open("/proc/self/statm", encoding="ascii") as file:
        return list(map(int, file.read().split()))
