"""After a sync that failed: every change is refused with its reason, and what is stored is read."""

import os
from collections.abc import Callable, Iterator
from errno import EDQUOT, EIO, ENOSPC
from typing import Final

import pytest

from fsmodel.errors import BackendError, ReadOnly
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.packs import failing
from tests.support.volumes import USER, noise, open_again, parts_of, read_file

FILE: Final = InodeId(2)
KEPT: Final = noise(3_000, 1)


@pytest.fixture(params=["pack", "wal"])
def failed(
    volume: Volume, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Volume]:
    """A volume with one file, another one open, and a sync of packs or journal that has failed."""
    inode = volume.make_node(ROOT_INODE, b"file", 0o644, 0, USER)
    assert inode == FILE
    volume.open_file(inode, writing=True)
    volume.write(inode, 0, KEPT)
    run_inline(volume.contents.settle(inode))
    volume.set_xattr(inode, b"user.a", b"value")
    volume.make_directory(ROOT_INODE, b"folder", 0o755, USER)
    sync = os.fdatasync

    def fail_for_some(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(request.param):
            failing(5)()
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail_for_some)
        with pytest.raises(BackendError):
            volume.durability.sync()
    yield volume
    open_again(volume)


CHANGES: Final[dict[str, Callable[[Volume], object]]] = {
    "mkdir": lambda volume: volume.make_directory(ROOT_INODE, b"new", 0o755, USER),
    "mknod": lambda volume: volume.make_node(ROOT_INODE, b"new", 0o644, 0, USER),
    "create": lambda volume: volume.create_file(ROOT_INODE, b"new", 0o644, USER),
    "symlink": lambda volume: volume.make_symlink(ROOT_INODE, b"new", b"file", USER),
    "link": lambda volume: volume.link(FILE, ROOT_INODE, b"new"),
    "unlink": lambda volume: volume.unlink(ROOT_INODE, b"file"),
    "rmdir": lambda volume: volume.rmdir(ROOT_INODE, b"folder"),
    "rename": lambda volume: volume.rename(ROOT_INODE, b"file", ROOT_INODE, b"new", RenameFlag(0)),
    "chmod": lambda volume: volume.set_attributes(FILE, AttributeChange(mode=0o600)),
    "setxattr": lambda volume: volume.set_xattr(FILE, b"user.b", b"value"),
    "removexattr": lambda volume: volume.remove_xattr(FILE, b"user.a"),
    "open": lambda volume: volume.open_file(FILE, writing=True),
    "write": lambda volume: volume.write(FILE, 0, b"bytes"),
    "truncate": lambda volume: volume.truncate(FILE, 0),
    "lock": lambda volume: run_inline(volume.lock(FILE)),
    "clone": lambda volume: run_inline(volume.clone(FILE, ROOT_INODE, b"new")),
    "snapshot": lambda volume: run_inline(volume.snapshots.create(b"new")),
    "gc": lambda volume: run_inline(
        volume.collect_garbage(lambda done, total, text: None, thorough=True)
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_refused_and_told_why(
    failed: Volume, change: Callable[[Volume], object]
) -> None:
    with pytest.raises(ReadOnly, match="then unmount and mount again"):
        change(failed)
    assert failed.read_only
    assert [entry.name for entry in failed.list_entries(ROOT_INODE, 0, 1 << 40)] == [
        b"file",
        b"folder",
    ]


def test_what_is_stored_is_read_though_no_access_time_moves(failed: Volume) -> None:
    assert not failed.access_is_due(FILE)
    assert not failed.record_access(FILE)
    assert read_file(failed, FILE) == KEPT


@pytest.mark.parametrize("problem", [ENOSPC, EDQUOT, EIO])
def test_a_reading_goes_on_where_its_access_time_cannot_be_recorded(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, problem: int
) -> None:
    inode = volume.make_node(ROOT_INODE, b"file", 0o644, 0, USER)
    before = volume.attributes(inode)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", failing(problem))
        assert not volume.record_access(inode)
    assert volume.attributes(inode) == before


def test_what_was_accepted_and_is_not_on_the_disk_stays_an_error(failed: Volume) -> None:
    with pytest.raises(BackendError):
        failed.durability.sync()


def test_bytes_accepted_before_are_an_error_for_whoever_stores_them(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """close(2) and fsync(2) of a file that was written to before the disk failed."""
    inode = volume.make_node(ROOT_INODE, b"file", 0o644, 0, USER)
    volume.open_file(inode, writing=True)
    volume.write(inode, 0, KEPT)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing(5))
        with pytest.raises(BackendError):
            volume.durability.sync()
    for attempt in (lambda: run_inline(volume.contents.settle(inode)), volume.durability.sync):
        with pytest.raises(BackendError):
            attempt()
    assert read_file(volume, inode) == KEPT  # as long as it is open
    open_again(volume)


def test_a_deleted_file_is_given_back_at_the_next_start(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel lets go of it without asking, so that is no change to refuse."""
    inode = volume.make_node(ROOT_INODE, b"file", 0o644, 0, USER)
    volume.hold(inode)
    volume.open_file(inode, writing=False)
    volume.unlink(ROOT_INODE, b"file")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing(5))
        with pytest.raises(BackendError):
            volume.durability.sync()
    volume.close_file(inode)
    volume.give_back([(inode, 1)])
    open_again(volume)
    run_inline(volume.settle_leftovers())
    assert parts_of(volume).inodes.find(inode) is None
