"""A locked inode cannot be changed in any way, nor can the entries of a locked directory."""

from collections.abc import Callable

import pytest

from fsmodel.change import Change
from fsmodel.errors import NotPermitted
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import RenameFlag
from lmdb_index.records import InodeFlag
from tests.support.namespace_store import USER, ManualClock

EXCHANGE = RenameFlag.EXCHANGE
WHITEOUT = RenameFlag.WHITEOUT

Action = Callable[[Namespace, InodeId], object]


@pytest.fixture
def tree(tree: Namespace) -> Namespace:
    """A locked file /f, a locked directory /d with a file /d/in, and a free file /g."""
    tree.make_node(ROOT_INODE, b"f", 0o6755, 0, USER)
    tree.make_node(ROOT_INODE, b"g", 0o600, 0, USER)
    directory = tree.make_directory(ROOT_INODE, b"d", 0o755, USER)
    tree.make_node(directory, b"in", 0o600, 0, USER)
    with tree.changes.begin() as change:
        for name in (b"f", b"d"):
            change.edit(tree.lookup(ROOT_INODE, name)).flags |= InodeFlag.LOCKED
    return tree


def within(step: Callable[[Namespace, Change], object]) -> Action:
    """An inner function, in a change of its own."""

    def act(tree: Namespace, _: InodeId) -> None:
        with tree.changes.begin() as change:
            step(tree, change)

    return act


FILE_ACTIONS: dict[str, Action] = {
    "chmod": lambda tree, file: tree.set_attributes(file, AttributeChange(mode=0)),
    "xattr": lambda tree, file: tree.set_xattr(file, b"user.a", b""),
    "remove xattr": lambda tree, file: tree.remove_xattr(file, b"user.a"),
    "link": lambda tree, file: tree.link(file, ROOT_INODE, b"x"),
    "unlink": lambda tree, file: tree.unlink(ROOT_INODE, b"f"),
    "move": lambda tree, file: tree.rename(ROOT_INODE, b"f", ROOT_INODE, b"x"),
    "replace": lambda tree, file: tree.rename(ROOT_INODE, b"g", ROOT_INODE, b"f"),
    "exchange": lambda tree, file: tree.rename(ROOT_INODE, b"g", ROOT_INODE, b"f", EXCHANGE),
    "modify": within(
        lambda tree, change: tree.attributes.touch_modified(change, tree.resolve(b"/f"))
    ),
    "clear": within(
        lambda tree, change: tree.attributes.clear_privileges(change, tree.resolve(b"/f"))
    ),
}

DIRECTORY_ACTIONS: dict[str, Action] = {
    "create": lambda tree, directory: tree.make_node(directory, b"x", 0o600, 0, USER),
    "mkdir": lambda tree, directory: tree.make_directory(directory, b"x", 0o700, USER),
    "link": lambda tree, directory: tree.link(tree.resolve(b"/g"), directory, b"x"),
    "unlink": lambda tree, directory: tree.unlink(directory, b"in"),
    "move in": lambda tree, directory: tree.rename(ROOT_INODE, b"g", directory, b"x"),
    "move out": lambda tree, directory: tree.rename(directory, b"in", ROOT_INODE, b"x"),
    "whiteout": lambda tree, directory: tree.rename(directory, b"in", ROOT_INODE, b"x", WHITEOUT),
    "replace": lambda tree, directory: tree.rename(ROOT_INODE, b"g", directory, b"in"),
    "exchange": lambda tree, directory: tree.rename(ROOT_INODE, b"g", directory, b"in", EXCHANGE),
    "move it": lambda tree, directory: tree.rename(ROOT_INODE, b"d", ROOT_INODE, b"x"),
}


@pytest.mark.parametrize("action", FILE_ACTIONS.values(), ids=FILE_ACTIONS)
def test_a_locked_file_stays_as_it_is(tree: Namespace, clock: ManualClock, action: Action) -> None:
    file = tree.lookup(ROOT_INODE, b"f")
    before = tree.record(file)
    clock.advance()
    with pytest.raises(NotPermitted):
        action(tree, file)
    assert not tree.record_access(file)
    assert tree.record(file) == before
    assert tree.paths_of(file) == [b"/f"]


@pytest.mark.parametrize("action", DIRECTORY_ACTIONS.values(), ids=DIRECTORY_ACTIONS)
def test_a_locked_directory_keeps_its_entries(tree: Namespace, action: Action) -> None:
    directory = tree.lookup(ROOT_INODE, b"d")
    before = tree.record(directory)
    with pytest.raises(NotPermitted):
        action(tree, directory)
    assert tree.record(directory) == before
    assert [entry.name for entry in tree.list_entries(directory)] == [b"in"]
    assert tree.resolve(b"/g") != tree.resolve(b"/d/in")


def test_an_empty_locked_directory_cannot_be_removed(tree: Namespace) -> None:
    directory = tree.make_directory(ROOT_INODE, b"e", 0o755, USER)
    with tree.changes.begin() as change:
        change.edit(directory).flags |= InodeFlag.LOCKED
    with pytest.raises(NotPermitted):
        tree.rmdir(ROOT_INODE, b"e")


def test_what_lies_in_a_locked_directory_can_change(tree: Namespace) -> None:
    file = tree.resolve(b"/d/in")
    tree.set_attributes(file, AttributeChange(mode=0o400))
    assert tree.record(file).mode & 0o777 == 0o400
