"""rename(2) with and without its flags."""

import stat

import pytest

from fsmodel.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    InvalidArgument,
    IsADirectory,
    NameTooLong,
    NotADirectory,
    NotFound,
    PathRefused,
)
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import RenameFlag
from tests.support.namespace_store import USER, ManualClock, NamespaceStore

NOREPLACE, EXCHANGE, WHITEOUT = RenameFlag


@pytest.fixture
def directory(tree: Namespace) -> InodeId:
    """An empty directory /d."""
    return tree.make_directory(ROOT_INODE, b"d", 0o755, USER)


@pytest.fixture
def file(tree: Namespace) -> InodeId:
    """A file /f."""
    return tree.make_node(ROOT_INODE, b"f", 0o600, 0, USER)


@pytest.fixture
def other(tree: Namespace, directory: InodeId) -> InodeId:
    """A file /d/o."""
    return tree.make_node(directory, b"o", 0o600, 0, USER)


def names(tree: Namespace, directory: InodeId) -> list[bytes]:
    return [entry.name for entry in tree.list_entries(directory)]


def test_a_move_stamps_both_directories_and_the_inode(
    tree: Namespace, clock: ManualClock, directory: InodeId, file: InodeId
) -> None:
    made, now = clock.now_ns(), clock.advance()
    tree.rename(ROOT_INODE, b"f", directory, b"g")
    assert names(tree, ROOT_INODE) == [b"d"]
    assert names(tree, directory) == [b"g"]
    assert tree.paths_of(file) == [b"/d/g"]
    for inode in (ROOT_INODE, directory):
        assert tree.record(inode).mtime_ns == tree.record(inode).ctime_ns == now
    assert (tree.record(file).mtime_ns, tree.record(file).ctime_ns) == (made, now)


def test_a_new_name_in_the_same_directory_keeps_its_place_in_listings(
    tree: Namespace, file: InodeId
) -> None:
    tree.make_node(ROOT_INODE, b"later", 0o600, 0, USER)
    tree.rename(ROOT_INODE, b"f", ROOT_INODE, b"g")
    assert names(tree, ROOT_INODE) == [b"g", b"later"]
    assert tree.record(ROOT_INODE).size == 2
    assert tree.paths_of(file) == [b"/g"]


def test_replacing_ends_what_was_there(
    store: NamespaceStore, tree: Namespace, directory: InodeId, file: InodeId, other: InodeId
) -> None:
    tree.rename(ROOT_INODE, b"f", directory, b"o")
    assert tree.lookup(directory, b"o") == file
    assert names(tree, ROOT_INODE) == [b"d"]
    assert store.inodes.find(other) is None
    assert store.released == [other]


@pytest.mark.usefixtures("file")
def test_a_replaced_file_keeps_its_other_names(
    tree: Namespace, clock: ManualClock, directory: InodeId, other: InodeId
) -> None:
    tree.link(other, ROOT_INODE, b"o2")
    now = clock.advance()
    tree.rename(ROOT_INODE, b"f", directory, b"o")
    assert tree.paths_of(other) == [b"/o2"]
    assert (tree.record(other).nlink, tree.record(other).ctime_ns) == (1, now)


@pytest.mark.usefixtures("file")
def test_a_replaced_open_file_becomes_an_orphan(
    store: NamespaceStore, tree: Namespace, directory: InodeId, other: InodeId
) -> None:
    store.opened.add(other)
    tree.rename(ROOT_INODE, b"f", directory, b"o")
    assert tree.orphans.all() == [other]


@pytest.mark.usefixtures("other", "file")
def test_a_name_that_is_replaced_keeps_its_place_in_listings(
    tree: Namespace, directory: InodeId
) -> None:
    tree.make_node(directory, b"later", 0o600, 0, USER)
    tree.rename(ROOT_INODE, b"f", directory, b"o")
    assert names(tree, directory) == [b"o", b"later"]


@pytest.mark.parametrize("flags", [RenameFlag(0), EXCHANGE, WHITEOUT])
def test_two_names_of_one_file_stay(
    tree: Namespace, clock: ManualClock, directory: InodeId, file: InodeId, flags: RenameFlag
) -> None:
    tree.link(file, directory, b"g")
    before = tree.record(file).ctime_ns
    clock.advance()
    tree.rename(ROOT_INODE, b"f", directory, b"g", flags)
    tree.rename(ROOT_INODE, b"f", ROOT_INODE, b"f", flags)
    assert sorted(tree.paths_of(file)) == [b"/d/g", b"/f"]
    assert tree.record(file).ctime_ns == before


