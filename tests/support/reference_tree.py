"""A POSIX tree as plain dictionaries: what the namespace must be indistinguishable from.

Nothing here is stored or counted ahead: links, paths and counters are found by walking the tree.
Nodes are compared by identity. Errors are those of the model, raised in the order Linux does.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from fsmodel.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    InvalidArgument,
    IsADirectory,
    NoSuchAttribute,
    NotADirectory,
    NotFound,
    NotPermitted,
)


@dataclass(eq=False)
class Node:
    """One inode: what stat shows of it, and its entries if it is a directory."""

    mode: int
    uid: int = 0
    gid: int = 0
    rdev: int = 0
    target: bytes = b""
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    entries: dict[bytes, "Node"] = field(default_factory=dict)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


class ReferenceTree:
    """The tree, and which nodes are held open."""

    def __init__(self) -> None:
        self.root = Node(stat.S_IFDIR | 0o755)
        self.opened: set[Node] = set()

    # What there is

    def walk(self) -> Iterator[tuple[bytes, Node, Node]]:
        """Every entry as (path, directory, node)."""
        waiting = [(b"", self.root)]
        while waiting:
            path, directory = waiting.pop()
            for name, node in directory.entries.items():
                yield path + b"/" + name, directory, node
                if node.is_directory:
                    waiting.append((path + b"/" + name, node))

    def nodes(self) -> list[Node]:
        """Every node, each once: the root, what can be reached, and what is only held open."""
        found = dict.fromkeys([self.root, *(node for _, _, node in self.walk())])
        return [*found, *(node for node in self.opened if node not in found)]

    def orphans(self) -> set[Node]:
        """What is held open and has no name."""
        return {node for node in self.opened if not self.is_linked(node)}

    def is_linked(self, node: Node) -> bool:
        return node is self.root or any(found is node for _, _, found in self.walk())

    def paths_of(self, node: Node) -> list[bytes]:
        return [path for path, _, found in self.walk() if found is node] or (
            [b"/"] if node is self.root else []
        )

    def link_count(self, node: Node) -> int:
        if not node.is_directory:
            return len(self.paths_of(node))
        if not self.is_linked(node):
            return 0
        return 2 + sum(child.is_directory for child in node.entries.values())

    # What can be done

    def lookup(self, directory: Node, name: bytes) -> Node:
        _need_directory(directory)
        if name not in directory.entries:
            raise NotFound
        return directory.entries[name]

    def create(self, directory: Node, name: bytes, node: Node) -> None:
        self._need_free(directory, name)
        if directory.mode & stat.S_ISGID:
            node.gid = directory.gid
            node.mode |= stat.S_ISGID if node.is_directory else 0
        directory.entries[name] = node

    def link(self, node: Node, directory: Node, name: bytes) -> None:
        self._need_free(directory, name)
        if node.is_directory:
            raise NotPermitted
        if not self.is_linked(node):
            raise NotFound
        directory.entries[name] = node

    def unlink(self, directory: Node, name: bytes) -> None:
        if self.lookup(directory, name).is_directory:
            raise IsADirectory
        del directory.entries[name]

    def rmdir(self, directory: Node, name: bytes) -> None:
        node = self.lookup(directory, name)
        _need_directory(node)
        if node.entries:
            raise DirectoryNotEmpty
        del directory.entries[name]

    def rename(self, directory: Node, name: bytes, to: Node, new: bytes, flags: str) -> None:
        """`flags` are letters: n for NOREPLACE, x for EXCHANGE, w for WHITEOUT."""
        if "x" in flags and len(flags) > 1:
            raise InvalidArgument
        source = self.lookup(directory, name)
        _need_directory(to)
        target = to.entries.get(new)
        if target is not None and "n" in flags:
            raise AlreadyExists
        if (target is None and "x" in flags) or not self.is_linked(to):
            raise NotFound
        if target is source:
            return
        if _contains(source, to) or ("x" in flags and target and _contains(target, directory)):
            raise InvalidArgument
        if "x" in flags:
            assert target is not None
            directory.entries[name], to.entries[new] = target, source
            return
        if target is not None:
            _need_replaceable(source, target)
        del directory.entries[name]
        to.entries[new] = source
        if "w" in flags:
            self.create(directory, name, Node(stat.S_IFCHR))

    def chmod(self, node: Node, mode: int) -> None:
        node.mode = stat.S_IFMT(node.mode) | mode

    def chown(self, node: Node, uid: int, gid: int) -> None:
        node.uid, node.gid = uid, gid
        if not node.is_directory:
            node.mode &= ~(0o6000 if node.mode & 0o010 else 0o4000)

    def remove_xattr(self, node: Node, name: bytes) -> None:
        if name not in node.xattrs:
            raise NoSuchAttribute
        del node.xattrs[name]

    def _need_free(self, directory: Node, name: bytes) -> None:
        _need_directory(directory)
        if name in directory.entries:
            raise AlreadyExists
        if not self.is_linked(directory):
            raise NotFound


def _need_directory(node: Node) -> None:
    if not node.is_directory:
        raise NotADirectory


def _need_replaceable(source: Node, target: Node) -> None:
    if source.is_directory and not target.is_directory:
        raise NotADirectory
    if target.is_directory and not source.is_directory:
        raise IsADirectory
    if target.entries:
        raise DirectoryNotEmpty


def _contains(node: Node, other: Node) -> bool:
    """Whether a node is another one or a directory above it."""
    return node is other or any(_contains(child, other) for child in node.entries.values())
