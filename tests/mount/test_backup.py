"""Backups of a store in use, and stores made of them."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mount.test_rebuild_index import fill, seen
from tests.support.mounted import MountedStore, mounted

pytestmark = pytest.mark.mount


@pytest.fixture
def store() -> Iterator[MountedStore]:
    with mounted(structured=True) as store:
        yield store


def test_everything_is_restored(store: MountedStore, tmp_path: Path) -> None:
    """Files with all they have, versions, snapshots, a series and an analysis."""
    mount, at = store.mountpoint, ("--store", store.store)
    fill(mount / "projects")
    (mount / "output" / "night").mkdir()
    (mount / "output" / "night" / "title" / "a1.txt").write_text("one")
    (mount / "projects" / "hole").unlink()
    store.cairnfs("snapshot", "create", "first", *at)
    store.cairnfs("backup", "create", tmp_path / "backup", *at)
    (mount / "projects" / "later").write_bytes(os.urandom(50_000))
    made = store.document("backup", "create", tmp_path / "backup", *at)
    assert 50_000 < made["added_bytes"] < 100_000
    former = {name: seen(mount / name) for name in ("projects", "output", "series")}
    versions = os.listdir(mount / "projects" / ".versions" / "hole")
    assert store.document("backup", "verify", tmp_path / "backup", "--thorough")["restorable"]
    store.umount()
    store.store.rename(store.folder / "lost")
    assert store.document("backup", "restore", tmp_path / "backup", store.store)["complete"]
    store.mount()
    assert {name: seen(mount / name) for name in former} == former
    assert os.listdir(mount / "projects" / ".versions" / "hole") == versions
    assert os.listdir(mount / ".snapshots") == ["first"]
    (status,) = store.document("series", "status", "night", *at)["addresses"]
    assert (status["address"], status["kinds"]) == ("a1", ["title"])


def test_it_is_made_beside_a_writer_and_kills(store: MountedStore, tmp_path: Path) -> None:
    mount, at = store.mountpoint, ("--store", store.store)
    stop, failures = threading.Event(), list[BaseException]()

    def write() -> None:
        number = 0
        try:
            while not stop.is_set():
                (mount / "projects" / str(number % 50)).write_bytes(os.urandom(20_000))
                number += 1
        except OSError as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(3):
        store.cairnfs("backup", "create", tmp_path / "backup", *at)
    stop.set()
    writer.join()
    assert failures == []
    assert store.document("backup", "verify", tmp_path / "backup", "--thorough")["sound"]
    store.kill()
    store.cairnfs("backup", "create", tmp_path / "backup", *at)
    found = store.document("backup", "verify", tmp_path / "backup", "--thorough")
    assert (found["sound"], found["restorable"]) == (True, True)
    store.mount()


def test_what_cannot_be_is_one_line(store: MountedStore, tmp_path: Path) -> None:
    at = ("--store", store.store)
    (tmp_path / "other").write_bytes(b"something else")
    for command in (
        ("create", store.mountpoint / "inside", *at),
        ("create", tmp_path / "missing" / "file", *at),
        ("create", tmp_path / "other", *at),
        ("verify", tmp_path / "other"),
        ("verify", tmp_path / "missing"),
        ("restore", tmp_path / "other", tmp_path / "new"),
    ):
        result = store.cairnfs("backup", *command, check=False)
        assert result.status in (1, 2)
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1, result.stderr
    assert (tmp_path / "other").read_bytes() == b"something else"
    assert not (tmp_path / "new").exists()
