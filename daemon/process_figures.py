"""What the daemon's process takes of its host, under the names Prometheus's own libraries use."""

import os
import resource
import time
from typing import Final

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def process_figures() -> dict[str, int | float]:
    """Memory, processor time and open files of this process at a moment."""
    with open("/proc/self/statm", encoding="ascii") as file:
        virtual_pages, resident_pages, *_ = map(int, file.read().split())
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "process_cpu_seconds": round(time.process_time(), 3),
        "process_resident_memory_bytes": resident_pages * PAGE_BYTES,
        "process_virtual_memory_bytes": virtual_pages * PAGE_BYTES,
        "process_open_fds": len(os.listdir("/proc/self/fd")) - 1,  # without the one for listing
        "process_max_fds": limit,
    }
