"""What `cairnfs doctor` looks at: whether this host and a store are fit for a mount.

Each check is a function that returns what it found; none changes anything. A check that fails says
how to mend it. Order: the host, the installation, the store.
"""

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from typing import Final

import msgspec

from daemon.config import load_settings
from daemon.daemon_record import running_daemon
from daemon.mount_options import MountOptions
from daemon.mount_table import FSTYPE, is_dead, mount_of_store, read_mount_table
from daemon.mounting import FUSE_CONFIGURATION, check_host
from daemon.problems import MountProblem, Problem
from daemon.store_choice import default_store
from fsmodel.content.chunking import available_kernels
from fsmodel.errors import CairnError
from fsmodel.store.format_file import read_format
from fsmodel.store.layout import StoreLayout
from fsmodel.store.space import HostSpace

KERNEL_MIN: Final = (4, 18)  # the first whose FUSE lets ordinary users mount in their namespaces
LOW_SPACE_BYTES: Final = 1 << 30
LIBRARIES: Final = ("lmdb", "pyfuse3", "trio", "blake3", "xxhash", "msgspec")
COMPILED_KERNEL: Final = "native"


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"  # it works, but not as well as it could
    FAILED = "failed"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    mend: str = ""  # what to do about it; empty when all is well


def examine(store: Path) -> Iterator[Check]:
    """All checks, one after the other. A check that itself fails is a failed check."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("kernel", _kernel),
        ("fuse", _fuse),
        ("fusermount3", _fusermount),
        ("allow_other", _allow_other),
        ("libraries", _libraries),
        ("chunker", _chunker),
        ("settings", partial(_settings, store)),
        ("store", partial(_store, store)),
        ("space", partial(_space, store)),
        ("mount", partial(_mount, store)),
    ]
    for name, check in checks:
        try:
            yield check()
        except (Problem, CairnError, OSError) as error:
            yield Check(name, State.FAILED, str(error), "see the message")


def _kernel() -> Check:
    release = platform.release()
    found = re.match(r"(\d+)\.(\d+)", release)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version < KERNEL_MIN:
        wanted = ".".join(map(str, KERNEL_MIN))
        return Check("kernel", State.FAILED, f"Linux {release}", f"use Linux {wanted} or later")
    return Check("kernel", State.OK, f"Linux {release}")


def _fuse() -> Check:
    try:
        check_host(MountOptions())
    except MountProblem as problem:
        return Check("fuse", State.FAILED, str(problem), "as said there")
    return Check("fuse", State.OK, "this user may mount")


def _fusermount() -> Check:
    path = shutil.which("fusermount3")
    if path is None:
        who = "users other than root cannot mount"
        return Check("fusermount3", State.WARNING, who, "install the package fuse3")
    return Check("fusermount3", State.OK, path)


def _allow_other() -> Check:
    try:
        check_host(MountOptions(libfuse=("allow_other",)))
    except MountProblem:
        return Check(
            "allow_other",
            State.WARNING,
            "not for this user: the mount is visible to its owner alone",
            f"if that is not wanted, have root add user_allow_other to {FUSE_CONFIGURATION}",
        )
    return Check("allow_other", State.OK, "available")


def _libraries() -> Check:
    for name in LIBRARIES:
        try:
            import_module(name)
        except ImportError as error:
            mend = "install cairnfs again; libfuse3 comes from the packages of the system"
            return Check("libraries", State.FAILED, f"{name}: {error}", mend)
    versions = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    found = ", ".join([f"Python {platform.python_version()}", *versions])
    return Check("libraries", State.OK, found)


def _chunker() -> Check:
    if COMPILED_KERNEL in available_kernels():
        return Check("chunker", State.OK, "compiled")
    return Check(
        "chunker",
        State.WARNING,
        "the C extension is missing: cutting takes some 500 times longer",
        "install a C compiler and Python's headers, then install cairnfs again",
    )


def _settings(store: Path) -> Check:
    origins = set(load_settings(store, os.environ).origins.values())
    return Check("settings", State.OK, f"valid; from {', '.join(sorted(origins))}")


def _store(store: Path) -> Check:
    if _is_to_come(store):
        return Check("store", State.OK, f"{store}, the default, is made at the first mount")
    content = read_format(StoreLayout(store))
    mode = store.stat().st_mode & 0o777
    if mode & 0o077:
        return Check(
            "store",
            State.WARNING,
            f"{store} may be entered by others (mode {mode:o})",
            f"chmod 700 {store}",
        )
    return Check("store", State.OK, f"{store}, made {content.created:%Y-%m-%d}")


def _is_to_come(store: Path) -> bool:
    return not store.exists() and store == default_store(os.environ).folder


def _space(store: Path) -> Check:
    there = next(folder for folder in (store, *store.parents) if folder.exists())
    free = HostSpace(there).free_bytes()
    found = f"{free / (1 << 30):.1f} GiB free for new data"
    if free < LOW_SPACE_BYTES:
        return Check("space", State.WARNING, found, "make room: writes will soon be refused")
    return Check("space", State.OK, found)


def _mount(store: Path) -> Check:
    mount = mount_of_store(read_mount_table(), store)
    daemon = running_daemon(store)
    if mount is None:
        return Check("mount", State.OK, "not mounted")
    if mount.fstype == FSTYPE and is_dead(mount):
        return Check(
            "mount",
            State.FAILED,
            f"{mount.mountpoint} is what a killed daemon left",
            f"mount it again, or run cairnfs umount {mount.mountpoint}",
        )
    pid = f" by process {daemon.pid}" if daemon is not None else ""
    return Check("mount", State.OK, f"served at {mount.mountpoint}{pid}")
