"""Snapshots, clones and locks from the command line, on a mounted store and on one that is not."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from errno import EPERM
from typing import Any

import pytest

from tests.support.mounted import MountedStore, mounted
from tests.support.trees import make_real_tree, survey
from tests.support.waiting import wait_until

pytestmark = pytest.mark.mount


@pytest.fixture
def store() -> Iterator[MountedStore]:
    with mounted() as store:
        yield store


def changes(found: dict[str, Any]) -> set[tuple[str, str]]:
    assert found["count"] == len(found["differences"])
    return {(each["change"], each["path"]) for each in found["differences"]}


def test_a_snapshot_is_made_compared_restored_and_deleted(store: MountedStore) -> None:
    mount, cairnfs = store.mountpoint, ("--store", store.store)
    tree = mount / "tree"
    make_real_tree(tree, files=10)
    store.remount()  # the kernel tells times of written files as late as that
    before = survey(tree)
    made = store.document(*cairnfs, "snapshot", "create", "first")
    assert made["files"] == store.stats()["files"]
    (tree / "odd/one name").write_bytes(b"changed")
    shutil.rmtree(tree / "0")
    (tree / "new").write_bytes(b"new")
    found = changes(store.document(*cairnfs, "snapshot", "diff", "first"))
    assert ("added", "/tree/new") in found
    assert ("removed", "/tree/0") in found
    assert ("modified", "/tree/odd/one name") in found
    below = store.document(*cairnfs, "snapshot", "diff", "first", "--path", tree / "odd")
    assert changes(below) == {each for each in found if each[1].startswith("/tree/odd")}
    assert not (tree / "0").exists()  # the kernel knows that now
    store.cairnfs(*cairnfs, "snapshot", "restore", "first", tree / "0")
    assert (tree / "0").is_dir()
    store.cairnfs(*cairnfs, "snapshot", "restore", "first", tree)
    assert survey(tree) == before
    listed = store.cairnfs(*cairnfs, "snapshot", "list").stdout
    assert listed.startswith("first ")
    store.umount()
    assert store.document(*cairnfs, "snapshot", "list")["snapshots"] == [made]
    assert store.document(*cairnfs, "snapshot", "diff", "first")["count"] == 0
    store.cairnfs(*cairnfs, "snapshot", "restore", "first", "/tree/odd", "--to", "/copy")
    store.mount()
    odd = {path.removeprefix("odd/"): look for path, look in before.items() if "odd" in path}
    copy = survey(mount / "copy")
    assert {path: copy[path] for path in odd if path != "odd"} == {
        path: look for path, look in odd.items() if path != "odd"
    }
    store.cairnfs(*cairnfs, "snapshot", "delete", "first")
    assert store.document(*cairnfs, "snapshot", "list") == {"snapshots": []}


def test_what_is_written_to_an_open_file_is_part_of_a_snapshot(store: MountedStore) -> None:
    path = store.mountpoint / "file"
    with path.open("wb", buffering=0) as file:
        file.write(b"first")
        os.fsync(file.fileno())
        store.cairnfs("--store", store.store, "snapshot", "create", "now")
        file.write(b" and more")
    store.cairnfs("--store", store.store, "snapshot", "restore", "now", path)
    assert path.read_bytes() == b"first"


def test_a_clone_is_there_at_once_and_is_its_own(store: MountedStore) -> None:
    mount = store.mountpoint
    make_real_tree(mount / "tree", files=10)
    store.remount()
    before = survey(mount / "tree")
    assert not (mount / "copy").exists()
    store.cairnfs("clone", mount / "tree", mount / "copy")
    assert survey(mount / "copy") == before
    (mount / "copy/odd/one name").write_bytes(b"changed")
    assert survey(mount / "tree") == before
    again = store.cairnfs("clone", mount / "tree", mount / "copy", check=False)
    assert (again.status, again.stderr) == (1, "cairnfs: copy exists there already\n")
    store.umount()
    store.cairnfs("--store", store.store, "clone", "/tree", "/copy/inner")
    store.mount()
    assert survey(mount / "copy/inner") == before


def test_what_is_locked_cannot_be_changed_through_the_mount(store: MountedStore) -> None:
    folder = store.mountpoint / "folder"
    folder.mkdir()
    file = folder / "file"
    file.write_bytes(b"bytes")
    opened = os.open(file, os.O_RDWR)
    done = store.document("lock", "--recursive", folder)
    assert (done["path"], done["changed"]) == ("/folder", 2)
    assert os.read(opened, 9) == b"bytes"
    os.write(opened, b"more")
    with pytest.raises(PermissionError):
        os.fsync(opened)
    with suppress(PermissionError):
        os.close(opened)
    wait_until(lambda: file.read_bytes() == b"bytes", "the kernel shows what was refused")
    for act in (
        lambda: file.write_bytes(b"x"),
        lambda: file.chmod(0),
        file.unlink,
        lambda: file.rename(store.mountpoint / "other"),
        lambda: os.link(file, store.mountpoint / "other"),
        lambda: os.truncate(file, 0),
        lambda: os.utime(file),
        lambda: (folder / "new").write_bytes(b""),
        lambda: folder.rename(store.mountpoint / "other"),
    ):
        with pytest.raises(PermissionError) as refused:
            act()
        assert refused.value.errno == EPERM
    store.remount()
    assert file.read_bytes() == b"bytes"
    store.cairnfs("lock", "--undo", "-r", folder)
    file.write_bytes(b"x")
    store.expected_warnings.append("is locked")


@pytest.mark.parametrize("served", [True, False])
def test_bad_input_is_told_in_one_line(store: MountedStore, served: bool) -> None:
    if not served:
        store.umount()
    for arguments, told in [
        (("snapshot", "create", ".hidden"), "cannot name a snapshot"),
        (("snapshot", "diff", "none"), "there is no snapshot 'none'"),
        (("snapshot", "restore", "none", "/x"), "there is no snapshot 'none'"),
        (("clone", "/none", "/x"), "no entry"),
        (("clone", "/", "/"), "name a file or folder below it"),
        (("lock", "/none"), "no entry"),
    ]:
        result = store.cairnfs("--store", store.store, *arguments, check=False)
        assert result.status == 1
        assert told in result.stderr
        assert result.stderr.count("\n") == 1


def test_what_a_snapshot_has_is_cloned(store: MountedStore) -> None:
    folder = store.mountpoint / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/file").write_bytes(b"as it was")
    store.cairnfs("snapshot", "create", "then", "--store", store.store)
    (folder / "deep/file").write_bytes(b"as it is")
    then = store.mountpoint / ".snapshots/then"
    for source, copy in (
        (then / "folder/deep/file", "file"),
        (then / "folder", "tree"),
        (then, "all"),
    ):
        store.cairnfs("clone", source, store.mountpoint / copy)
    assert (store.mountpoint / "file").read_bytes() == b"as it was"
    assert (store.mountpoint / "tree/deep/file").read_bytes() == b"as it was"
    assert (store.mountpoint / "all/folder/deep/file").read_bytes() == b"as it was"
    assert sorted(os.listdir(store.mountpoint / "all")) == ["folder"]
    for source, copy in (
        (then / "folder", "tree"),
        (then / "nothing", "new"),
        (then.parent, "new"),
    ):
        refused = store.cairnfs("clone", source, store.mountpoint / copy, check=False)
        assert (refused.status, len(refused.stderr.splitlines())) == (1, 1)
    assert not (store.mountpoint / "new").exists()


def test_snapshots_and_clones_survive_a_kill(store: MountedStore) -> None:
    (store.mountpoint / "file").write_bytes(b"bytes")
    store.cairnfs("--store", store.store, "snapshot", "create", "kept")
    store.cairnfs("clone", store.mountpoint / "file", store.mountpoint / "copy")
    store.kill_and_mount()
    found = store.document("--store", store.store, "snapshot", "list")["snapshots"]
    assert [each["name"] for each in found] == ["kept"]
    assert (store.mountpoint / "copy").read_bytes() == b"bytes"
