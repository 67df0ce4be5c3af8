"""Finding names."""

import pytest

from fsmodel.errors import NameTooLong, NotADirectory, NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.namespace import Namespace
from tests.support.namespace_store import USER, NamespaceStore


@pytest.fixture
def directory(tree: Namespace) -> InodeId:
    """A directory below the root."""
    return tree.make_directory(ROOT_INODE, b"d", 0o755, USER)


def test_a_name_leads_to_its_inode(tree: Namespace, directory: InodeId) -> None:
    name = b"\xff" * 255
    file = tree.make_node(directory, name, 0o600, 0, USER)
    assert tree.lookup(directory, name) == file


def test_dot_and_dot_dot(tree: Namespace, directory: InodeId) -> None:
    assert tree.lookup(directory, b".") == directory
    assert tree.lookup(directory, b"..") == ROOT_INODE
    assert tree.lookup(ROOT_INODE, b"..") == ROOT_INODE


def test_dot_works_on_files(tree: Namespace) -> None:
    file = tree.make_node(ROOT_INODE, b"f", 0o600, 0, USER)
    assert tree.lookup(file, b".") == file


@pytest.mark.parametrize("name", [b"absent", b"D", b""])
@pytest.mark.usefixtures("directory")
def test_absent_names(tree: Namespace, name: bytes) -> None:
    with pytest.raises(NotFound):
        tree.lookup(ROOT_INODE, name)


def test_names_beyond_the_limit(tree: Namespace) -> None:
    with pytest.raises(NameTooLong):
        tree.lookup(ROOT_INODE, b"n" * 256)


@pytest.mark.parametrize("name", [b"x", b".."])
def test_files_have_no_entries(tree: Namespace, name: bytes) -> None:
    file = tree.make_node(ROOT_INODE, b"f", 0o600, 0, USER)
    with pytest.raises(NotADirectory):
        tree.lookup(file, name)


def test_an_unknown_inode(tree: Namespace) -> None:
    with pytest.raises(NotFound):
        tree.lookup(InodeId(99), b".")
    with pytest.raises(NotFound):
        tree.record(InodeId(99))


def test_a_removed_directory_has_no_parent(
    store: NamespaceStore, tree: Namespace, directory: InodeId
) -> None:
    store.opened.add(directory)
    tree.rmdir(ROOT_INODE, b"d")
    assert tree.lookup(directory, b".") == directory
    with pytest.raises(NotFound):
        tree.lookup(directory, b"..")
