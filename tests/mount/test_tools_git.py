"""git: clone, commit, branch, gc, fsck --strict."""

import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import Finished, run

NO_BYTECODE = shutil.ignore_patterns("__pycache__")  # half of the bytes, and none of the history
SETTINGS = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "A Tester" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "tester@example.org" for who in ("AUTHOR", "COMMITTER")},
}


def git(folder: Path, *words: str | Path) -> Finished:
    command = ["git", "-c", "init.defaultBranch=main", "-c", "safe.directory=*", *words]
    return run(command, cwd=folder, env=SETTINGS)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with some history of real files, made on the host."""
    folder = tmp_path_factory.mktemp("origin")
    git(folder, "init", "-q")
    stdlib = Path(sysconfig.get_path("stdlib"))
    for package in ("json", "email", "asyncio", "unittest"):
        shutil.copytree(stdlib / package, folder / package, ignore=NO_BYTECODE)
        git(folder, "add", ".")
        git(folder, "commit", "-qm", f"Add {package}")
    shutil.rmtree(folder / "email")
    (folder / "json/__init__.py").write_text("# replaced\n")
    git(folder, "commit", "-qam", "Remove one, replace another")
    return folder


def require_sound(clone: Path) -> None:
    git(clone, "fsck", "--strict", "--full", "--no-dangling")
    assert git(clone, "status", "--porcelain").stdout == ""


def test_clone_commit_gc(root: Path, origin: Path, renew: Callable[[], None]) -> None:
    git(root, "clone", "-q", f"file://{origin}", "clone")
    clone = root / "clone"
    renew()
    require_sound(clone)
    git(clone, "checkout", "-qb", "work", "HEAD~2")
    (clone / "new.txt").write_text("new\n" * 1000)
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "Work")
    git(clone, "merge", "-q", "--no-edit", "main")
    renew()
    require_sound(clone)
    git(clone, "gc", "-q", "--aggressive", "--prune=now")
    renew()
    require_sound(clone)
    assert git(clone, "log", "--oneline").stdout.count("\n") == 7
    git(root, "clone", "-q", "--bare", "clone", "bare.git")
    git(clone, "push", "-q", root / "bare.git", "HEAD:refs/heads/pushed")
    git(root / "bare.git", "fsck", "--strict")


def test_a_repository_made_in_the_mount_is_cloned_out(
    root: Path, tmp_path: Path, origin: Path
) -> None:
    shutil.copytree(origin, root / "repository", symlinks=True)
    require_sound(root / "repository")
    git(tmp_path, "clone", "-q", root / "repository", "out")
    require_sound(tmp_path / "out")
    log = [git(folder, "log", "--format=%H").stdout for folder in (origin, tmp_path / "out")]
    assert log[0] == log[1]


def test_checkouts_back_and_forth(root: Path, origin: Path) -> None:
    """git decides by size and times what has changed: these have to be right at once."""
    git(root, "clone", "-q", origin, "clone")
    clone = root / "clone"
    for revision in ("HEAD~3", "main", "HEAD~1", "main"):
        git(clone, "checkout", "-q", revision)
        assert git(clone, "status", "--porcelain").stdout == ""
    script = "import json, sys; print(json.__file__)"
    shown = run([sys.executable, "-c", script], cwd=clone, env={"PYTHONPATH": str(clone)}).stdout
    assert shown.strip() == str(clone / "json/__init__.py")
    told = git(clone, "status", "--porcelain", "--ignored=no").stdout.splitlines()
    assert all(line.startswith("?? ") for line in told), told  # bytecode at most


def test_worktrees_and_stashes(root: Path, origin: Path) -> None:
    git(root, "clone", "-q", origin, "clone")
    clone = root / "clone"
    git(clone, "worktree", "add", "-q", root / "second", "HEAD~1")
    (clone / "json/__init__.py").write_text("# changed\n")
    git(clone, "stash", "-q")
    assert git(clone, "status", "--porcelain").stdout == ""
    git(clone, "stash", "pop", "-q")
    assert git(clone, "status", "--porcelain").stdout == " M json/__init__.py\n"
    require_sound(root / "second")
