"""A program that does not sync some part of the store, and what a loss of power leaves of its work.

    python -m tests.support.host_layer.forgetful FOLDER PART KIND STEPS MOMENTS

It fails when what is left is no state since the last sync, or is ended by LMDB over such a file.
"""

import sys
from dataclasses import replace
from pathlib import Path

from tests.support.host_layer.crashes import Recorded, lose_power, record_run, some_moments
from tests.support.host_layer.record import Entry, Event


def _is_sync_of(entry: Entry, part: str) -> bool:
    return entry.event is Event.SYNCED and entry.path.startswith(f"store/{part}")


def forget_syncs(recorded: Recorded, part: str, kind: str) -> Recorded:
    """The same run by a program that does not sync some part of the store."""
    entries = []
    for entry in recorded.entries:
        is_folder = "." not in Path(entry.path).name
        if _is_sync_of(entry, part) and is_folder == (kind == "names"):
            continue
        entries.append(entry._replace(durable=False) if part == "index" else entry)
    assert entries != recorded.entries
    return replace(recorded, entries=entries)


def main(folder: Path, part: str, kind: str, steps: int, moments: int) -> None:
    """Let the workload run, forget the syncs, and lose power at some moments."""
    recorded = forget_syncs(record_run(folder, 0, steps), part, kind)
    lose_power(recorded, some_moments(recorded, moments, 0), folder / "left")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
