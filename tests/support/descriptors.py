"""The descriptors this process has open: those of other tests, let go at any time, do not count."""

import os
from contextlib import suppress
from pathlib import Path


def open_below(folder: Path) -> list[str]:
    """What is open of a folder and all below it, sorted; twice what is open twice."""
    targets = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one the list was read through
            targets.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    place = str(folder.resolve())
    return sorted(each for each in targets if f"{each}/".startswith(f"{place}/"))
