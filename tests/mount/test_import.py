"""`cairnfs import` on a mount and beside one, against what `survey` sees of the folder."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.as_user import needs_root
from tests.support.mounted import MountedStore, mounted
from tests.support.trees import change_tree, make_real_tree, survey

pytestmark = [pytest.mark.mount, needs_root]  # the tree has owners that only root can give
FILES = 600
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def real_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of real files, with whatever backups meet."""
    tree = tmp_path_factory.mktemp("real") / "tree"
    make_real_tree(tree, FILES)
    return tree


def require_equal(source: Path, copy: Path) -> None:
    wanted, found = survey(source), survey(copy)
    del wanted["."], found["."]  # where it goes was there before
    assert found == wanted


def test_a_tree_comes_in_whole_and_again_with_its_changes(real_tree: Path) -> None:
    with mounted() as store:
        target = store.mountpoint / "a/b"
        made = store.document("import", real_tree, target)
        assert (made["failures"], made["unchanged"]) == (0, 0)
        require_equal(real_tree, target)
        again = store.document("import", real_tree, target)
        assert (again["files"], again["directories"], again["links"]) == (0, 0, 0)
        assert sorted(os.listdir(target)) == sorted(os.listdir(real_tree))  # known to the kernel
        change_tree(real_tree)
        store.document("import", real_tree, target)
        found = survey(target)
        for path, look in survey(real_tree).items():
            links = found[path].links  # names that the folder has lost stay
            assert path == "." or found[path] == replace(look, links=links), path
        store.remount()
        assert survey(target) == found


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_an_import_that_a_kill_cuts_short_is_gone_on_with(real_tree: Path) -> None:
    with mounted() as store:
        target = store.mountpoint / "copy"
        command = [
            *store._command,
            "--store",
            str(store.store),
            "import",
            str(real_tree),
            str(target),
        ]
        environment = {**os.environ, **store.environment}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as importing:
            wait_until(target.is_dir, "nothing is imported")
            store.kill()
            importing.wait(PATIENCE_SECONDS)
        at = ("--store", store.store)
        (job,) = store.document("jobs", "list", *at)["jobs"]
        assert (job["command"], job["state"]) == ("import", "waiting")
        store.mount()
        wait_until(lambda: store.ask("jobs-list")["jobs"] == [], "it never ends")
        require_equal(real_tree, target)


def refusal(store: MountedStore, *arguments: Path) -> str:
    refused = store.cairnfs("import", *arguments, check=False)
    assert (refused.status, len(refused.stderr.splitlines())) in ((1, 1), (2, 1))
    return refused.stderr


def test_what_cannot_be_imported_is_told(tmp_path: Path) -> None:
    (tmp_path / "source/.snapshots").mkdir(parents=True)
    (tmp_path / "source/file").write_bytes(b"a file")
    with mounted() as store:
        assert "lies in that store already" in refusal(store, store.mountpoint, store.mountpoint)
        assert "No such file" in refusal(store, tmp_path / "nothing", store.mountpoint)
        assert "view" in refusal(store, tmp_path / "source", store.mountpoint / ".snapshots/x")
        told = store.cairnfs("import", tmp_path / "source", store.mountpoint, check=False)
        assert (told.status, "1 entries, 6 B" in told.stdout) == (1, True), told
        assert told.stderr.startswith("not imported: .snapshots: ")
        assert (store.mountpoint / "file").read_bytes() == b"a file"
        store.umount()
        (tmp_path / "source/.snapshots").rmdir()
        told = store.cairnfs("--store", store.store, "import", tmp_path / "source", "/")
        assert "1 were there already" in told.stdout


def test_attributes_that_a_folder_gets_are_those_the_kernel_goes_by(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with mounted() as store:
        folder = store.mountpoint / "folder"
        folder.mkdir(0o755)
        assert folder.stat().st_mode & 0o777 == 0o755  # which is remembered
        (tmp_path / "folder").chmod(0o700)
        os.utime(tmp_path / "folder", (10**9, 10**9))
        store.document("import", tmp_path, store.mountpoint)
        found = folder.stat()
        assert (found.st_mode & 0o777, found.st_mtime) == (0o700, 10**9)