@pytest.mark.parametrize("name", [b"f", b"g"])
def test_either_of_two_names_can_move(
    tree: Namespace, directory: InodeId, file: InodeId, name: bytes
) -> None:
    tree.link(file, ROOT_INODE, b"g")
    tree.rename(ROOT_INODE, name, directory, b"moved")
    left = b"/g" if name == b"f" else b"/f"
    assert sorted(tree.paths_of(file)) == [b"/d/moved", left]
    tree.unlink(directory, b"moved")
    assert tree.paths_of(file) == [left]


def test_a_directory_takes_its_tree_along(
    tree: Namespace, directory: InodeId, other: InodeId
) -> None:
    target = tree.make_directory(ROOT_INODE, b"t", 0o755, USER)
    tree.rename(ROOT_INODE, b"d", target, b"e")
    assert tree.paths_of(other) == [b"/t/e/o"]
    assert tree.lookup(directory, b"..") == target
    assert (tree.record(ROOT_INODE).nlink, tree.record(target).nlink) == (3, 3)


def test_a_directory_replaces_an_empty_one(tree: Namespace, directory: InodeId) -> None:
    parent = tree.make_directory(ROOT_INODE, b"p", 0o755, USER)
    empty = tree.make_directory(parent, b"e", 0o755, USER)
    tree.rename(ROOT_INODE, b"d", parent, b"e")
    assert tree.paths_of(directory) == [b"/p/e"]
    assert (tree.record(ROOT_INODE).nlink, tree.record(parent).nlink) == (3, 3)
    with pytest.raises(NotFound):
        tree.record(empty)


def test_a_directory_cannot_come_below_itself(tree: Namespace, directory: InodeId) -> None:
    below = tree.make_directory(directory, b"x", 0o755, USER)
    deeper = tree.make_directory(below, b"y", 0o755, USER)
    for parent in (directory, below, deeper):
        with pytest.raises(InvalidArgument):
            tree.rename(ROOT_INODE, b"d", parent, b"new")


@pytest.mark.parametrize(
    ("name", "new_name", "error"),
    [
        (b"absent", b"new", NotFound),
        (b"d", b"f", NotADirectory),
        (b"f", b"d", IsADirectory),
        (b"e", b"d", DirectoryNotEmpty),
        (b"f", b"n" * 256, NameTooLong),
        (b"n" * 256, b"f", NameTooLong),
        (b"f", b"a/b", PathRefused),
        (b".", b"x", InvalidArgument),
        (b"f", b"..", InvalidArgument),
    ],
)
@pytest.mark.usefixtures("file", "other")
def test_rename_refuses(
    tree: Namespace,
    name: bytes,
    new_name: bytes,
    error: type[Exception],
) -> None:
    tree.make_directory(ROOT_INODE, b"e", 0o755, USER)
    with pytest.raises(error):
        tree.rename(ROOT_INODE, name, ROOT_INODE, new_name)
    assert names(tree, ROOT_INODE) == [b"f", b"d", b"e"]


@pytest.mark.parametrize("flags", [RenameFlag(0), NOREPLACE, EXCHANGE])
def test_nothing_is_moved_into_a_file_or_out_of_one(
    tree: Namespace, directory: InodeId, file: InodeId, flags: RenameFlag
) -> None:
    with pytest.raises(NotADirectory):
        tree.rename(ROOT_INODE, b"d", file, b"x", flags)
    with pytest.raises(NotADirectory):
        tree.rename(file, b"x", directory, b"y", flags)


def test_nothing_is_moved_into_a_removed_directory(
    store: NamespaceStore, tree: Namespace, directory: InodeId, file: InodeId
) -> None:
    store.opened.add(directory)
    tree.rmdir(ROOT_INODE, b"d")
    with pytest.raises(NotFound):
        tree.rename(ROOT_INODE, b"f", directory, b"x")
    assert tree.paths_of(file) == [b"/f"]


@pytest.mark.parametrize("flags", [RenameFlag(8), EXCHANGE | NOREPLACE, EXCHANGE | WHITEOUT])
@pytest.mark.usefixtures("directory", "file")
def test_senseless_flags(tree: Namespace, flags: RenameFlag) -> None:
    with pytest.raises(InvalidArgument):
        tree.rename(ROOT_INODE, b"f", ROOT_INODE, b"d", flags)


