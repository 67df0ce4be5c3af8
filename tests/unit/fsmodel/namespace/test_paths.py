"""From paths to inodes and back."""

import pytest

from fsmodel.errors import NameTooLong, NotADirectory, NotFound, PathRefused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.namespace import Namespace
from tests.support.namespace_store import USER


@pytest.fixture
def file(tree: Namespace) -> InodeId:
    """A file /d/e/f; /l is a symbolic link to /d."""
    directory = tree.make_directory(ROOT_INODE, b"d", 0o755, USER)
    below = tree.make_directory(directory, b"e", 0o755, USER)
    tree.make_symlink(ROOT_INODE, b"l", b"d", USER)
    return tree.make_node(below, b"f", 0o600, 0, USER)


@pytest.mark.parametrize("path", [b"/d/e/f", b"d/e/f", b"//d/./e//f"])
def test_paths_lead_to_inodes(tree: Namespace, file: InodeId, path: bytes) -> None:
    assert tree.resolve(path) == file


@pytest.mark.parametrize("path", [b"", b"/", b".", b"/./"])
def test_the_root(tree: Namespace, path: bytes) -> None:
    assert tree.resolve(path) == ROOT_INODE
    assert tree.paths_of(ROOT_INODE) == [b"/"]


@pytest.mark.usefixtures("file")
def test_a_symbolic_link_is_itself(tree: Namespace) -> None:
    assert tree.record(tree.resolve(b"/l")).target == b"d"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        (b"/d/x", NotFound),
        (b"/l/e/f", NotADirectory),
        (b"/d/e/f/x", NotADirectory),
        (b"/d/e/f/", NotADirectory),
        (b"/d/e/f/.", NotADirectory),
        (b"/l/", NotADirectory),
        (b"/d/../d", PathRefused),
        (b"/d\0/e", PathRefused),
        (b"/" + b"n" * 256, NameTooLong),
    ],
)
@pytest.mark.usefixtures("file")
def test_paths_that_lead_nowhere(tree: Namespace, path: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        tree.resolve(path)


def test_every_path_of_an_inode(tree: Namespace, file: InodeId) -> None:
    tree.link(file, ROOT_INODE, b"\xff")
    tree.link(file, tree.resolve(b"/d"), b"g")
    assert sorted(tree.paths_of(file)) == [b"/d/e/f", b"/d/g", b"/\xff"]


def test_an_unknown_inode_has_no_paths(tree: Namespace) -> None:
    with pytest.raises(NotFound):
        tree.paths_of(InodeId(99))
