"""Random operations on the namespace and on a tree of dictionaries: no difference may show.

Between them the store is closed and opened, or killed: what was answered must be there after.
"""

import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fsmodel.errors import Refused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import RenameFlag
from fsmodel.upkeep.check_names import check_names
from lmdb_index.check import check_rows
from lmdb_index.records import InodeFlag
from lmdb_index.schema import DIRENT, DIRENT_ORDER, INODE, LINK, ORPHAN, XATTR
from tests.support.examples import share
from tests.support.namespace_store import USER, NamespaceStore
from tests.support.reference_tree import Node, ReferenceTree

NAMES = st.sampled_from([b"a", b"b", b"c", b"\xff\xfe"])
WHICH = st.integers(0, 30)
# An entry there is, mostly; or a name that may be free in a node that may be no directory.
SPOTS = st.one_of(WHICH, WHICH, WHICH, st.tuples(WHICH, NAMES))
FILE_MODES = st.sampled_from([0o644, 0o4755, 0o2755, 0o2644])
DIRECTORY_MODES = st.sampled_from([0o755, 0o1777])
RENAME_FLAGS = st.sampled_from(["", "x", "", "n", "x", "w", "nw", "nx"])
XATTRS = st.sampled_from([b"user.a", b"user.b", b"trusted.c", b"security.d"])
STEPS_OF_A_LIFE = 6  # at least, between a start and the next
FLAG_OF = {"n": RenameFlag.NOREPLACE, "x": RenameFlag.EXCHANGE, "w": RenameFlag.WHITEOUT}

Spot = int | tuple[int, bytes]


def outcome(action: Callable[[], object]) -> type[Refused] | None:
    """How a call was refused, or None."""
    try:
        action()
    except Refused as error:
        return type(error)
    return None


