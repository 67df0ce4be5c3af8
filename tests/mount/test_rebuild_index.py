"""A store whose index is gone comes back whole: names, bytes, owners, times, attributes, links."""

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore, mounted


def fill(root: Path) -> None:
    """What ordinary tools make."""
    for number in range(20):
        folder = root / f"folder {number % 3}" / f"inner {number % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file {number}").write_bytes(os.urandom(number * 10_000))
        os.chmod(folder / f"file {number}", 0o600 + number)
        os.utime(folder / f"file {number}", ns=(10**18 + number, 10**18 + 2 * number))
    file = root / "folder 0" / "inner 0" / "file 0"
    os.setxattr(file, "user.note", b"x" * 5000)
    os.link(file, root / "second name")
    os.symlink("folder 1/inner 1", root / "link")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
    with (root / "hole").open("wb") as hole:
        hole.truncate(1 << 30)
        hole.seek(1 << 29)
        hole.write(b"in the middle")


def seen(root: Path) -> dict[str, object]:
    """All that stat, readlink, listxattr and read say, by path."""
    found: dict[str, object] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        facts: list[object] = [status.st_mode, status.st_ino, status.st_nlink, status.st_size]
        facts += [status.st_uid, status.st_gid, status.st_rdev]
        facts += [status.st_mtime_ns, status.st_ctime_ns, status.st_blocks]
        if stat.S_ISLNK(status.st_mode):
            facts.append(os.readlink(path))
        else:
            facts += [(name, os.getxattr(path, name)) for name in os.listxattr(path)]
        if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 24:
            facts.append(path.read_bytes())
        found[str(path.relative_to(root))] = facts
    return found


def lose_index(store: MountedStore) -> None:
    shutil.rmtree(store.store / "index")
    shutil.rmtree(store.store / "journal")


def test_everything_is_there_again_and_the_store_is_used_on() -> None:
    with mounted() as store:
        fill(store.mountpoint)
        before = seen(store.mountpoint)
        assert store.cairnfs("rebuild-index", store.store, check=False).status == 1  # it is in use
        store.umount()
        lose_index(store)
        store.cairnfs("rebuild-index", store.store)
        store.mount()
        assert seen(store.mountpoint) == before
        (store.mountpoint / "new").write_bytes(b"later")
        os.unlink(store.mountpoint / "second name")
        store.remount()
        assert (store.mountpoint / "new").read_bytes() == b"later"
        store.require_clean()


def test_an_index_that_is_cut_under_the_daemon_costs_the_mount_and_no_bytes() -> None:
    """LMDB reads through a map: what the disk cannot bring any more ends the process, SIGBUS."""
    with mounted() as store:
        fill(store.mountpoint)
        before = seen(store.mountpoint)
        store.remount()
        os.truncate(store.store / "index" / "data.mdb", 3 * 4096)
        with pytest.raises(OSError, match=r"not connected|abort"):
            seen(store.mountpoint)
        assert store.daemon.ended(60)
        refused = store.cairnfs("mount", store.store, store.mountpoint, check=False)
        assert (refused.status, refused.stderr.count("\n")) == (1, 1)
        assert "cairnfs fsck" in refused.stderr or "rebuild-index" in refused.stderr
        store.cairnfs("fsck", "--repair", store.store)
        store.mount()
        assert seen(store.mountpoint) == before
