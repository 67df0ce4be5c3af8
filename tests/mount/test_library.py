"""The library over the control socket and the mount, used at once: both see the same, at once."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.library import OverSocket, open_store
from fsmodel.errors import IsADirectory, NotFound
from fsmodel.library.store import Store
from tests.support.mounted import MountedStore, mounted

ROUNDS = 15

# Counts by the library alone, counts while it holds a lock, makes documents that must differ.
BY_LIBRARY = """
import sys
from daemon.library import open_store
from fsmodel.errors import AlreadyExists
def add(value): return {"n": value["n"] + 1}
with open_store(sys.argv[1]) as store:
    for number in range(int(sys.argv[3])):
        store.update_json("/runs/shared.json", add)
        while True:
            try:
                store.make_dir("/runs/lock")
                break
            except AlreadyExists:
                pass
        store.save_json("/runs/locked.json", add(store.load_json("/runs/locked.json")))
        store.remove("/runs/lock")
        try:
            store.save_json(f"/runs/unique/library-{number}.json", {"seed": number})
            print(number)
        except AlreadyExists:
            pass
"""

# The same through the mount, but for the first.
BY_MOUNT = """
import errno, json, os, sys
from daemon.library import open_store
def add(value): return {"n": value["n"] + 1}
def write(path, value, in_place):
    temporary = path if in_place else path + ".new"
    with open(temporary, "w") as file:
        json.dump(value, file)
    if not in_place:
        os.rename(temporary, path)
runs = sys.argv[2] + "/runs"
with open_store(sys.argv[1]) as store:
    for number in range(int(sys.argv[3])):
        store.update_json("/runs/shared.json", add)
        while True:
            try:
                os.mkdir(runs + "/lock")
                break
            except FileExistsError:
                pass
        with open(runs + "/locked.json") as file:
            value = json.load(file)
        write(runs + "/locked.json", add(value), number % 2)
        os.rmdir(runs + "/lock")
        try:
            write(f"{runs}/unique/mount-{number}.json", {"seed": number}, number % 2)
            print(number)
        except OSError as error:
            assert error.errno == errno.EEXIST, error
"""


@pytest.fixture(scope="module")
def filesystem() -> Iterator[MountedStore]:
    with mounted(structured=True) as filesystem:
        yield filesystem


@pytest.fixture
def store(filesystem: MountedStore) -> Iterator[Store]:
    with open_store(filesystem.store) as store:
        assert isinstance(store._transport, OverSocket)
        yield store


def start(filesystem: MountedStore, program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-c", program),
            *(str(filesystem.store), str(filesystem.mountpoint), str(ROUNDS)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_one_side_changes_the_other_sees_at_once(
    filesystem: MountedStore, store: Store
) -> None:
    folder: Path = filesystem.mountpoint / "projects"
    path = folder / "file"
    assert not path.exists()  # the kernel remembers that
    store.write_file("/projects/file", b"one")
    assert path.read_bytes() == b"one"
    store.write_file("/projects/file", b"other")
    assert path.read_bytes() == b"other"
    with path.open("r+b") as file:
        file.write(b"O")
    assert store.read_file("/projects/file") == b"Other"
    store.make_dir("/projects/below")
    assert {"below", "file"} <= {each.name for each in folder.iterdir()}
    store.rename("/projects/file", "/projects/below/file")
    assert not path.exists()
    assert (folder / "below" / "file").stat().st_size == 5
    (folder / "below" / "file").unlink()
    (folder / "below").rmdir()
    with pytest.raises(NotFound):
        store.stat("/projects/below")
    with pytest.raises(IsADirectory):
        store.read_file("/projects")


def test_a_file_has_as_many_names_as_it_has_whoever_took_some(
    filesystem: MountedStore, store: Store
) -> None:
    """Programs that copy look for the others if there is more than one."""
    folder = filesystem.mountpoint / "projects"
    changes: dict[str, Callable[[], object]] = {
        "removed": lambda: store.remove("/projects/removed"),
        "written": lambda: store.write_file("/projects/written", b"new"),
        "replaced": lambda: store.rename("/projects/other", "/projects/replaced"),
    }
    (folder / "other").write_bytes(b"other")
    for name, change in changes.items():
        path = folder / f"also {name}"
        (folder / name).write_bytes(b"file")
        path.hardlink_to(folder / name)
        assert path.stat().st_nlink == 2
        with path.open("rb") as file:
            change()
            assert (path.stat().st_nlink, os.fstat(file.fileno()).st_nlink) == (1, 1)


def test_who_has_a_file_open_keeps_what_it_was(filesystem: MountedStore, store: Store) -> None:
    path = filesystem.mountpoint / "projects" / "open"
    path.write_bytes(b"former")
    with path.open("rb") as file:
        store.write_file("/projects/open", b"new")
        assert file.read() == b"former"
    assert path.read_bytes() == b"new"
    assert [each.size for each in store.versions("/projects/open")] == [6]


def test_no_update_is_lost_and_unique_stays_unique(filesystem: MountedStore, store: Store) -> None:
    for name in ("shared", "locked"):
        store.save_json(f"/runs/{name}.json", {"n": 0})
    store.make_dir("/runs/unique")
    arguments = ("--glob", "runs/unique/*.json", "--field", "seed", "--unique")
    filesystem.cairnfs("index", "create", "seeds", *arguments, "--store", filesystem.store)
    writers = [start(filesystem, program) for program in (BY_LIBRARY, BY_MOUNT)]
    printed = [writer.communicate()[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert store.load_json("/runs/shared.json") == {"n": 2 * ROUNDS}
    assert store.load_json("/runs/locked.json") == {"n": 2 * ROUNDS}
    locked = filesystem.mountpoint / "runs" / "locked.json"
    assert json.loads(locked.read_text()) == {"n": 2 * ROUNDS}
    made = [int(number) for numbers in printed for number in numbers]
    assert sorted(made) == list(range(ROUNDS))
    assert all(len(store.query("seeds", number)) == 1 for number in range(ROUNDS))
    report = filesystem.document("index", "verify", "seeds", "--store", filesystem.store)
    assert report["clean"]
    filesystem.require_clean()
