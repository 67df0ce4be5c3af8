"""Which store a command means.

`--store DIR` (or the command's own STORE argument), else $CAIRNFS_STORE, else the mount that the
command's PATH or the working directory lies in, else the default store. A PATH that is the folder
of a store means that store.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from daemon.mount_table import FSTYPE, Mount, mount_holding, store_of
from daemon.problems import Problem
from fsmodel.store.layout import StoreLayout


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """A store, resolved, and whether it is the one used when nothing names another."""

    folder: Path
    is_default: bool = False


def choose_store(
    named: str | None,
    environment: Mapping[str, str],
    table: Sequence[Mount],
    path: str,
) -> StoreChoice:
    """The store a command means that was given this PATH or runs in this folder.

    Raises Problem when a named PATH does not exist, or lies in a cairnfs mount of unknown store.
    """
    chosen = named_store(named, environment)
    if chosen is not None:
        return chosen
    if StoreLayout(Path(path)).format_file.is_file():
        return StoreChoice(resolved(path))
    mount = mount_holding(table, os.path.realpath(path))
    if mount is None or mount.fstype != FSTYPE:
        return default_store(environment)
    store = store_of(mount)
    if store is None:
        raise Problem(f"the store behind the mount at {mount.mountpoint} is unknown: give --store")
    return StoreChoice(resolved(store))


def named_store(named: str | None, environment: Mapping[str, str]) -> StoreChoice | None:
    """The store that was named outright, on the command line or in the environment."""
    name = named or environment.get("CAIRNFS_STORE")
    return StoreChoice(resolved(name)) if name else None


def default_store(environment: Mapping[str, str]) -> StoreChoice:
    """$CAIRNFS_DATA_DIR, else the platform's folder for user data."""
    name = environment.get("CAIRNFS_DATA_DIR")
    if not name:
        name = str(user_data_path("cairnfs", appauthor=False))
    return StoreChoice(resolved(name), is_default=True)


def resolved(path: str | Path) -> Path:
    """A path without links and relative parts, whether or not it exists."""
    return Path(os.path.realpath(path))
