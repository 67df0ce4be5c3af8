"""unlink(2), and files that are open while they have no name."""

import errno
import mmap
import os
import stat
from pathlib import Path

import pytest

from tests.support.as_user import OTHER, USER, as_user, needs_root
from tests.support.nodes import NO_DIRECTORIES, make
from tests.support.syscalls import refused


@pytest.mark.parametrize("kind", NO_DIRECTORIES)
def test_it_removes_the_name(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    os.unlink(thing)
    assert os.listdir(root) == []
    with refused(errno.ENOENT):
        os.lstat(thing)
    with refused(errno.ENOENT):
        os.unlink(thing)


def test_a_directory_is_refused(root: Path) -> None:
    make("directory", root / "folder")
    with refused(errno.EISDIR):
        os.unlink(root / "folder")
    with refused(errno.EISDIR):
        os.unlink(f"{root}/folder/")
    with refused(errno.EISDIR, errno.EINVAL):
        os.unlink(f"{root}/folder/.")
    assert os.listdir(root) == ["folder"]


def test_a_slash_after_a_file_is_refused(root: Path) -> None:
    make("file", root / "file")
    with refused(errno.ENOTDIR):
        os.unlink(f"{root}/file/")


def test_it_removes_a_link_and_not_where_it_leads(root: Path) -> None:
    make("file", root / "file")
    (root / "link").symlink_to("file")
    os.unlink(root / "link")
    assert os.listdir(root) == ["file"]


@needs_root
@pytest.mark.parametrize("kind", NO_DIRECTORIES)
def test_who_may_write_the_folder_may_remove_what_is_not_his(root: Path, kind: str) -> None:
    root.chmod(0o777)
    os.lchown(make(kind, root / "thing", 0o600), OTHER, OTHER)
    with as_user(USER):
        os.unlink(root / "thing")
    assert os.listdir(root) == []


@pytest.fixture
def nameless(root: Path) -> int:
    """A descriptor of a file with ten bytes and no name."""
    descriptor = os.open(root / "file", os.O_CREAT | os.O_RDWR)
    os.write(descriptor, b"0123456789")
    os.unlink(root / "file")
    return descriptor


def test_an_open_file_has_no_links_and_all_its_bytes(root: Path, nameless: int) -> None:
    assert os.listdir(root) == []
    assert os.fstat(nameless).st_nlink == 0
    assert os.fstat(nameless).st_size == 10
    assert os.pread(nameless, 20, 0) == b"0123456789"
    os.close(nameless)


def test_an_open_file_is_written_and_cut_as_before(root: Path, nameless: int) -> None:
    os.pwrite(nameless, b"abc", 3)
    os.ftruncate(nameless, 8)
    os.pwrite(nameless, b"end", 1 << 20)
    os.fsync(nameless)
    assert os.fstat(nameless).st_size == (1 << 20) + 3
    assert os.pread(nameless, 10, 0) == b"012abc67\0\0"
    assert os.pread(nameless, 10, 1 << 20) == b"end"
    os.close(nameless)


def test_an_open_file_takes_attributes_as_before(root: Path, nameless: int) -> None:
    os.fchmod(nameless, 0o751)
    os.utime(nameless, ns=(1, 2))
    os.setxattr(nameless, b"user.a", b"value")
    status = os.fstat(nameless)
    assert stat.S_IMODE(status.st_mode) == 0o751
    assert (status.st_atime_ns, status.st_mtime_ns) == (1, 2)
    assert os.getxattr(nameless, b"user.a") == b"value"
    os.close(nameless)


def test_an_open_file_is_opened_again_through_its_descriptor(root: Path, nameless: int) -> None:
    second = os.open(f"/proc/self/fd/{nameless}", os.O_RDWR)
    os.write(second, b"second")
    assert os.pread(nameless, 10, 0) == b"second6789"
    os.close(nameless)
    assert os.pread(second, 10, 0) == b"second6789"
    os.close(second)


def test_a_file_held_by_its_path_alone_is_opened_after_its_name_is_gone(root: Path) -> None:
    """O_PATH opens nothing, but the kernel holds the inode, so it must still be there."""
    (root / "file").write_bytes(b"held")
    held = os.open(root / "file", os.O_PATH)
    os.unlink(root / "file")
    assert os.fstat(held).st_nlink == 0
    with open(f"/proc/self/fd/{held}", "rb") as file:
        assert file.read() == b"held"
    os.close(held)


def test_an_open_file_does_not_meet_the_next_one_of_its_name(root: Path, nameless: int) -> None:
    (root / "file").write_bytes(b"another")
    assert os.fstat(nameless).st_ino != os.stat(root / "file").st_ino
    os.pwrite(nameless, b"x", 0)
    assert (root / "file").read_bytes() == b"another"
    assert os.pread(nameless, 10, 0) == b"x123456789"
    os.close(nameless)


def test_a_map_outlives_name_and_descriptor(root: Path, nameless: int) -> None:
    memory = mmap.mmap(nameless, 10)
    os.close(nameless)
    memory[0:3] = b"map"
    memory.flush()
    assert memory[:] == b"map3456789"
    memory.close()


def test_many_open_files_without_names(root: Path) -> None:
    descriptors = []
    for number in range(100):
        descriptor = os.open(root / "file", os.O_CREAT | os.O_RDWR)
        os.write(descriptor, b"%d" % number)
        os.unlink(root / "file")
        descriptors.append(descriptor)
    assert [os.pread(d, 9, 0) for d in descriptors] == [b"%d" % n for n in range(100)]
    assert len({os.fstat(descriptor).st_ino for descriptor in descriptors}) == 100
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_file_replaced_by_a_rename_stays_open(root: Path) -> None:
    (root / "file").write_bytes(b"old")
    descriptor = os.open(root / "file", os.O_RDONLY)
    (root / "next").write_bytes(b"new")
    os.rename(root / "next", root / "file")
    assert os.read(descriptor, 9) == b"old"
    assert os.fstat(descriptor).st_nlink == 0
    assert (root / "file").read_bytes() == b"new"
    os.close(descriptor)
