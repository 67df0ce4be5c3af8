"""Views in the mount, seen through a sample of one."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore, mounted
from tests.support.processes import run

COMMAND = (sys.executable, "-m", "tests.support.sample_view")


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted(command=COMMAND) as store:
        (store.mountpoint / "full").mkdir()
        (store.mountpoint / "full" / "file").write_bytes(b"stored bytes")
        yield store


@pytest.fixture
def mount(store: MountedStore) -> Path:
    return store.mountpoint


@pytest.fixture
def folder(mount: Path, request: pytest.FixtureRequest) -> Path:
    """A folder that does not list its view."""
    folder = mount / str(request.node.name)
    folder.mkdir()
    return folder


@pytest.fixture
def listed(mount: Path, request: pytest.FixtureRequest) -> Path:
    """A folder that lists its view."""
    folder = mount / f"listed-{request.node.name}"
    folder.mkdir()
    return folder


def errno_of(action: object, *arguments: object) -> int:
    with pytest.raises(OSError) as caught:  # noqa: PT011  # the number is what is looked at
        action(*arguments)  # type: ignore[operator]
    assert caught.value.errno is not None
    return caught.value.errno


def test_a_view_is_reached_by_name_and_not_listed(folder: Path) -> None:
    (folder / "file").write_bytes(b"")
    assert os.listdir(folder) == ["file"]
    assert (folder / ".metadata").is_dir()
    assert os.listdir(folder / ".metadata") == []


def test_a_view_is_listed_where_its_provider_says_so_and_last(listed: Path) -> None:
    for number in range(300):
        (listed / f"file-{number}").touch()
    names = os.listdir(listed)
    assert names[-1] == ".metadata"
    assert len(names) == len(set(names)) == 301


def test_a_listing_that_was_begun_before_can_go_on_and_begin_again(listed: Path) -> None:
    """As telldir, seekdir and rewinddir do."""
    for number in range(200):
        (listed / f"{number}").touch()
    with os.scandir(listed) as entries:
        first = next(entries).name
        (listed / "later").touch()
        assert len({first, *(entry.name for entry in entries)}) in {201, 202}


def test_a_reserved_name_without_a_provider_is_absent(folder: Path) -> None:
    assert errno_of(os.stat, folder / ".snapshots") == errno.ENOENT
    (folder / ".snapshots").mkdir()  # reserved in the root only


def test_every_kind_of_node_shows_what_it_is(mount: Path) -> None:
    view = mount / "full" / ".metadata"
    assert sorted(os.listdir(view)) == ["fixed", "growing", "link", "stored"]
    assert os.readlink(view / "link") == "target"
    assert (view / "fixed").read_bytes() == b"fixed" * 20_000
    assert (view / "fixed").stat().st_size == 100_000
    assert (view / "fixed").stat().st_mtime_ns == 10**18
    assert view.stat().st_nlink == 2
    assert errno_of(os.readlink, view / "fixed") == errno.EINVAL
    assert errno_of(os.stat, view / "fixed" / "below") == errno.ENOTDIR


def test_a_stored_file_may_have_a_name_in_a_view(mount: Path) -> None:
    shown = mount / "full" / ".metadata" / "stored"
    assert shown.read_bytes() == b"stored bytes"
    assert shown.stat().st_ino == (mount / "full" / "file").stat().st_ino


def test_inode_numbers_stay_the_same(store: MountedStore, mount: Path) -> None:
    names = (".", "fixed", "link")
    before = [os.lstat(mount / "full" / ".metadata" / name).st_ino for name in names]
    assert len(set(before)) == 3
    store.remount()
    assert before == [os.lstat(mount / "full" / ".metadata" / name).st_ino for name in names]


def test_size_and_time_are_those_of_the_moment(mount: Path) -> None:
    """The kernel believes what it knows of a regular file, unless told that it is another one."""
    growing = mount / "full" / ".metadata" / "growing"
    first, second = growing.stat(), growing.stat()
    assert second.st_size > first.st_size
    assert second.st_mtime_ns > first.st_mtime_ns
    assert second.st_ino == first.st_ino
    for _ in range(3):
        with growing.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            assert len(file.read()) >= size
            growing.stat()  # whoever looks meanwhile does not disturb the reader
            file.seek(0)
            assert len(file.read()) >= size


def test_a_descriptor_stays_good_when_its_file_is_looked_up(folder: Path) -> None:
    path = folder / ".metadata" / "file"
    with path.open("wb", buffering=0) as file:
        for number in range(1, 4):
            file.write(b"x" * 10)
            assert path.stat().st_size == 10 * number
    with path.open("r+b", buffering=0) as file:
        file.truncate(7)
        assert path.stat().st_size == 7
    path.write_bytes(b"again")
    assert path.read_bytes() == b"again"
    assert path.stat().st_size == 5


def test_files_are_made_renamed_and_removed(folder: Path) -> None:
    view = folder / ".metadata"
    (view / "below").mkdir()
    (view / "below" / ".new").write_bytes(b"one")
    (view / "below" / ".new").rename(view / "below" / "file")
    (view / "other").write_bytes(b"other")
    assert errno_of(os.link, view / "other", view / "linked") == errno.EXDEV
    assert errno_of(os.symlink, "target", view / "symlink") == errno.EPERM
    assert errno_of(os.mkfifo, view / "fifo") == errno.EPERM
    (view / "other").rename(view / "below" / "file")
    assert (view / "below" / "file").read_bytes() == b"other"
    assert errno_of(os.rmdir, view / "below") == errno.ENOTEMPTY
    assert errno_of(os.unlink, view / "below") == errno.EISDIR
    (view / "below" / "file").unlink()
    (view / "below").rmdir()
    assert os.listdir(view) == []
    (view / "again").write_bytes(b"1")
    (view / "again").unlink()
    (view / "again").write_bytes(b"")
    assert (view / "again").stat().st_size == 0


def test_attributes_of_a_view_are_set_and_xattrs_are_not_supported(folder: Path) -> None:
    path = folder / ".metadata" / "file"
    path.write_bytes(b"")
    path.chmod(0o600)
    os.utime(path, ns=(5, 5))
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.stat().st_mtime_ns == 5
    assert errno_of(os.setxattr, path, "user.name", b"value") == errno.EOPNOTSUPP
    assert errno_of(os.getxattr, path, "user.name") == errno.ENODATA
    assert os.listxattr(path) == []
    os.setxattr(folder, "user.name", b"value")  # stored files still take them


def test_what_a_file_may_not_hold_is_refused_at_close_and_at_fsync(folder: Path) -> None:
    path = folder / ".metadata" / "file"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"forbidden")
    assert errno_of(os.fsync, descriptor) == errno.EINVAL
    assert errno_of(os.close, descriptor) == errno.EINVAL


def test_nothing_is_moved_or_linked_between_views_and_stored_files(folder: Path) -> None:
    (folder / "stored").write_bytes(b"1")
    (folder / ".metadata" / "shown").write_bytes(b"2")
    assert errno_of(os.rename, folder / "stored", folder / ".metadata" / "x") == errno.EXDEV
    assert errno_of(os.rename, folder / ".metadata" / "shown", folder / "x") == errno.EXDEV
    assert errno_of(os.rename, folder / ".metadata", folder / "x") == errno.EXDEV
    assert errno_of(os.link, folder / "stored", folder / ".metadata" / "x") == errno.EXDEV
    assert errno_of(os.link, folder / ".metadata" / "shown", folder / "x") == errno.EXDEV
    run(["mv", folder / "stored", folder / ".metadata" / "moved"])
    run(["mv", "-n", folder / ".metadata" / "moved", folder / ".metadata" / "shown"], check=False)
    assert (folder / ".metadata" / "shown").read_bytes() == b"2"
    run(["mv", folder / ".metadata" / "shown", folder / "back"])
    assert sorted(os.listdir(folder)) == ["back"]
    assert (folder / "back").read_bytes() == b"2"


def test_names_of_views_cannot_be_taken(folder: Path) -> None:
    assert errno_of(os.mkdir, folder / ".metadata") == errno.EEXIST
    assert errno_of(os.unlink, folder / ".metadata") in {errno.EPERM, errno.EISDIR}
    (folder / "directory").mkdir()
    assert errno_of(os.rename, folder / "directory", folder / ".metadata") == errno.EPERM


def test_a_view_that_is_slow_keeps_nobody_waiting(folder: Path, tmp_path: Path) -> None:
    signal = tmp_path / "signal"
    slow = folder / ".metadata" / "slow"
    slow.write_bytes(os.fsencode(signal))
    answers: list[bytes] = []
    reader = threading.Thread(target=lambda: answers.append(slow.read_bytes()))
    reader.start()
    (folder / "file").write_bytes(b"others")
    assert (folder / "file").read_bytes() == b"others"
    assert os.listdir(folder / ".metadata") == ["slow"]
    assert answers == []
    signal.touch()
    reader.join()
    assert answers == [os.fsencode(signal)]


def test_statfs_of_a_view_is_that_of_the_mount(folder: Path) -> None:
    assert os.statvfs(folder / ".metadata").f_blocks == os.statvfs(folder).f_blocks


def fill(folder: Path) -> None:
    (folder / "below").mkdir()
    for number in range(5):
        (folder / "below" / f"file-{number}").write_bytes(b"bytes %d" % number)
    (folder / ".metadata" / "aa").mkdir()
    (folder / ".metadata" / "aa" / "document").write_bytes(b"document")


def test_tools_behave_where_views_are_listed(listed: Path, tmp_path: Path) -> None:
    fill(listed)
    copy, back = tmp_path / "copy", listed / "back"
    run(["cp", "-a", listed, copy])
    assert (copy / ".metadata" / "aa" / "document").read_bytes() == b"document"
    run(["diff", "-r", listed, copy])
    run(["rsync", "-a", "--delete", f"{copy}/", f"{back}/"])
    assert (back / ".metadata" / "aa" / "document").read_bytes() == b"document"
    assert run(["rsync", "-ai", "--delete", f"{copy}/", f"{back}/"]).stdout == ""
    archive = subprocess.run(
        ["tar", "-C", listed, "-c", "below", ".metadata"], check=True, capture_output=True
    ).stdout
    (listed / "unpacked").mkdir()
    subprocess.run(["tar", "-C", listed / "unpacked", "-x"], check=True, input=archive)
    run(["diff", "-r", copy / ".metadata", listed / "unpacked" / ".metadata"])
    run(["mv", listed / "unpacked", listed / "moved"])
    assert (listed / "moved" / ".metadata" / "aa" / "document").read_bytes() == b"document"
    run(["rm", "-r", listed])
    assert not listed.exists()


def test_tools_see_no_view_where_none_is_listed(folder: Path, tmp_path: Path) -> None:
    fill(folder)
    run(["cp", "-a", folder, tmp_path / "copy"])
    assert not (tmp_path / "copy" / ".metadata").exists()
    run(["diff", "-r", folder, tmp_path / "copy"])
    assert ".metadata" not in run(["find", folder]).stdout
    assert ".metadata" not in run(["tar", "-C", folder, "-cvf", "/dev/null", "."]).stdout
    run(["rsync", "-a", "--delete", f"{tmp_path}/copy/", f"{folder}/"])
    run(["rm", "-r", folder])
    assert not folder.exists()


def test_a_read_only_mount_shows_views(store: MountedStore, mount: Path) -> None:
    store.umount()
    store.mount("ro")
    view = mount / "full" / ".metadata"
    assert (view / "fixed").read_bytes() == b"fixed" * 20_000
    assert errno_of((view / "new").write_bytes, b"") == errno.EROFS
    store.remount()
