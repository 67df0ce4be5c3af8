"""Reading the kernel's mount table."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.mount_table import (
    FSTYPE,
    Mount,
    is_dead,
    is_within,
    mount_at,
    mount_holding,
    mount_of_store,
    parse_mount_table,
    read_mount_table,
    store_of,
)
from tests.support.as_user import USER, as_user, needs_root

TABLE = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
50 27 0:50 / /m/a\040b\134c\011d\012e ro,nosuid,nodev - fuse.cairnfs /srv/my\040store ro,user_id=0
53 52 0:53 / /m/deep rw - autofs systemd-1 rw
51 27 0:51 / /m/deep/er rw propagate_from:3 - tmpfs none rw
52 27 0:52 / /m/deep rw - fuse.cairnfs backup rw
54 53 0:54 / /m/deep/in/sight rw - tmpfs none rw
"""


def table() -> list[Mount]:
    return parse_mount_table(TABLE)


def test_fields_are_found_whatever_optional_ones_lie_between() -> None:
    proc, root, ours, *_ = table()
    assert (proc.fstype, proc.device, proc.source) == ("proc", "0:21", "proc")
    assert (root.fstype, root.mountpoint, root.source) == ("ext4", "/", "/dev/vda")
    assert ours.read_only
    assert not root.read_only


def test_escapes_are_undone() -> None:
    ours = table()[2]
    assert ours.mountpoint == "/m/a b\\c\td\ne"
    assert ours.source == "/srv/my store"


def test_the_topmost_of_several_mounts_at_a_path_is_the_one() -> None:
    mount = mount_at(table(), "/m/deep")
    assert mount is not None
    assert mount.fstype == "autofs"
    assert mount_at(table(), "/m/none") is None


@pytest.mark.parametrize(
    ("path", "device"),
    [
        ("/", "254:0"),
        ("/m", "254:0"),
        ("/m/deepest", "254:0"),
        ("/m/deep/er/x", "0:53"),  # 0:51 is hidden by what was mounted above it later
        ("/m/deep/in/sight/x", "0:54"),
        ("/proc/1", "0:21"),
    ],
)
def test_the_mount_a_path_lies_in(path: str, device: str) -> None:
    mount = mount_holding(table(), path)
    assert mount is not None
    assert mount.device == device


def test_a_table_without_a_root_as_a_chroot_sees_it() -> None:
    below = [mount for mount in table() if mount.mountpoint != "/"]
    assert mount_holding(below, "/m/other") is None
    mount = mount_holding(below, "/m/deep/x")
    assert mount is not None
    assert mount.device == "0:53"


def test_within() -> None:
    assert is_within("/a/b", "/a")
    assert is_within("/a", "/a")
    assert is_within("/a", "/")
    assert not is_within("/ab", "/a")


def test_the_mount_of_a_store_is_found_by_its_source(tmp_path: Path) -> None:
    store = tmp_path / "store"
    link = tmp_path / "link"
    link.symlink_to(store)
    mount = Mount("0:9", "/m", (), FSTYPE, str(store))
    other = Mount("0:8", "/n", (), "ext4", str(store))
    assert mount_of_store([other, mount], link) == mount
    assert mount_of_store([other], store) is None


def test_the_store_behind_a_mount(tmp_path: Path) -> None:
    (tmp_path / "format.json").touch()
    assert store_of(Mount("0:9", "/", (), FSTYPE, str(tmp_path))) == tmp_path


def test_a_source_that_is_no_path_tells_nothing_without_the_daemon() -> None:
    assert store_of(Mount("0:9", "/", (), FSTYPE, "backup")) is None


def test_a_store_that_is_not_in_sight_is_still_named(tmp_path: Path) -> None:
    mount = Mount("0:9", "/", (), FSTYPE, str(tmp_path / "gone"))
    assert store_of(mount) == tmp_path / "gone"


def test_the_own_table_can_be_read() -> None:
    assert mount_at(read_mount_table(), "/") is not None
    assert read_mount_table(os.getpid()) == read_mount_table()


def test_a_live_mount_is_not_dead() -> None:
    root = mount_at(read_mount_table(), "/")
    assert root is not None
    assert not is_dead(root)


def test_a_mount_whose_daemon_is_gone_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_daemon(path: str) -> None:
        raise OSError(107, "Transport endpoint is not connected", path)

    monkeypatch.setattr(os, "statvfs", without_daemon)
    assert is_dead(table()[2])


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_any_name_survives_the_kernels_escaping(name: bytes) -> None:
    escaped = b"".join(
        b"\\%03o" % byte if byte in b" \t\n\\#\r\v\f\x85\x1c\x1d\x1e" else bytes([byte])
        for byte in name
    )
    (mount,) = parse_mount_table(b"1 2 0:3 / /" + escaped + b" rw - fuse.cairnfs x rw\n")
    assert os.fsencode(mount.mountpoint) == b"/" + name


@needs_root
def test_the_store_of_a_mount_that_this_user_may_not_enter(tmp_path: Path) -> None:
    mount = Mount("0:9", "/", (), FSTYPE, str(tmp_path / "store"))
    tmp_path.chmod(0o700)
    with as_user(USER):
        assert store_of(mount) == tmp_path / "store"
