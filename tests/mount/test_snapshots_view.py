"""`.snapshots` in the mount: made, browsed, copied and deleted with ordinary tools."""

import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.as_user import USER, as_user, needs_root
from tests.support.mounted import MountedStore, mounted
from tests.support.processes import run

SPARSE_BYTES = 1 << 28  # each byte of which is read several times


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted() as store:
        yield store


@pytest.fixture
def snapshots(store: MountedStore) -> Iterator[Path]:
    """The view, with nothing in it before and after."""
    snapshots = store.mountpoint / ".snapshots"
    assert os.listdir(snapshots) == []
    yield snapshots
    for snapshot in snapshots.iterdir():
        snapshot.rmdir()


@pytest.fixture
def folder(store: MountedStore, request: pytest.FixtureRequest) -> Path:
    folder = store.mountpoint / str(request.node.name)
    folder.mkdir()
    return folder


def fill(folder: Path) -> None:
    (folder / "below" / "deep").mkdir(parents=True)
    (folder / "below" / "deep" / "big").write_bytes(os.urandom(1 << 20))
    for number in range(300):
        (folder / "below" / f"{number}").write_bytes(b"%d" % number)
    (folder / "file").write_bytes(b"first")
    (folder / "file").chmod(0o4751)
    os.utime(folder / "file", ns=(3 * 10**18 // 2, 10**18))
    os.setxattr(folder / "file", "user.name", b"v" * 1000)
    os.link(folder / "file", folder / "below" / "linked")
    (folder / "link").symlink_to("below/deep")
    os.mkfifo(folder / "fifo")
    with (folder / "sparse").open("wb") as file:
        file.truncate(SPARSE_BYTES)
    if os.geteuid() == 0:
        os.mknod(folder / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))


def test_a_snapshot_shows_the_tree_as_it_was(snapshots: Path, folder: Path, tmp_path: Path) -> None:
    fill(folder)
    run(["cp", "-a", "--sparse=always", folder, tmp_path / "before"])
    before = (folder / "file").stat()
    (snapshots / "one").mkdir()
    shown = snapshots / "one" / folder.name
    run(["rm", "-rf", folder / "below"])
    (folder / "file").write_bytes(b"second")
    run(
        ["diff", "-r", "--no-dereference", "-x", "fifo", "-x", "device", tmp_path / "before", shown]
    )
    assert os.listdir(snapshots) == ["one"]
    found, linked = (shown / "file").stat(), (shown / "below" / "linked").stat()
    assert (found.st_mode, found.st_size, found.st_nlink) == (0o104751, 5, 2)
    times = (before.st_atime_ns, before.st_mtime_ns, before.st_ctime_ns)
    assert (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns) == times
    assert found.st_ino == linked.st_ino != (folder / "file").stat().st_ino
    assert os.getxattr(shown / "file", "user.name") == b"v" * 1000
    assert os.listxattr(shown / "file") == ["user.name"]
    assert os.readlink(shown / "link") == "below/deep"
    assert stat.S_ISFIFO((shown / "fifo").stat().st_mode)
    assert (shown / "sparse").stat().st_size == SPARSE_BYTES
    assert (snapshots / "one" / ".cairnfs").exists() is False
    assert ".snapshots" not in os.listdir(folder.parent)


def test_tools_copy_out_of_a_snapshot(snapshots: Path, folder: Path, tmp_path: Path) -> None:
    fill(folder)
    (folder / "sparse").unlink()
    (snapshots / "one").mkdir()
    shown = snapshots / "one" / folder.name
    run(["cp", "-a", shown, tmp_path / "cp"])
    run(["rsync", "-aHX", f"{shown}/", f"{tmp_path}/rsync/"])
    with subprocess.Popen(["tar", "-C", shown, "-c", "."], stdout=subprocess.PIPE) as packing:
        (tmp_path / "tar").mkdir()
        run_tar = ["tar", "-C", str(tmp_path / "tar"), "-xp"]
        subprocess.run(run_tar, stdin=packing.stdout, check=True)
    assert packing.returncode == 0
    for copy in ("cp", "rsync", "tar"):
        special = ("-x", "fifo", "-x", "device")
        run(["diff", "-r", "--no-dereference", *special, folder, tmp_path / copy])
        found = (tmp_path / copy / "file").stat()
        assert (found.st_mode, found.st_mtime_ns, found.st_nlink) == (0o104751, 10**18, 2)
    assert run(["rsync", "-aHXin", f"{shown}/", f"{tmp_path}/rsync/"]).stdout == ""


def test_nothing_in_a_snapshot_can_be_changed(snapshots: Path, folder: Path) -> None:
    (folder / "file").write_bytes(b"first")
    (snapshots / "one").mkdir()
    shown = snapshots / "one" / folder.name
    for action in (
        lambda: (shown / "file").write_bytes(b""),
        (shown / "file").unlink,
        lambda: (shown / "file").chmod(0o777),
        lambda: (shown / "file").rename(shown / "other"),
        (shown / "new").touch,
        (shown / "new").mkdir,
        shown.rmdir,
        lambda: (snapshots / "one").rename(snapshots / "two"),
        (snapshots / "file").touch,
    ):
        with pytest.raises(OSError, match="Read-only") as caught:
            action()
        assert caught.value.errno == errno.EROFS
    with pytest.raises(OSError, match="cross-device"):
        os.link(shown / "file", folder / "linked")
    assert run(["rm", "-rf", snapshots / "one"], check=False).status != 0
    assert (shown / "file").read_bytes() == b"first"


def test_names_are_checked_and_taken_once(snapshots: Path) -> None:
    (snapshots / "one").mkdir()
    with pytest.raises(FileExistsError):
        (snapshots / "one").mkdir()
    for name in (".hidden", "new\nline"):
        with pytest.raises(PermissionError):
            (snapshots / name).mkdir()
    with pytest.raises(FileNotFoundError):
        (snapshots / "two").rmdir()
    (snapshots / "one").rmdir()
    assert os.listdir(snapshots) == []
    (snapshots / "one").mkdir()


def test_a_name_used_again_shows_the_new_tree(snapshots: Path, folder: Path) -> None:
    for number in range(3):
        (folder / "file").write_bytes(b"x" * number)
        (snapshots / "one").mkdir()
        assert (snapshots / "one" / folder.name / "file").read_bytes() == b"x" * number
        assert (snapshots / "one" / folder.name / "file").stat().st_size == number
        (snapshots / "one").rmdir()


def test_snapshots_stay_after_a_kill_and_keep_their_numbers(
    store: MountedStore, snapshots: Path, folder: Path
) -> None:
    (folder / "file").write_bytes(b"first")
    (snapshots / "one").mkdir()
    shown = snapshots / "one" / folder.name / "file"
    number = shown.stat().st_ino
    (folder / "file").write_bytes(b"second")
    store.kill_and_mount()
    assert shown.read_bytes() == b"first"
    assert shown.stat().st_ino == number
    store.umount()
    store.mount("ro")
    assert shown.read_bytes() == b"first"
    with pytest.raises(OSError, match="Read-only"):
        (snapshots / "two").mkdir()
    store.remount()


@needs_root
def test_permissions_hold_in_snapshots(snapshots: Path, folder: Path) -> None:
    (folder / "secret").mkdir(0o700)
    (folder / "secret" / "file").write_bytes(b"text")
    (folder / "open").write_bytes(b"text")
    (folder / "closed").write_bytes(b"text")
    (folder / "closed").chmod(0o600)
    (snapshots / "one").mkdir()
    shown = snapshots / "one" / folder.name
    with as_user(USER):
        assert (shown / "open").read_bytes() == b"text"
        for path in (shown / "closed", shown / "secret" / "file"):
            with pytest.raises(PermissionError):
                path.read_bytes()
        with pytest.raises(PermissionError):
            (snapshots / "two").mkdir()
        with pytest.raises(PermissionError):
            (snapshots / "one").rmdir()


def test_views_of_other_folders_are_not_in_a_snapshot(snapshots: Path, folder: Path) -> None:
    (folder / "file").write_bytes(b"first")
    (folder / "file").unlink()
    (snapshots / "one").mkdir()
    for name in (".versions", ".metadata", ".snapshots"):
        assert not (snapshots / "one" / name).exists()
        assert not (snapshots / "one" / folder.name / name).exists()
