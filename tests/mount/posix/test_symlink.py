"""symlink(2) and readlink(2)."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import KINDS, make
from tests.support.syscalls import coarse_now, is_stamped_since, refused

TARGET_BYTES_MAX: Final = 4095


@pytest.mark.parametrize(
    "target",
    [
        b"x",
        b"../up",
        b"/etc/passwd",
        b"with space\nand line",
        bytes(range(1, 256)),
        b"x" * 59,  # what ext4 keeps in the inode, and one more
        b"x" * 60,
        b"x" * TARGET_BYTES_MAX,
        "Grüße/日本".encode(),
    ],
    ids=["short", "up", "absolute", "space", "all bytes", "59", "60", "longest", "unicode"],
)
def test_it_keeps_any_bytes(root: Path, target: bytes) -> None:
    os.symlink(target, root / "link")
    assert os.readlink(os.fsencode(root / "link")) == target
    status = os.lstat(root / "link")
    assert status.st_mode == stat.S_IFLNK | 0o777
    assert status.st_size == len(target)
    assert status.st_nlink == 1


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_the_umask_does_not_count(root: Path, umask: int) -> None:
    os.umask(umask)
    os.symlink("to", root / "link")
    assert stat.S_IMODE(os.lstat(root / "link").st_mode) == 0o777


def test_a_target_too_long_or_empty_is_refused(root: Path) -> None:
    with refused(errno.ENAMETOOLONG):
        os.symlink("x" * (TARGET_BYTES_MAX + 1), root / "link")
    with refused(errno.ENOENT):
        os.symlink("", root / "link")
    assert os.listdir(root) == []


@pytest.mark.parametrize("kind", KINDS)
def test_it_leads_to_anything(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    os.symlink("thing", root / "link")
    if kind != "symlink":
        assert os.stat(root / "link").st_ino == os.lstat(thing).st_ino


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "symlink"])
def test_reading_what_is_no_link_is_refused(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    with refused(errno.EINVAL):
        os.readlink(root / "thing")


def test_it_leads_on_in_the_middle_of_a_path(root: Path) -> None:
    (root / "folder").mkdir()
    (root / "folder/file").write_bytes(b"found")
    os.symlink("folder", root / "relative")
    os.symlink(root / "folder", root / "absolute")
    os.symlink("../folder/file", root / "folder/up")
    for path in ("relative/file", "absolute/file", "relative/up", "absolute/../folder/up"):
        assert Path(f"{root}/{path}").read_bytes() == b"found"


def test_forty_links_in_a_row_are_followed_and_one_more_is_not(root: Path) -> None:
    (root / "0").write_bytes(b"end")
    for number in range(41):
        os.symlink(str(number), root / str(number + 1))
    assert (root / "40").read_bytes() == b"end"
    with refused(errno.ELOOP):
        os.stat(root / "41")


def test_a_link_to_a_folder_lists_as_the_folder(root: Path) -> None:
    make("file", make("directory", root / "folder") / "inside")
    os.symlink("folder", root / "link")
    assert os.listdir(root / "link") == ["inside"]
    with os.scandir(root) as entries:
        kinds = {entry.name: entry.is_symlink() for entry in entries}
    assert kinds == {"folder": False, "link": True}


def test_writing_through_a_dangling_link_makes_its_target(root: Path) -> None:
    os.symlink("target", root / "link")
    (root / "link").write_bytes(b"through")
    assert (root / "target").read_bytes() == b"through"


def test_its_times_are_now(root: Path) -> None:
    before = coarse_now()
    os.symlink("to", root / "link")
    status = os.lstat(root / "link")
    assert is_stamped_since(status, before)


@needs_root
def test_it_belongs_to_who_made_it(root: Path) -> None:
    root.chmod(0o777)
    with as_user(USER, SHARED_GROUP):
        os.symlink("to", root / "link")
    status = os.lstat(root / "link")
    assert (status.st_uid, status.st_gid) == (USER, SHARED_GROUP)
