"""open(2) and its flags, close(2)."""

import errno
import mmap
import os
import stat
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import KINDS, make
from tests.support.syscalls import refused

NEW: Final = os.O_CREAT | os.O_EXCL
WRITING: Final = (os.O_WRONLY, os.O_RDWR)


def open_and_close(path: Path | str, flags: int, mode: int = 0o644) -> None:
    os.close(os.open(path, flags, mode))


@pytest.mark.parametrize("mode", [0o000, 0o151, 0o600, 0o644, 0o777, 0o4755, 0o6755, 0o1644])
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_new_file_has_the_mode_that_the_umask_leaves(root: Path, mode: int, umask: int) -> None:
    os.umask(umask)
    open_and_close(root / "new", NEW | os.O_WRONLY, mode)
    assert os.stat(root / "new").st_mode == stat.S_IFREG | mode & ~umask


def test_a_new_file_is_empty_and_has_one_name(root: Path) -> None:
    descriptor = os.open(root / "new", NEW | os.O_RDWR)
    status = os.fstat(descriptor)
    assert (status.st_size, status.st_nlink, status.st_blocks) == (0, 1, 0)
    assert os.read(descriptor, 10) == b""
    os.close(descriptor)


@needs_root
def test_a_new_file_belongs_to_who_made_it(root: Path) -> None:
    root.chmod(0o777)
    with as_user(USER, SHARED_GROUP):
        open_and_close(root / "new", NEW | os.O_WRONLY)
    status = os.stat(root / "new")
    assert (status.st_uid, status.st_gid) == (USER, SHARED_GROUP)


@pytest.mark.parametrize("kind", KINDS)
def test_o_excl_refuses_whatever_is_there(root: Path, kind: str) -> None:
    make(kind, root / "taken")
    with refused(errno.EEXIST):
        os.open(root / "taken", NEW | os.O_WRONLY)


def test_o_creat_opens_what_is_there_and_leaves_its_mode(root: Path) -> None:
    (root / "file").write_bytes(b"kept")
    os.chmod(root / "file", 0o640)
    descriptor = os.open(root / "file", os.O_CREAT | os.O_RDWR, 0o777)
    assert os.read(descriptor, 10) == b"kept"
    assert stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o640
    os.close(descriptor)


def test_o_creat_through_a_link_makes_its_target(root: Path) -> None:
    (root / "link").symlink_to("target")
    open_and_close(root / "link", os.O_CREAT | os.O_WRONLY)
    assert (root / "target").is_file()


def test_o_creat_with_a_slash_at_the_end_is_refused(root: Path) -> None:
    with refused(errno.EISDIR):
        os.open(f"{root}/new/", os.O_CREAT | os.O_WRONLY)
    assert os.listdir(root) == []


@pytest.mark.parametrize("flags", WRITING)
def test_o_trunc_empties(root: Path, flags: int) -> None:
    (root / "file").write_bytes(b"bytes" * 100_000)
    descriptor = os.open(root / "file", flags | os.O_TRUNC)
    assert os.fstat(descriptor).st_size == 0
    os.write(descriptor, b"new")
    os.close(descriptor)
    assert (root / "file").read_bytes() == b"new"


def test_o_trunc_is_seen_by_who_has_it_open(root: Path) -> None:
    (root / "file").write_bytes(b"before")
    with open(root / "file", "rb", buffering=0) as reader:
        assert reader.read(3) == b"bef"
        open_and_close(root / "file", os.O_WRONLY | os.O_TRUNC)
        assert reader.read() == b""
        assert os.fstat(reader.fileno()).st_size == 0


@pytest.mark.parametrize("size", [0, 3, 100_000])
def test_o_append_writes_at_the_end_whatever_the_offset(root: Path, size: int) -> None:
    (root / "file").write_bytes(b"a" * size)
    descriptor = os.open(root / "file", os.O_RDWR | os.O_APPEND)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, b"one")
    os.lseek(descriptor, 1, os.SEEK_SET)
    os.write(descriptor, b"two")
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == size + 6
    os.close(descriptor)
    assert (root / "file").read_bytes() == b"a" * size + b"onetwo"


def test_appenders_do_not_overwrite_each_other(root: Path) -> None:
    one = os.open(root / "file", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    two = os.open(root / "file", os.O_WRONLY | os.O_APPEND)
    for number in range(50):
        os.write(one, b"<%d" % number)
        os.write(two, b">")
    os.close(one)
    os.close(two)
    assert (root / "file").read_bytes() == b"".join(b"<%d>" % number for number in range(50))


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_CREAT])
def test_a_directory_is_opened_for_reading_only(root: Path, flags: int) -> None:
    with refused(errno.EISDIR):
        os.open(root, flags)
    descriptor = os.open(root, os.O_RDONLY)
    with refused(errno.EISDIR):
        os.read(descriptor, 1)
    with refused(errno.EBADF):
        os.write(descriptor, b"x")
    os.close(descriptor)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "directory"])
