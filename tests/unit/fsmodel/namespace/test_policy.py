"""The policy is asked about everything that comes into being or moves, before it does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsmodel.errors import PathRefused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import DIRECTORY, REGULAR, SYMLINK
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import RenameFlag
from tests.support.namespace_store import USER, NamespaceStore

CHARACTER_DEVICE = 2


class Listener:
    """A policy that writes down what it is asked, and refuses one kind of question."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.refused = ""

    def check_entry(self, parent: InodeId, name: bytes, kind: int) -> None:
        self._ask("entry", name, kind)

    def check_symlink(self, parent: InodeId, name: bytes, target: bytes) -> None:
        self._ask("symlink", name, target)

    def check_link(self, inode: InodeId, parent: InodeId, name: bytes) -> None:
        self._ask("link", inode, name)

    def check_move(
        self, inode: InodeId, parent: InodeId, new_parent: InodeId, new_name: bytes
    ) -> None:
        self._ask("move", inode, parent, new_parent, new_name)

    def _ask(self, question: str, *about: object) -> None:
        self.asked.append((question, *about))
        if question == self.refused:
            raise PathRefused(question)


@pytest.fixture
def policy() -> Listener:
    return Listener()


@pytest.fixture
def tree(tmp_path: Path, policy: Listener) -> Iterator[Namespace]:
    """A file /f and a directory /d, made without questions being kept."""
    store = NamespaceStore(tmp_path, policy)
    store.namespace.make_node(ROOT_INODE, b"f", 0o600, 0, USER)
    store.namespace.make_directory(ROOT_INODE, b"d", 0o755, USER)
    policy.asked.clear()
    yield store.namespace
    store.close()


def test_questions_about_what_is_made(tree: Namespace, policy: Listener) -> None:
    tree.make_node(ROOT_INODE, b"n", 0o600, 0, USER)
    tree.make_symlink(ROOT_INODE, b"l", b"target", USER)
    tree.link(tree.resolve(b"f"), ROOT_INODE, b"h")
    assert policy.asked == [
        ("entry", b"n", REGULAR),
        ("entry", b"l", SYMLINK),
        ("symlink", b"l", b"target"),
        ("entry", b"h", REGULAR),
        ("link", tree.resolve(b"f"), b"h"),
    ]


def test_questions_about_what_moves(tree: Namespace, policy: Listener) -> None:
    file, directory = tree.resolve(b"f"), tree.resolve(b"d")
    tree.rename(ROOT_INODE, b"f", directory, b"x", RenameFlag.WHITEOUT)
    assert policy.asked == [
        ("entry", b"x", REGULAR),
        ("move", file, ROOT_INODE, directory, b"x"),
        ("entry", b"f", CHARACTER_DEVICE),
    ]


def test_questions_about_both_of_an_exchange(tree: Namespace, policy: Listener) -> None:
    file, directory = tree.resolve(b"f"), tree.resolve(b"d")
    tree.rename(ROOT_INODE, b"f", ROOT_INODE, b"d", RenameFlag.EXCHANGE)
    assert policy.asked == [
        ("entry", b"d", REGULAR),
        ("move", file, ROOT_INODE, ROOT_INODE, b"d"),
        ("entry", b"f", DIRECTORY),
        ("move", directory, ROOT_INODE, ROOT_INODE, b"f"),
    ]


@pytest.mark.parametrize(
    ("refused", "action"),
    [
        ("entry", lambda tree: tree.make_directory(ROOT_INODE, b"x", 0o755, USER)),
        ("symlink", lambda tree: tree.make_symlink(ROOT_INODE, b"x", b"y", USER)),
        ("link", lambda tree: tree.link(tree.resolve(b"f"), ROOT_INODE, b"x")),
        ("move", lambda tree: tree.rename(ROOT_INODE, b"f", ROOT_INODE, b"x")),
        ("entry", lambda tree: tree.rename(ROOT_INODE, b"f", ROOT_INODE, b"x")),
    ],
)
def test_a_refusal_changes_nothing(
    tree: Namespace, policy: Listener, refused: str, action: Callable[[Namespace], object]
) -> None:
    policy.refused = refused
    with pytest.raises(PathRefused):
        action(tree)
    assert [entry.name for entry in tree.list_entries(ROOT_INODE)] == [b"f", b"d"]
    assert tree.record(tree.resolve(b"f")).nlink == 1
