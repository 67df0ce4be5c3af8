"""What is found wrong before a mount is tried."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon import mounting
from daemon.daemon_record import DaemonRecord, start_ticks, write_record
from daemon.mount_options import MountOptions
from daemon.mount_table import FSTYPE, Mount
from daemon.mounting import check_host, check_mount_point, last_line, run_unmount, unmount_command
from daemon.problems import MountProblem


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "format.json").touch()
    return folder


@pytest.fixture
def mountpoint(tmp_path: Path) -> str:
    (tmp_path / "mount").mkdir()
    return str(tmp_path / "mount")


def show_table(monkeypatch: pytest.MonkeyPatch, *mounts: Mount) -> None:
    monkeypatch.setattr(mounting, "read_mount_table", lambda: list(mounts))


def refusal(mountpoint: str, store: Path) -> str:
    with pytest.raises(MountProblem) as refused:
        check_mount_point(mountpoint, store)
    return str(refused.value)


def test_an_empty_or_full_folder_will_do(mountpoint: str, store: Path) -> None:
    check_mount_point(mountpoint, store)
    Path(mountpoint, "file").touch()
    check_mount_point(mountpoint, store)


def test_a_missing_folder_is_named_with_what_to_do(tmp_path: Path, store: Path) -> None:
    missing = str(tmp_path / "none")
    assert f"mkdir -p {missing}" in refusal(missing, store)


def test_a_file_is_no_mount_point(tmp_path: Path, store: Path) -> None:
    (tmp_path / "file").touch()
    assert "is no folder" in refusal(str(tmp_path / "file"), store)
    assert "cannot be used" in refusal(str(tmp_path / "file" / "below"), store)


def test_another_filesystem_in_the_place_is_named(
    mountpoint: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_table(monkeypatch, Mount("0:9", mountpoint, (), "ext4", "/dev/x"))
    assert "a filesystem of type ext4 is mounted there" in refusal(mountpoint, store)


def test_another_store_in_the_place_is_named_with_its_daemon(
    mountpoint: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "format.json").touch()
    write_own_record(other, mountpoint)
    show_table(monkeypatch, Mount("0:9", mountpoint, (), FSTYPE, str(other)))
    text = refusal(mountpoint, store)
    assert f"the cairnfs store {other} by process {os.getpid()} is mounted there" in text


def write_own_record(store: Path, mountpoint: str) -> None:
    ticks = start_ticks(os.getpid())
    assert ticks is not None
    write_record(store, DaemonRecord(os.getpid(), ticks, mountpoint, "1", ""))


def test_a_store_mounted_elsewhere_is_named_with_its_daemon(
    mountpoint: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_own_record(store, "/elsewhere")
    show_table(monkeypatch, Mount("0:9", "/elsewhere", (), FSTYPE, str(store)))
    text = refusal(mountpoint, store)
    assert f"already mounted at /elsewhere by process {os.getpid()}" in text
    assert "cairnfs umount /elsewhere" in text


def test_an_automount_trigger_is_mounted_over(
    mountpoint: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_table(monkeypatch, Mount("0:9", mountpoint, (), "autofs", "systemd-1"))
    check_mount_point(mountpoint, store)


def test_store_and_mount_point_may_not_lie_in_each_other(tmp_path: Path, store: Path) -> None:
    inside = store / "inside"
    inside.mkdir()
    for place in (tmp_path, store, inside):
        assert "lie in each other" in refusal(str(place), store)


def test_a_dead_mount_of_ours_is_cleared(
    mountpoint: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [[Mount("0:9", mountpoint, (), FSTYPE, str(store))], []]
    monkeypatch.setattr(mounting, "read_mount_table", lambda: tables.pop(0))
    monkeypatch.setattr(mounting, "is_dead", lambda mount: True)
    cleared: list[tuple[str, bool]] = []

    def unmount(path: str, *, lazy: bool) -> subprocess.CompletedProcess[bytes]:
        cleared.append((path, lazy))
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(mounting, "run_unmount", unmount)
    check_mount_point(mountpoint, store)
    assert cleared == [(mountpoint, True)]


def test_a_dead_mount_that_stays_is_explained(
    mountpoint: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_table(monkeypatch, Mount("0:9", mountpoint, (), FSTYPE, str(store)))
    monkeypatch.setattr(mounting, "is_dead", lambda mount: True)
    failed = subprocess.CompletedProcess([], 1, stderr=b"umount: must be superuser\n")
    monkeypatch.setattr(mounting, "run_unmount", lambda path, lazy: failed)
    assert "umount: must be superuser" in refusal(mountpoint, store)


def host_refusal(options: MountOptions) -> str:
    with pytest.raises(MountProblem) as refused:
        check_host(options)
    return str(refused.value)


def test_a_missing_device_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = str(tmp_path / "fuse")
    monkeypatch.setattr(mounting, "FUSE_DEVICE", device)
    assert f"{device} is missing: load the kernel's module" in host_refusal(MountOptions())


def test_a_forbidden_device_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    assert "may not be used by this user" in host_refusal(MountOptions())


@pytest.fixture
def ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounting, "FUSE_DEVICE", os.devnull)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(mounting, "PROCESS_STATUS", os.devnull)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.usefixtures("ordinary_user")
def test_users_need_fusermount3(monkeypatch: pytest.MonkeyPatch) -> None:
    check_host(MountOptions())
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "install the package fuse3" in host_refusal(MountOptions())


@pytest.mark.usefixtures("ordinary_user")
@pytest.mark.parametrize(
    ("configuration", "allowed"),
    [
        ("user_allow_other\n", True),
        ("  user_allow_other # for backups\n", True),
        ("#user_allow_other\n", False),
        ("mount_max = 5\n", False),
        (None, False),
    ],
)
def test_users_may_let_others_in_if_root_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configuration: str | None, allowed: bool
) -> None:
    file = tmp_path / "fuse.conf"
    if configuration is not None:
        file.write_text(configuration)
    monkeypatch.setattr(mounting, "FUSE_CONFIGURATION", str(file))
    options = MountOptions(libfuse=("allow_other",))
    if allowed:
        check_host(options)
    else:
        assert "user_allow_other" in host_refusal(options)


@pytest.mark.usefixtures("ordinary_user")
@pytest.mark.parametrize(("capabilities", "allowed"), [("200000", True), ("1dfffff", False)])
def test_a_user_with_the_right_to_mount_may_let_others_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capabilities: str, allowed: bool
) -> None:
    (tmp_path / "status").write_text(f"Name:\tcairnfs\nCapEff:\t0000000000{capabilities}\n")
    monkeypatch.setattr(mounting, "PROCESS_STATUS", str(tmp_path / "status"))
    monkeypatch.setattr(mounting, "FUSE_CONFIGURATION", str(tmp_path / "none"))
    options = MountOptions(libfuse=("allow_other",))
    if allowed:
        check_host(options)
    else:
        assert "user_allow_other" in host_refusal(options)


def test_root_may_let_others_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounting, "FUSE_DEVICE", os.devnull)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(mounting, "FUSE_CONFIGURATION", str(tmp_path / "none"))
    check_host(MountOptions(libfuse=("allow_other",)))


@pytest.mark.parametrize(
    ("uid", "lazy", "command"),
    [
        (0, False, ["umount", "-i", "--", "/m"]),
        (0, True, ["umount", "-i", "-l", "--", "/m"]),
        (1000, False, ["fusermount3", "-u", "--", "/m"]),
        (1000, True, ["fusermount3", "-u", "-z", "--", "/m"]),
    ],
)
def test_who_unmounts_with_what(
    monkeypatch: pytest.MonkeyPatch, uid: int, lazy: bool, command: list[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert unmount_command("/m", lazy=lazy) == command


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounting, "unmount_command", lambda path, lazy: ["no-such-umount"])
    with pytest.raises(MountProblem, match="no-such-umount is not installed"):
        run_unmount("/m", lazy=False)


def test_what_a_program_said_last() -> None:
    assert last_line(b"one\ntwo \xff\n\n") == "two \ufffd"
    assert last_line(b"") == "it gave no reason"
