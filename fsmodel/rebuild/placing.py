"""A new index takes the place of the old one, whatever ends the process meanwhile.

What the journal knew beyond the last root is in the new index alone once that is complete. So it
is given a name that says so before the old journal is moved; from then on the store is opened by
nobody but the next run, which does not begin anew but ends what this one has begun.
"""

import shutil
from typing import Final

from fsmodel.errors import StoreDamaged
from fsmodel.store.host_files import host_failures, sync_folder, write_file_atomically
from fsmodel.store.layout import FOLDER_MODE, StoreLayout

REPORT: Final = "report.json"  # in the folder: what the run that has made the index has to say


def set_ready(layout: StoreLayout, report: bytes) -> None:
    """The index in the folder for that is complete and durable. Raises NoSpace, BackendError."""
    write_file_atomically(layout.rebuilding / REPORT, report)
    with host_failures(layout.folder):
        layout.rebuilding.rename(layout.rebuilt)
        sync_folder(layout.folder)


def is_ready(layout: StoreLayout) -> bool:
    """Whether a complete index waits to be put in place, or some of it does."""
    return layout.rebuilt.exists()


def require_nothing_ready(layout: StoreLayout) -> None:
    """Raises StoreDamaged while a new index waits: the one that is there counts no more."""
    if is_ready(layout):
        raise StoreDamaged(
            f"{layout.rebuilt}: a new index is complete and not in place yet: "
            "run cairnfs rebuild-index, which ends that",
            layout.rebuilt.name,
        )


def ready_report(layout: StoreLayout) -> bytes:
    """What was given to `set_ready`. Raises BackendError."""
    path = layout.rebuilt / REPORT
    with host_failures(path):
        return path.read_bytes()


def put_in_place(layout: StoreLayout, moment: str) -> tuple[str, ...]:
    """Let the new index be that of the store; say where the old one and its journal are.

    Raises NoSpace, BackendError; then it can be called again.
    """
    aside: list[str] = []
    with host_failures(layout.folder):
        layout.quarantine.mkdir(FOLDER_MODE, exist_ok=True)
        for place in (layout.index, layout.journal):
            new = layout.rebuilt / place.name
            if not new.exists():
                continue  # a run that was cut short has come so far
            if place.exists():
                former = layout.quarantine / f"{place.name}-{moment}"
                place.rename(former)
                aside.append(f"{layout.quarantine.name}/{former.name}")
            new.rename(place)
        sync_folder(layout.quarantine)
        sync_folder(layout.folder)
        shutil.rmtree(layout.rebuilding, ignore_errors=True)
        layout.rebuilt.rename(layout.rebuilding)
        sync_folder(layout.folder)
        shutil.rmtree(layout.rebuilding, ignore_errors=True)
    return tuple(aside)
