"""mkdir(2)."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import make
from tests.support.syscalls import coarse_now, is_stamped_since, refused

MODES: Final = (0o000, 0o151, 0o700, 0o755, 0o777, 0o1777)
UMASKS: Final = (0o000, 0o022, 0o027, 0o077, 0o777)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("umask", UMASKS)
def test_the_mode_is_what_the_umask_leaves(root: Path, mode: int, umask: int) -> None:
    os.umask(umask)
    os.mkdir(root / "new", mode)
    assert os.stat(root / "new").st_mode == stat.S_IFDIR | mode & ~umask


def test_set_id_bits_cannot_be_asked_for(root: Path) -> None:
    os.mkdir(root / "new", 0o6755)
    assert stat.S_IMODE(os.stat(root / "new").st_mode) == 0o755


def test_it_is_empty_and_new(root: Path) -> None:
    before = coarse_now()
    os.mkdir(root / "new")
    status = os.stat(root / "new")
    assert os.listdir(root / "new") == []
    assert status.st_nlink == 2
    assert status.st_ino != os.stat(root).st_ino
    assert is_stamped_since(status, before)


def test_each_folder_inside_counts_as_a_link_of_its_parent(root: Path) -> None:
    for number in range(3):
        assert os.stat(root).st_nlink == 2 + number
        os.mkdir(root / str(number))
    make("file", root / "file")
    assert os.stat(root).st_nlink == 5
    os.rmdir(root / "1")
    assert os.stat(root).st_nlink == 4


def test_its_dots_lead_to_itself_and_its_parent(root: Path) -> None:
    os.mkdir(root / "new")
    assert os.stat(f"{root}/new/.").st_ino == os.stat(root / "new").st_ino
    assert os.stat(f"{root}/new/..").st_ino == os.stat(root).st_ino


def test_a_slash_at_the_end_is_fine(root: Path) -> None:
    os.mkdir(f"{root}/new//")
    assert os.listdir(root) == ["new"]


@pytest.mark.parametrize("path", [".", "..", "there/.", "there/.."])
def test_what_is_there_already_is_refused(
    root: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    os.mkdir("there")
    with refused(errno.EEXIST):
        os.mkdir(path)


def test_a_link_that_leads_nowhere_is_in_the_way(root: Path) -> None:
    (root / "link").symlink_to("nowhere")
    with refused(errno.EEXIST):
        os.mkdir(root / "link")
    assert not (root / "nowhere").exists()


def test_a_removed_folder_takes_nothing_new(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkdir(root / "gone")
    monkeypatch.chdir(root / "gone")
    os.rmdir(root / "gone")
    with refused(errno.ENOENT):
        os.mkdir("inside")
    monkeypatch.chdir(root)


def test_a_deep_tree(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deeper than any path may be long."""
    monkeypatch.chdir(root)
    for _ in range(60):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    for _ in range(60):
        os.chdir("..")
        os.rmdir("d" * 200)
    assert Path.cwd() == root


@needs_root
def test_it_belongs_to_who_made_it(root: Path) -> None:
    root.chmod(0o777)
    with as_user(USER, SHARED_GROUP):
        os.mkdir(root / "new")
    status = os.stat(root / "new")
    assert (status.st_uid, status.st_gid) == (USER, SHARED_GROUP)
