"""chmod, chown, times, and the privileges that writing takes away."""

import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from fsmodel.errors import NotFound, NotSupported
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import RELATIME_NS, AtimeMode, AttributeChange
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.xattrs import CAPABILITY
from tests.support.namespace_store import SECOND_NS, USER, ManualClock, NamespaceStore


@pytest.fixture
def file(tree: Namespace) -> InodeId:
    """A set-uid and set-gid program /f with capabilities."""
    file = tree.make_node(ROOT_INODE, b"f", 0o6755, 0, USER)
    tree.set_xattr(file, CAPABILITY, b"cap")
    return file


def test_chmod_sets_permission_bits_only(
    tree: Namespace, clock: ManualClock, file: InodeId
) -> None:
    made, now = clock.now_ns(), clock.advance()
    tree.set_attributes(file, AttributeChange(mode=stat.S_IFDIR | 0o1640))
    record = tree.record(file)
    assert record.mode == stat.S_IFREG | 0o1640
    assert (record.mtime_ns, record.ctime_ns) == (made, now)


def test_a_symlink_has_no_mode_to_change(tree: Namespace) -> None:
    link = tree.make_symlink(ROOT_INODE, b"l", b"x", USER)
    with pytest.raises(NotSupported):
        tree.set_attributes(link, AttributeChange(mode=0o600))
    tree.set_attributes(link, AttributeChange(uid=5))
    assert tree.record(link).uid == 5


@pytest.mark.parametrize("change", [AttributeChange(uid=5), AttributeChange(gid=6)])
def test_a_new_owner_takes_privileges_away(
    tree: Namespace, clock: ManualClock, file: InodeId, change: AttributeChange
) -> None:
    now = clock.advance()
    tree.set_attributes(file, change)
    record = tree.record(file)
    assert record.mode == stat.S_IFREG | 0o755
    assert (record.uid, record.gid) == (change.uid or USER.uid, change.gid or USER.gid)
    assert tree.list_xattrs(file) == []
    assert record.ctime_ns == now


def test_a_mode_given_with_the_owner_wins(tree: Namespace, file: InodeId) -> None:
    tree.set_attributes(file, AttributeChange(uid=5, mode=0o4711))
    assert tree.record(file).mode == stat.S_IFREG | 0o4711


def test_directories_keep_set_gid_when_their_owner_changes(tree: Namespace) -> None:
    directory = tree.make_directory(ROOT_INODE, b"d", 0o755, USER)
    tree.set_attributes(directory, AttributeChange(mode=0o6755))
    tree.set_attributes(directory, AttributeChange(gid=6))
    assert tree.record(directory).mode == stat.S_IFDIR | 0o6755


def test_times_are_set_to_the_nanosecond(
    tree: Namespace, clock: ManualClock, file: InodeId
) -> None:
    now = clock.advance()
    tree.set_attributes(file, AttributeChange(atime_ns=-1, mtime_ns=2**62 + 1))
    record = tree.record(file)
    assert (record.atime_ns, record.mtime_ns, record.ctime_ns) == (-1, 2**62 + 1, now)


def test_a_change_time_is_taken_when_given(tree: Namespace, file: InodeId) -> None:
    tree.set_attributes(file, AttributeChange(mtime_ns=7, ctime_ns=8))
    assert (tree.record(file).mtime_ns, tree.record(file).ctime_ns) == (7, 8)


def test_an_empty_change_still_stamps(tree: Namespace, clock: ManualClock, file: InodeId) -> None:
    now = clock.advance()
    tree.set_attributes(file, AttributeChange())
    assert tree.record(file).ctime_ns == now


def test_an_unknown_inode(tree: Namespace) -> None:
    with pytest.raises(NotFound):
        tree.set_attributes(InodeId(99), AttributeChange(mode=0o600))


def test_touch_modified_stamps_both_times(
    tree: Namespace, clock: ManualClock, file: InodeId
) -> None:
    now = clock.advance()
    with tree.changes.begin() as change:
        tree.attributes.touch_modified(change, file)
    assert tree.record(file).mtime_ns == tree.record(file).ctime_ns == now


