"""quarantine/: copies of what is damaged, set aside before anything takes its place."""

import os
from typing import Final

from fsmodel.ids import ObjectId
from fsmodel.store.host_files import host_failures, write_file_atomically
from fsmodel.store.layout import FOLDER_MODE, StoreLayout
from fsmodel.store.pack_format import FRAME_BYTES_MAX, Location

SUFFIX: Final = ".frame"


def set_frame_aside(layout: StoreLayout, damaged: ObjectId, location: Location) -> str:
    """Copy the bytes of a damaged frame, as many as there are; return the copy's name.

    The name says which object it was to be and where it lay. Empty when the pack is missing. Any
    thread may call it. Raises NoSpace, BackendError.
    """
    return _set_aside(layout, damaged.hex(), location)


def set_group_aside(layout: StoreLayout, location: Location) -> str:
    """The same for the frame of a group, once for all its members."""
    name = _name("group", location)
    if (layout.quarantine / name).exists():
        return name
    return _set_aside(layout, "group", location)


def _set_aside(layout: StoreLayout, what: str, location: Location) -> str:
    path = layout.pack(location.pack)
    with host_failures(path):
        try:
            with path.open("rb", buffering=0) as file:
                size = min(location.stored, FRAME_BYTES_MAX)
                block = os.pread(file.fileno(), size, location.offset)
        except FileNotFoundError:
            return ""
    name = _name(what, location)
    with host_failures(layout.quarantine):
        layout.quarantine.mkdir(FOLDER_MODE, exist_ok=True)
    write_file_atomically(layout.quarantine / name, block)
    return name


def _name(what: str, location: Location) -> str:
    return f"{what}-{location.pack:016x}-{location.offset}{SUFFIX}"