class NamespaceAgainstReference(RuleBasedStateMachine):
    """The namespace and the reference do the same; `numbers` says which inode a node is."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="namespace-"))
        self.store = NamespaceStore(self.folder)
        self.model = ReferenceTree()
        self.numbers: dict[Node, InodeId] = {self.model.root: ROOT_INODE}
        self.steps = 0

    @initialize()
    def plant(self) -> None:
        """Begin with a few things to move around: a, a/b, a/b/a which is also c, and b, b/b."""
        self.make_directory(0, b"a", 0o755)
        self.make_directory(1, b"b", 0o755)
        self.make_node(2, b"a", stat.S_IFREG | 0o4755, 0)
        self.link(3, 0, b"c")
        self.make_directory(0, b"b", 0o755)
        self.make_node(3, b"b", stat.S_IFIFO | 0o600, 0)

    # Creating

    @rule(at=WHICH, name=NAMES, mode=DIRECTORY_MODES)
    def make_directory(self, at: int, name: bytes, mode: int) -> None:
        parent, node = self.directory(at), Node(stat.S_IFDIR | mode, USER.uid, USER.gid)
        self.same(
            lambda: self.model.create(parent, name, node),
            lambda: self.made(
                node, self.tree.make_directory(self.number(parent), name, mode, USER)
            ),
        )

    @rule(at=WHICH, name=NAMES, mode=FILE_MODES)
    def make_file(self, at: int, name: bytes, mode: int) -> None:
        self.make_node(at, name, stat.S_IFREG | mode, 0)

    @rule(at=WHICH, name=NAMES)
    def make_device(self, at: int, name: bytes) -> None:
        self.make_node(at, name, stat.S_IFBLK | 0o660, 0x801)

    @rule(at=WHICH, name=NAMES, points_to=NAMES)
    def make_symlink(self, at: int, name: bytes, points_to: bytes) -> None:
        parent = self.directory(at)
        node = Node(stat.S_IFLNK | 0o777, USER.uid, USER.gid, target=points_to)
        self.same(
            lambda: self.model.create(parent, name, node),
            lambda: self.made(
                node, self.tree.make_symlink(self.number(parent), name, points_to, USER)
            ),
        )

    def make_node(self, at: int, name: bytes, mode: int, rdev: int) -> None:
        parent, node = self.directory(at), Node(mode, USER.uid, USER.gid, rdev)
        self.same(
            lambda: self.model.create(parent, name, node),
            lambda: self.made(
                node, self.tree.make_node(self.number(parent), name, mode, rdev, USER)
            ),
        )

    # Names

    @rule(which=WHICH, at=WHICH, name=NAMES)
    def link(self, which: int, at: int, name: bytes) -> None:
        node, parent = self.node(which), self.directory(at)
        self.same(
            lambda: self.model.link(node, parent, name),
            lambda: self.tree.link(self.number(node), self.number(parent), name),
        )

    @rule(spot=SPOTS)
    def unlink(self, spot: Spot) -> None:
        parent, name = self.entry(spot)
        self.same(
            lambda: self.model.unlink(parent, name),
            lambda: self.tree.unlink(self.number(parent), name),
        )

    @rule(spot=SPOTS)
    def rmdir(self, spot: Spot) -> None:
        parent, name = self.entry(spot)
        self.same(
            lambda: self.model.rmdir(parent, name),
            lambda: self.tree.rmdir(self.number(parent), name),
        )

    @rule(spot=SPOTS, to=SPOTS, flags=RENAME_FLAGS)
    def rename(self, spot: Spot, to: Spot, flags: str) -> None:
        self.move(*self.entry(spot), *self.entry(to), flags)

    @rule(which=WHICH, to=WHICH, new=NAMES, flags=RENAME_FLAGS)
    def rename_into(self, which: int, to: int, new: bytes, flags: str) -> None:
        self.move(*self.entry(which), self.directory(to), new, flags)

    def move(self, parent: Node, name: bytes, new_parent: Node, new: bytes, flags: str) -> None:
        known = set(self.model.nodes())
        self.same(
            lambda: self.model.rename(parent, name, new_parent, new, flags),
            lambda: self.tree.rename(
                self.number(parent),
                name,
                self.number(new_parent),
                new,
                sum((FLAG_OF[letter] for letter in flags), RenameFlag(0)),
            ),
        )
        for whiteout in set(self.model.nodes()) - known:
            self.numbers[whiteout] = self.tree.lookup(self.number(parent), name)

    @rule(spot=SPOTS)
    def lookup(self, spot: Spot) -> None:
        parent, name = self.entry(spot)
        self.same(
            lambda: self.model.lookup(parent, name),
            lambda: self.tree.lookup(self.number(parent), name),
        )

    # Attributes

    @rule(which=WHICH, mode=st.sampled_from([0o600, 0o4711, 0o2775]))
    def chmod(self, which: int, mode: int) -> None:
        node = self.node(which)
        if not stat.S_ISLNK(node.mode):
            self.model.chmod(node, mode)
            self.tree.set_attributes(self.number(node), AttributeChange(mode=mode))

    @rule(which=WHICH, uid=st.integers(0, 3), gid=st.integers(0, 3))
    def chown(self, which: int, uid: int, gid: int) -> None:
        node = self.node(which)
        self.model.chown(node, uid, gid)
        self.tree.set_attributes(self.number(node), AttributeChange(uid=uid, gid=gid))

    @rule(which=WHICH, name=XATTRS, value=st.binary(max_size=3))
    def set_xattr(self, which: int, name: bytes, value: bytes) -> None:
        node = self.node(which)
        if node.is_directory or stat.S_ISREG(node.mode) or not name.startswith(b"user."):
            node.xattrs[name] = value
            self.tree.set_xattr(self.number(node), name, value)

    @rule(which=WHICH, name=XATTRS)
    def remove_xattr(self, which: int, name: bytes) -> None:
        node = self.node(which)
        if node.is_directory or stat.S_ISREG(node.mode) or not name.startswith(b"user."):
            self.same(
                lambda: self.model.remove_xattr(node, name),
                lambda: self.tree.remove_xattr(self.number(node), name),
            )

    # Handles and lives

    @rule(which=WHICH)
    def open(self, which: int) -> None:
        node = self.node(which)
        self.model.opened.add(node)
        self.store.opened.add(self.number(node))

    @rule(spot=WHICH, directory=st.booleans())
    def remove_while_open(self, spot: int, directory: bool) -> None:
        parent, name = self.entry(spot)
        if name in parent.entries:
            node = parent.entries[name]
            self.model.opened.add(node)
            self.store.opened.add(self.number(node))
        if directory:
            self.rmdir(spot)
        else:
            self.unlink(spot)

    @precondition(lambda self: self.model.opened)
    @rule(which=WHICH)
    def close(self, which: int) -> None:
        opened = sorted(self.model.opened, key=self.number)
        node = opened[which % len(opened)]
        was_orphan = node in self.model.orphans()
        self.model.opened.remove(node)
        self.store.opened.remove(self.number(node))
        assert self.tree.close_orphan(self.number(node)) == was_orphan

    @precondition(lambda self: self.steps >= STEPS_OF_A_LIFE)
    @rule(killed=st.booleans())
    def start_again(self, killed: bool) -> None:
        self.steps = 0
        self.model.opened.clear()
        if killed:
            self.store.kill()
        else:
            self.store.remount()
        self.check()

    # What must be equal

    def check(self) -> None:
        """Compare everything that can be seen, and what is stored twice."""
        nodes = self.model.nodes()
        for node in nodes:
            self.check_node(node, self.number(node))
        orphans = {self.number(node) for node in self.model.orphans()}
        assert set(self.tree.orphans.all()) == orphans
        self.check_counters(nodes)
        self.check_rows(nodes)

    def check_node(self, node: Node, inode: InodeId) -> None:
        record = self.tree.record(inode)
        assert (record.mode, record.uid, record.gid) == (node.mode, node.uid, node.gid)
        assert (record.rdev, record.target) == (node.rdev, node.target)
        assert record.nlink == self.model.link_count(node)
        assert sorted(self.tree.paths_of(inode)) == sorted(self.model.paths_of(node))
        assert all(self.tree.resolve(path) == inode for path in self.model.paths_of(node))
        stored = {name: self.tree.get_xattr(inode, name) for name in self.tree.list_xattrs(inode)}
        assert stored == node.xattrs
        assert bool(record.flags & InodeFlag.HAS_XATTRS) == bool(stored)
        if node.is_directory:
            listed = [(name, found) for name, found, _, _ in self.tree.list_entries(inode)]
            expected = [(name, self.number(child)) for name, child in node.entries.items()]
            assert sorted(listed) == sorted(expected)
            assert record.size == len(expected)

    def check_counters(self, nodes: list[Node]) -> None:
        kinds = [stat.S_IFMT(node.mode) for node in nodes]
        assert self.store.index.counter("inodes") == len(kinds)
        assert self.store.index.counter("files") == kinds.count(stat.S_IFREG)
        assert self.store.index.counter("directories") == kinds.count(stat.S_IFDIR)
        assert self.store.index.counter("symlinks") == kinds.count(stat.S_IFLNK)

    def check_rows(self, nodes: list[Node]) -> None:
        """No row is damaged, contradicts another one or is left over."""
        index = self.store.index
        assert list(check_names(index)) == []
        with index.operation() as operation:
            assert list(check_rows(operation)) == []
        names = len(list(self.model.walk()))
        named = sum(self.model.is_linked(node) for node in nodes) - 1
        assert index.count(INODE) == len(nodes)
        assert index.count(DIRENT) == index.count(DIRENT_ORDER) == names
        assert index.count(LINK) == names - named
        assert index.count(XATTR) == sum(len(node.xattrs) for node in nodes)
        assert index.count(ORPHAN) == len(self.model.orphans())

    def teardown(self) -> None:
        try:
            self.check()
            self.store.close()
        finally:
            shutil.rmtree(self.folder)

    # Helpers

    @property
    def tree(self) -> Namespace:
        return self.store.namespace

    def same(self, expected: Callable[[], object], done: Callable[[], object]) -> None:
        """Both succeed, or both are refused in the same way."""
        self.steps += 1
        assert outcome(done) is outcome(expected)

    def made(self, node: Node, inode: InodeId) -> None:
        assert inode not in self.numbers.values(), "an inode number was used twice"
        self.numbers[node] = inode

    def number(self, node: Node) -> InodeId:
        return self.numbers[node]

    def node(self, which: int) -> Node:
        """One of the nodes that exist or are held open."""
        nodes = sorted(self.model.nodes(), key=self.number)
        return nodes[which % len(nodes)]

    def entry(self, spot: Spot) -> tuple[Node, bytes]:
        """The entry with that number, or just any directory and name."""
        if isinstance(spot, tuple):
            return self.node(spot[0]), spot[1]
        found = [(parent, path.rpartition(b"/")[2]) for path, parent, _ in self.model.walk()]
        return found[spot % len(found)] if found else (self.model.root, b"a")

    def directory(self, which: int) -> Node:
        """One of the directories that exist or are held open."""
        nodes = sorted(filter(lambda node: node.is_directory, self.model.nodes()), key=self.number)
        return nodes[which % len(nodes)]


TestNamespaceAgainstReference = NamespaceAgainstReference.TestCase
TestNamespaceAgainstReference.settings = settings(max_examples=share(2), stateful_step_count=50)