@pytest.mark.parametrize(
    ("mode", "capable"), [(0o6755, True), (0o6755, False), (0o755, True), (0o4644, False)]
)
def test_writing_takes_privileges_away(
    tree: Namespace, clock: ManualClock, mode: int, capable: bool
) -> None:
    file = tree.make_node(ROOT_INODE, b"g", mode, 0, USER)
    tree.set_xattr(file, b"user.a", b"")
    if capable:
        tree.set_xattr(file, CAPABILITY, b"cap")
    now = clock.advance()
    assert tree.clear_privileges(file)
    record = tree.record(file)
    assert (record.mode, record.ctime_ns) == (stat.S_IFREG | mode & 0o777, now)
    assert tree.list_xattrs(file) == [b"user.a"]
    assert not tree.clear_privileges(file)


def test_writing_leaves_an_ordinary_file_alone(
    store: NamespaceStore, tree: Namespace, clock: ManualClock
) -> None:
    file = tree.make_node(ROOT_INODE, b"g", 0o2644, 0, USER)
    tree.set_xattr(file, b"user.a", b"")
    before, journalled = tree.record(file), store.index.journal_position
    clock.advance()
    assert not tree.clear_privileges(file)
    assert store.index.journal_position == journalled
    with tree.changes.begin() as change:
        assert not tree.attributes.clear_privileges(change, file)
    assert tree.record(file) == before


def test_reading_moves_the_access_time_once_after_a_change(
    tree: Namespace, clock: ManualClock, file: InodeId
) -> None:
    now = clock.advance()
    assert tree.record_access(file)
    assert tree.record(file).atime_ns == now
    clock.advance()
    assert not tree.record_access(file)
    clock.advance(RELATIME_NS / SECOND_NS)
    assert tree.record_access(file)


def test_the_access_mode_is_that_of_the_mount(tmp_path: Path) -> None:
    store = NamespaceStore(tmp_path, atime_mode=AtimeMode.NOATIME)
    store.clock.advance()
    assert not store.namespace.record_access(ROOT_INODE)
    store.close()


def test_times_that_an_inode_bears_already_are_no_change(
    store: NamespaceStore, tree: Namespace, file: InodeId
) -> None:
    record, before = tree.record(file), store.index.journal_position
    times = AttributeChange(mtime_ns=record.mtime_ns, ctime_ns=record.ctime_ns)
    tree.set_attributes(file, times)
    tree.set_attributes(file, AttributeChange(ctime_ns=record.ctime_ns, atime_ns=record.atime_ns))
    assert store.index.journal_position == before


@pytest.mark.parametrize("field", ["mtime_ns", "atime_ns", "ctime_ns", "mode", "uid", "gid"])
def test_whatever_else_differs_is_a_change(
    store: NamespaceStore, tree: Namespace, file: InodeId, field: str
) -> None:
    record, before = tree.record(file), store.index.journal_position
    asked = {"ctime_ns": record.ctime_ns, field: 0o600}
    tree.set_attributes(file, AttributeChange(**asked))
    assert store.index.journal_position == before + 1
    assert getattr(tree.record(file), field) & 0o7777 == 0o600


def test_the_modification_time_alone_moves_the_change_time(
    tree: Namespace, clock: ManualClock, file: InodeId
) -> None:
    mtime_ns, now = tree.record(file).mtime_ns, clock.advance()
    tree.set_attributes(file, AttributeChange(mtime_ns=mtime_ns))
    assert tree.record(file).ctime_ns == now


@pytest.mark.parametrize(
    "wanted",
    [
        AttributeChange(mode=0o4711),
        AttributeChange(uid=5),
        AttributeChange(gid=6, mode=0o2755),
        AttributeChange(atime_ns=1, mtime_ns=2),
        AttributeChange(mtime_ns=2, ctime_ns=3),
    ],
)
def test_what_a_row_alone_says_is_one_row_and_what_a_whole_change_would_be(
    store: NamespaceStore, tree: Namespace, wanted: AttributeChange
) -> None:
    alone, linked = (tree.make_node(ROOT_INODE, n, 0o6755, 0, USER) for n in (b"one", b"two"))
    tree.link(linked, ROOT_INODE, b"three")  # where the entries are that show it has to be asked
    store.clock.advance()
    before = store.index.mutations_since_checkpoint
    tree.set_attributes(alone, wanted)
    assert store.index.mutations_since_checkpoint == before + 1
    tree.set_attributes(linked, wanted)
    one, two = (tree.record(inode) for inode in (alone, linked))
    assert replace(one, nlink=2, cookie=two.cookie, birth_ns=two.birth_ns) == two
