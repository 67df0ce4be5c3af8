"""Commands about something in a store: which store, and which path in it."""

import os
from pathlib import Path
from typing import NamedTuple

from daemon.mount_table import is_within, mount_holding, read_mount_table, store_of
from daemon.store_choice import choose_store, resolved


class StorePath(NamedTuple):
    """A store, and a path from its root."""

    store: Path
    path: bytes


def store_path(named: str | None, path: str) -> StorePath:
    """What a PATH argument means; what it names need not exist.

    A path into the mount of the store that is meant is taken from the mount point on; any other,
    as when the store is not mounted, from the root of the store. Raises Problem.
    """
    folder, name = os.path.split(path.rstrip("/") or "/")
    place = os.path.join(os.path.realpath(folder), name)  # the last name may be a link, or nothing
    if name in (".", ".."):
        place = os.path.realpath(path)
    table = read_mount_table()
    chosen = choose_store(named, os.environ, table, place).folder
    mount = mount_holding(table, place)
    if mount is not None and is_within(place, mount.mountpoint):
        store = store_of(mount)
        if store is not None and resolved(store) == chosen:
            return StorePath(chosen, os.fsencode("/" + os.path.relpath(place, mount.mountpoint)))
    return StorePath(chosen, os.fsencode(path))
