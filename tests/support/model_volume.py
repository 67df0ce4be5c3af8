"""What a volume must hold, as plain dictionaries: for those who look, and after a kill.

A file has its bytes, and those a kill leaves of it: bytes count for the latter once they are
settled or logged; names, attributes and sizes count at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from fsmodel.ids import ROOT_INODE, InodeId


@dataclass(eq=False)
class Node:
    """An inode."""

    inode: InodeId
    mode: int
    xattrs: dict[bytes, bytes] = field(default_factory=dict)


@dataclass(eq=False)
class File(Node):
    """A regular file."""

    data: bytes = b""
    kept: bytes = b""  # what a kill leaves
    handles: int = 0

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes at an offset, zeros before them where the file was shorter."""
        before = self.data[:offset].ljust(offset, b"\0")
        self.data = before + data + self.data[offset + len(data) :]

    def truncate(self, size: int) -> None:
        """Cut it or let it grow; a kill does not undo that."""
        self.data = self.data[:size].ljust(size, b"\0")
        self.kept = self.kept[:size].ljust(size, b"\0")


@dataclass(eq=False)
class Directory(Node):
    """A directory."""

    entries: dict[bytes, "File | Directory"] = field(default_factory=dict)


# Of each path: mode, number of names, attributes, and bytes unless it is a directory.
Fact = tuple[int, int, tuple[tuple[bytes, bytes], ...], bytes | None]
View = dict[bytes, Fact]


@dataclass
class ModelVolume:
    """A tree, and the files that are open without a name."""

    root: Directory = field(default_factory=lambda: Directory(ROOT_INODE, 0o755))
    nameless: list[File] = field(default_factory=list)

    def walk(self) -> Iterator[tuple[bytes, Directory, "File | Directory"]]:
        """Every entry: its path, the directory it is in, and what it names."""
        waiting = [(b"", self.root)]
        while waiting:
            path, directory = waiting.pop()
            for name, node in directory.entries.items():
                yield path + b"/" + name, directory, node
                if isinstance(node, Directory):
                    waiting.append((path + b"/" + name, node))

    def directories(self) -> list[Directory]:
        """All directories, the root first."""
        below = (node for _, _, node in self.walk() if isinstance(node, Directory))
        return [self.root, *sorted(below, key=lambda node: node.inode)]

    def named_files(self) -> list[File]:
        """All files that have a name."""
        found = {node for _, _, node in self.walk() if isinstance(node, File)}
        return sorted(found, key=lambda node: node.inode)

    def files(self) -> list[File]:
        """All files."""
        return [*self.named_files(), *self.nameless]

    def names_of(self, node: Node) -> int:
        """How many names a node has."""
        return sum(found is node for _, _, found in self.walk())

    def view(self, *, kept: bool) -> View:
        """What the whole tree looks like, to whoever looks now or after a kill."""
        names: dict[Node, int] = {}
        for _, _, node in self.walk():
            names[node] = names.get(node, 0) + 1
        return {
            path: (
                node.mode,
                names[node],
                tuple(sorted(node.xattrs.items())),
                None if isinstance(node, Directory) else node.kept if kept else node.data,
            )
            for path, _, node in self.walk()
        }

    def forget_unkept(self) -> None:
        """The process ended: nobody holds anything open, and bytes are what was kept."""
        self.nameless.clear()
        for file in self.named_files():
            file.data, file.handles = file.kept, 0
