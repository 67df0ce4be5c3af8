"""Roots: the whole filesystem at a moment, as an immutable object.

A root holds the root directory as the entry of a tree holds any other directory, and what no
directory knows: when it was, up to which operation it goes, and which inode numbers were given
out. Besides the tree it can name other objects, each under a label. The root of a snapshot says
what that is called.

Layout (little-endian):

    version u8 | bytes of the name u8 | labels u16 | zero u32
    time u64 | operation u64 | last inode u64 | logical bytes u64 | files u64
    parent's id, 32 bytes, zero if none | name
    for each label: length u8 | id of 32 bytes | label
    a tree leaf with one entry that has no name
"""

from struct import Struct
from typing import Final, NamedTuple

from fsmodel.errors import FrameCorrupt
from fsmodel.history.tree_entry import TreeEntry, objects_of_entry
from fsmodel.history.tree_leaf import decode_lone_entry, encode_tree_leaf
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId

ROOT_HEADER: Final = Struct("<BBHIQQQQQ32s")
assert ROOT_HEADER.size == 80  # docs/on-disk-format.md says the same, and a test compares them
ROOT_VERSION: Final = 1
SNAPSHOTS_LABEL: Final = b"snapshots"  # of the tree whose entries are all other snapshots
NO_PARENT: Final = bytes(OBJECT_ID_BYTES)
_LABEL: Final = Struct("<B32s")


class Label(NamedTuple):
    """Another object that a root names, and what it is to the root."""

    name: bytes
    id: ObjectId


class Root(NamedTuple):
    """The filesystem at a moment."""

    time_ns: int  # since the epoch
    operation: int  # number of the last index operation whose effects it shows
    last_inode: int  # numbers up to this one have been given out
    logical_bytes: int  # sizes of all regular files
    files: int
    parent: bytes  # id of the root before it, which may be gone; empty if there was none
    directory: TreeEntry  # the root directory; its name is empty
    labels: tuple[Label, ...] = ()
    name: bytes = b""  # of the snapshot it is; empty when it is none

    def labelled(self, name: bytes) -> ObjectId | None:
        """The object it names under a label."""
        return next((label.id for label in self.labels if label.name == name), None)


def encode_root(root: Root) -> bytes:
    """The bytes of a root."""
    parent, labels = root.parent or NO_PARENT, root.labels
    numbers = (root.time_ns, root.operation, root.last_inode, root.logical_bytes, root.files)
    return b"".join(
        (
            ROOT_HEADER.pack(ROOT_VERSION, len(root.name), len(labels), 0, *numbers, parent),
            root.name,
            *(_LABEL.pack(len(label.name), label.id) + label.name for label in labels),
            encode_tree_leaf([root.directory]),
        )
    )


def decode_root(data: bytes) -> Root:
    """A root, verified. Raises FrameCorrupt."""
    if len(data) < ROOT_HEADER.size:
        raise _corrupt(f"{len(data)} bytes cannot hold one")
    version, name_bytes, count, zero, *rest = ROOT_HEADER.unpack_from(data)
    time_ns, operation, last_inode, logical_bytes, files, parent = rest
    if (version, zero) != (ROOT_VERSION, 0):
        raise _corrupt(f"version {version}")
    at, labels = ROOT_HEADER.size + name_bytes, []
    name = data[ROOT_HEADER.size : at]
    for _ in range(count):
        if len(data) - at < _LABEL.size:
            raise _corrupt(f"{len(data)} bytes cannot hold {count} labels")
        length, named = _LABEL.unpack_from(data, at)
        at += _LABEL.size + length
        labels.append(Label(data[at - length : at], ObjectId(named)))
    directory = decode_lone_entry(data[at:])
    if not directory.tree:
        raise _corrupt("it names no tree")
    return Root(
        time_ns=time_ns,
        operation=operation,
        last_inode=last_inode,
        logical_bytes=logical_bytes,
        files=files,
        parent=b"" if parent == NO_PARENT else parent,
        directory=directory,
        labels=tuple(labels),
        name=name,
    )


def objects_of_root(data: bytes) -> list[ObjectId]:
    """Every object a root counts as a reference to; its parent is none. Raises FrameCorrupt."""
    root = decode_root(data)
    return [*objects_of_entry(root.directory), *(label.id for label in root.labels)]


def _corrupt(reason: str) -> FrameCorrupt:
    return FrameCorrupt("root", reason)