@pytest.mark.usefixtures("other")
def test_noreplace_moves_to_a_free_name_only(
    tree: Namespace, directory: InodeId, file: InodeId
) -> None:
    with pytest.raises(AlreadyExists):
        tree.rename(ROOT_INODE, b"f", directory, b"o", NOREPLACE)
    with pytest.raises(AlreadyExists):
        tree.rename(ROOT_INODE, b"f", ROOT_INODE, b"f", NOREPLACE)
    tree.rename(ROOT_INODE, b"f", directory, b"new", NOREPLACE)
    assert tree.paths_of(file) == [b"/d/new"]


def test_exchange_swaps_what_two_names_mean(
    tree: Namespace, clock: ManualClock, directory: InodeId, file: InodeId
) -> None:
    inner = tree.make_directory(directory, b"i", 0o755, USER)
    below = tree.make_node(inner, b"x", 0o600, 0, USER)
    now = clock.advance()
    tree.rename(ROOT_INODE, b"f", directory, b"i", EXCHANGE)
    assert tree.paths_of(file) == [b"/d/i"]
    assert tree.paths_of(below) == [b"/f/x"]
    assert (tree.record(ROOT_INODE).nlink, tree.record(directory).nlink) == (4, 2)
    assert tree.lookup(inner, b"..") == ROOT_INODE
    assert {tree.record(inode).ctime_ns for inode in (file, inner, ROOT_INODE, directory)} == {now}
    assert {tree.record(inode).mtime_ns for inode in (ROOT_INODE, directory)} == {now}


def test_exchange_within_a_directory(tree: Namespace, file: InodeId) -> None:
    second = tree.make_symlink(ROOT_INODE, b"l", b"x", USER)
    tree.rename(ROOT_INODE, b"f", ROOT_INODE, b"l", EXCHANGE)
    assert [(entry.name, entry.inode) for entry in tree.list_entries(ROOT_INODE)] == [
        (b"f", second),
        (b"l", file),
    ]
    assert (tree.paths_of(file), tree.paths_of(second)) == ([b"/l"], [b"/f"])


def test_exchange_of_linked_files_keeps_their_other_names(
    tree: Namespace, directory: InodeId, file: InodeId, other: InodeId
) -> None:
    tree.link(file, directory, b"f2")
    tree.link(other, ROOT_INODE, b"o2")
    tree.rename(directory, b"f2", ROOT_INODE, b"o2", EXCHANGE)
    assert sorted(tree.paths_of(file)) == [b"/f", b"/o2"]
    assert sorted(tree.paths_of(other)) == [b"/d/f2", b"/d/o"]


@pytest.mark.usefixtures("file")
def test_exchange_needs_two_names(tree: Namespace, directory: InodeId) -> None:
    with pytest.raises(NotFound):
        tree.rename(ROOT_INODE, b"f", directory, b"absent", EXCHANGE)


def test_exchange_never_makes_a_loop(tree: Namespace, directory: InodeId) -> None:
    below = tree.make_directory(directory, b"x", 0o755, USER)
    tree.make_node(below, b"y", 0o600, 0, USER)
    with pytest.raises(InvalidArgument):
        tree.rename(ROOT_INODE, b"d", below, b"y", EXCHANGE)
    with pytest.raises(InvalidArgument):
        tree.rename(below, b"y", ROOT_INODE, b"d", EXCHANGE)


@pytest.mark.parametrize("new_name", [b"new", b"o"])
@pytest.mark.usefixtures("other")
def test_a_whiteout_stays_behind(
    tree: Namespace, directory: InodeId, file: InodeId, new_name: bytes
) -> None:
    tree.rename(ROOT_INODE, b"f", directory, new_name, WHITEOUT, Creator(7, 8))
    whiteout = tree.record(tree.lookup(ROOT_INODE, b"f"))
    assert (whiteout.mode, whiteout.rdev, whiteout.nlink) == (stat.S_IFCHR, 0, 1)
    assert (whiteout.uid, whiteout.gid) == (7, 8)
    assert tree.paths_of(file) == [b"/d/" + new_name]
    assert tree.paths_of(tree.lookup(ROOT_INODE, b"f")) == [b"/f"]


def test_a_whiteout_of_a_directory_in_place(tree: Namespace, directory: InodeId) -> None:
    tree.rename(ROOT_INODE, b"d", ROOT_INODE, b"e", WHITEOUT | NOREPLACE)
    assert names(tree, ROOT_INODE) == [b"d", b"e"]
    assert tree.record(ROOT_INODE).nlink == 3
    assert tree.paths_of(directory) == [b"/e"]