def test_o_directory_refuses_all_but_directories(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    with refused(errno.ENOENT if kind == "symlink" else errno.ENOTDIR):
        os.open(root / "thing", os.O_RDONLY | os.O_DIRECTORY)
    open_and_close(root, os.O_RDONLY | os.O_DIRECTORY)


@pytest.mark.parametrize("target", ["file", "nowhere", "self"])
def test_o_nofollow_refuses_a_link(root: Path, target: str) -> None:
    make("file", root / "file")
    (root / "self").symlink_to(target)
    with refused(errno.ELOOP):
        os.open(root / "self", os.O_RDONLY | os.O_NOFOLLOW)
    open_and_close(root / "file", os.O_RDONLY | os.O_NOFOLLOW)


@pytest.mark.parametrize("kind", KINDS)
def test_o_path_names_a_thing_without_opening_it(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing", 0)
    descriptor = os.open(thing, os.O_PATH | os.O_NOFOLLOW)
    assert os.fstat(descriptor).st_ino == os.lstat(thing).st_ino
    with refused(errno.EBADF):
        os.read(descriptor, 1)
    os.close(descriptor)


def test_o_direct_reads_and_writes_the_same_bytes(root: Path) -> None:
    """Aligned, as on any filesystem; mixed with ordinary reading and writing."""
    page = mmap.mmap(-1, 8192)
    page[:] = b"direct!!" * 1024
    descriptor = os.open(root / "file", os.O_CREAT | os.O_RDWR | os.O_DIRECT)
    assert os.write(descriptor, page) == 8192
    with open(root / "file", "r+b", buffering=0) as ordinary:
        assert ordinary.read() == page[:]
        ordinary.seek(4096)
        ordinary.write(b"ordinary")
    page[:] = bytes(8192)
    assert os.preadv(descriptor, [page], 0) == 8192
    assert page[4088:4112] == b"direct!!ordinarydirect!!"
    os.close(descriptor)


def test_o_direct_is_seen_by_who_has_read_before(root: Path) -> None:
    """The pages a reader left in the kernel's cache must not hide a later direct write."""
    (root / "file").write_bytes(b"old." * 1024)
    with open(root / "file", "rb", buffering=0) as reader:
        assert reader.read(4) == b"old."
        page = mmap.mmap(-1, 4096)
        page[:] = b"new." * 1024
        descriptor = os.open(root / "file", os.O_RDWR | os.O_DIRECT)
        os.pwritev(descriptor, [page], 0)
        assert os.pread(reader.fileno(), 4, 0) == b"new."
        os.close(descriptor)
    assert (root / "file").read_bytes() == b"new." * 1024


def test_o_sync_and_o_dsync_write(root: Path) -> None:
    for name, flag in (("sync", os.O_SYNC), ("dsync", os.O_DSYNC)):
        descriptor = os.open(root / name, NEW | os.O_WRONLY | flag)
        os.write(descriptor, b"durable")
        os.close(descriptor)
        assert (root / name).read_bytes() == b"durable"


@needs_root
def test_o_noatime_is_for_the_owner(root: Path) -> None:
    make("file", root / "file", 0o666)
    os.chown(root / "file", USER, USER)
    with as_user(USER):
        open_and_close(root / "file", os.O_RDONLY | os.O_NOATIME)
    os.chown(root / "file", 0, 0)
    with as_user(USER), refused(errno.EPERM):
        os.open(root / "file", os.O_RDONLY | os.O_NOATIME)


def test_a_running_program_is_not_written(root: Path) -> None:
    program = root / "sleep"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([program, "60"]) as running:
        with refused(errno.ETXTBSY):
            os.open(program, os.O_WRONLY)
        with refused(errno.ETXTBSY):
            os.truncate(program, 0)
        running.kill()
    open_and_close(program, os.O_WRONLY)


def test_a_file_open_for_writing_is_not_run(root: Path) -> None:
    program = root / "true"
    program.write_bytes(Path("/bin/true").read_bytes())
    program.chmod(0o755)
    with open(program, "r+b"), refused(errno.ETXTBSY):
        subprocess.run([program], check=True)
    subprocess.run([program], check=True)


def test_each_open_has_an_offset_of_its_own_and_dup_shares_it(root: Path) -> None:
    (root / "file").write_bytes(b"0123456789")
    one, two = os.open(root / "file", os.O_RDONLY), os.open(root / "file", os.O_RDONLY)
    shared = os.dup(one)
    assert os.read(one, 3) == b"012"
    assert os.read(two, 3) == b"012"
    assert os.read(shared, 3) == b"345"
    for descriptor in (one, two, shared):
        os.close(descriptor)
    with refused(errno.EBADF):
        os.read(one, 1)


def test_a_thousand_files_open_at_once(root: Path) -> None:
    descriptors = [os.open(root / str(n), NEW | os.O_RDWR) for n in range(500)]
    for number, descriptor in enumerate(descriptors):
        os.write(descriptor, b"%d" % number)
    assert [os.pread(d, 9, 0) for d in descriptors] == [b"%d" % n for n in range(500)]
    for descriptor in descriptors:
        os.close(descriptor)
    assert [(root / str(n)).read_bytes() for n in (0, 250, 499)] == [b"0", b"250", b"499"]
