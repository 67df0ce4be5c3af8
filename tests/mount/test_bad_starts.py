"""What may keep a mount from starting or ending: each says in one line what to do, or is nothing.

The list is that of docs/operations.md; tests/unit/test_operations_page.py names a test for each.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore
from tests.support.proc_mounts import mount_at
from tests.support.processes import PROJECT
from tests.support.syscalls import refused

REFUSED = 1


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    """A store that was mounted and is not; each test leaves it so."""
    with MountedStore() as store:
        (store.mountpoint / "file").write_bytes(b"kept")
        store.umount()
        yield store
        store.require_clean()


def refusal(store: MountedStore, *words: str | Path) -> str:
    """The line of a command that must fail."""
    told = store.cairnfs(*words, check=False)
    (line,) = told.stderr.splitlines()
    assert (told.status, told.stdout) == (REFUSED, ""), told
    assert line.startswith("cairnfs: ")
    assert "mistake in cairnfs" not in line
    return line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cache_bytes = ", "cairnfs.toml is no valid TOML"),
        ("cache_byte = 1", "unknown setting 'cache_byte'; did you mean cache_bytes?"),
        ("cache_bytes = 1", "cairnfs.toml: cache_bytes = 1: give 1MiB to 64GiB"),
        ("metadata_view_grace_seconds = inf", "give 0 to 3,153,600,000"),
        ("[log]\nlevel = 'loud'", "log_level = 'loud': give one of debug, info, warning, error"),
        ("\xff", "cairnfs.toml is no valid TOML"),
    ],
)
def test_a_bad_configuration(store: MountedStore, text: str, says: str) -> None:
    file = store.store / "cairnfs.toml"
    file.write_bytes(text.encode("latin-1"))
    try:
        assert says in refusal(store, "mount", store.store, store.mountpoint)
    finally:
        file.unlink()


def test_a_bad_variable(store: MountedStore) -> None:
    former = dict(store.environment)
    store.environment["CAIRNFS_VERSIONS_DAYS"] = "many"
    try:
        line = refusal(store, "mount", store.store, store.mountpoint)
    finally:
        store.environment = former
    assert "environment: versions_days = 'many': give 0 to 36,500" in line


@pytest.mark.parametrize("library", ["pyfuse3", "lmdb", "msgspec"])
def test_a_library_that_is_missing(store: MountedStore, tmp_path: Path, library: str) -> None:
    broken = f'raise ImportError("no lib{library}.so.1 to be found")\n'
    (tmp_path / f"{library}.py").write_text(broken)
    former = dict(store.environment)
    store.environment["PYTHONPATH"] = f"{tmp_path}:{PROJECT}"
    try:
        line = refusal(store, "mount", store.store, store.mountpoint)
    finally:
        store.environment = former
    assert f"no lib{library}.so.1 to be found: install it again" in line
    assert "cairnfs doctor" in line


def test_the_library_that_is_needed_first_is_missing(store: MountedStore, tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text('raise ImportError("no click to be found")\n')
    former = dict(store.environment)
    store.environment["PYTHONPATH"] = f"{tmp_path}:{PROJECT}"
    try:
        line = refusal(store, "mount", store.store, store.mountpoint)
    finally:
        store.environment = former
    assert "cairnfs: no click to be found: install cairnfs again" in line


def test_a_mount_that_is_in_use_or_was_killed(store: MountedStore) -> None:
    """It is not mounted twice, not unmounted, and mounted again when its daemon is dead."""
    other = store.folder / "other"
    other.mkdir()
    store.mount()
    line = refusal(store, "mount", store.store, other)
    assert f"already mounted at {store.mountpoint} by process" in line
    assert "unmount it" in line
    with (store.mountpoint / "file").open("rb"):
        line = refusal(store, "umount", store.mountpoint)
    assert f"(pid {os.getpid()})" in line
    assert "end that, or detach it" in line
    store.kill()
    with refused(errno.ENOTCONN):
        os.listdir(store.mountpoint)
    store.mount()
    assert (store.mountpoint / "file").read_bytes() == b"kept"
    assert store.cairnfs("umount", store.mountpoint).stderr == ""
    assert store.daemon.ended()
    assert mount_at(store.mountpoint) is None
