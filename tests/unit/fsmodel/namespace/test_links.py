"""Adding and removing names."""

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
    NotPermitted,
    PathRefused,
    TooManyLinks,
)
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.limits import LINKS_MAX
from fsmodel.namespace.namespace import Namespace
from tests.support.namespace_store import USER, ManualClock, NamespaceStore


@pytest.fixture
def directory(tree: Namespace) -> InodeId:
    """An empty directory /d."""
    return tree.make_directory(ROOT_INODE, b"d", 0o755, USER)


@pytest.fixture
def file(tree: Namespace) -> InodeId:
    """A file /f."""
    return tree.make_node(ROOT_INODE, b"f", 0o600, 0, USER)


def test_a_link_is_one_more_name(
    tree: Namespace, clock: ManualClock, directory: InodeId, file: InodeId
) -> None:
    made, now = clock.now_ns(), clock.advance()
    tree.link(file, directory, b"g")
    record = tree.record(file)
    assert tree.lookup(directory, b"g") == file
    assert (record.nlink, record.ctime_ns, record.mtime_ns) == (2, now, made)
    assert tree.record(directory).mtime_ns == tree.record(directory).ctime_ns == now


@pytest.mark.parametrize("first", [b"f", b"g"])
def test_names_go_in_any_order(
    store: NamespaceStore, tree: Namespace, directory: InodeId, file: InodeId, first: bytes
) -> None:
    tree.link(file, directory, b"g")
    tree.link(file, ROOT_INODE, b"h")
    parents = {b"f": ROOT_INODE, b"g": directory, b"h": ROOT_INODE}
    paths = {b"f": b"/f", b"g": b"/d/g", b"h": b"/h"}
    for name in sorted(parents, key=lambda name: name != first):
        assert sorted(tree.paths_of(file)) == sorted(paths.values())
        assert tree.record(file).nlink == len(paths)
        assert tree.unlink(parents[name], name) == file
        del paths[name]
    assert store.inodes.find(file) is None


def test_anything_but_a_directory_can_be_linked(tree: Namespace) -> None:
    link = tree.make_symlink(ROOT_INODE, b"l", b"x", USER)
    pipe = tree.make_node(ROOT_INODE, b"p", stat.S_IFIFO | 0o600, 0, USER)
    tree.link(link, ROOT_INODE, b"l2")
    tree.link(pipe, ROOT_INODE, b"p2")
    assert tree.record(link).nlink == tree.record(pipe).nlink == 2


def test_directories_have_one_name(tree: Namespace, directory: InodeId) -> None:
    with pytest.raises(NotPermitted):
        tree.link(directory, ROOT_INODE, b"e")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (b"f", AlreadyExists),
        (b"..", AlreadyExists),
        (b"n" * 256, NameTooLong),
        (b"a/b", PathRefused),
    ],
)
def test_names_that_cannot_be_given(
    tree: Namespace, file: InodeId, name: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        tree.link(file, ROOT_INODE, name)


def test_no_link_in_a_file(tree: Namespace, file: InodeId) -> None:
    with pytest.raises(NotADirectory):
        tree.link(file, file, b"x")


def test_no_link_to_an_unknown_inode(tree: Namespace) -> None:
    with pytest.raises(NotFound):
        tree.link(InodeId(99), ROOT_INODE, b"x")


def test_what_lost_its_last_name_gets_no_new_one(
    store: NamespaceStore, tree: Namespace, file: InodeId
) -> None:
    store.opened.add(file)
    tree.unlink(ROOT_INODE, b"f")
    with pytest.raises(NotFound):
        tree.link(file, ROOT_INODE, b"x")


def test_a_file_has_so_many_names(tree: Namespace, file: InodeId) -> None:
    with tree.changes.begin() as change:
        change.edit(file).nlink = LINKS_MAX - 1
    tree.link(file, ROOT_INODE, b"x")
    with pytest.raises(TooManyLinks):
        tree.link(file, ROOT_INODE, b"y")


def test_unlink_removes_and_stamps(
    store: NamespaceStore, tree: Namespace, clock: ManualClock, file: InodeId
) -> None:
    tree.link(file, ROOT_INODE, b"g")
    now = clock.advance()
    assert tree.unlink(ROOT_INODE, b"g") == file
    root = tree.record(ROOT_INODE)
    assert (root.size, root.mtime_ns, root.ctime_ns) == (1, now, now)
    assert tree.record(file).ctime_ns == now
    assert store.released == []
    tree.unlink(ROOT_INODE, b"f")
    assert store.released == [file]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (b"absent", NotFound),
        (b"d", IsADirectory),
        (b".", InvalidArgument),
        (b"..", InvalidArgument),
        (b"n" * 256, NameTooLong),
    ],
)
@pytest.mark.usefixtures("directory")
def test_unlink_refuses(tree: Namespace, name: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        tree.unlink(ROOT_INODE, name)


def test_unlink_in_a_file(tree: Namespace, file: InodeId) -> None:
    with pytest.raises(NotADirectory):
        tree.unlink(file, b"x")


def test_rmdir_removes_and_stamps(
    store: NamespaceStore, tree: Namespace, clock: ManualClock, directory: InodeId
) -> None:
    now = clock.advance()
    assert tree.rmdir(ROOT_INODE, b"d") == directory
    root = tree.record(ROOT_INODE)
    assert (root.nlink, root.size, root.mtime_ns, root.ctime_ns) == (2, 0, now, now)
    assert store.inodes.find(directory) is None
    assert store.released == []


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (b"absent", NotFound),
        (b"f", NotADirectory),
        (b"d", DirectoryNotEmpty),
        (b".", InvalidArgument),
        (b"n" * 256, NameTooLong),
    ],
)
@pytest.mark.usefixtures("file")
def test_rmdir_refuses(
    tree: Namespace, directory: InodeId, name: bytes, error: type[Exception]
) -> None:
    tree.make_symlink(directory, b"x", b"y", USER)
    with pytest.raises(error):
        tree.rmdir(ROOT_INODE, name)


@pytest.mark.usefixtures("directory")
def test_several_steps_in_one_change(tree: Namespace, file: InodeId) -> None:
    def remove_all(*names: bytes) -> None:
        with tree.changes.begin() as change:
            tree.links.rmdir(change, ROOT_INODE, b"d")
            for name in names:
                tree.links.unlink(change, ROOT_INODE, name)

    with pytest.raises(NotFound):
        remove_all(b"f", b"absent")
    assert tree.lookup(ROOT_INODE, b"f") == file
    remove_all(b"f")
    assert tree.record(ROOT_INODE).size == 0
