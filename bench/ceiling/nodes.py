"""Inodes in memory, and keeping them from one mount to the next."""

import os
import pickle
import stat
import time
from pathlib import Path
from typing import Final

import pyfuse3
from pyfuse3 import EntryAttributes, InodeT, ModeT, RequestContext

CLOCK_REALTIME_COARSE: Final = 5  # as in linux/time.h; the kernel stamps with it too
CACHE_SECONDS: Final = 3600.0
PREFERRED_IO_BYTES: Final = 128 * 1024


class Node:
    """One inode: its attributes as the kernel wants them, and what a directory or link holds."""

    __slots__ = ("children", "entry", "target")

    def __init__(self, number: int, mode: int, context: RequestContext | None) -> None:
        now = time.clock_gettime_ns(CLOCK_REALTIME_COARSE)
        entry = EntryAttributes()
        entry.st_ino = InodeT(number)
        entry.generation = 0
        entry.entry_timeout = entry.attr_timeout = CACHE_SECONDS
        entry.st_mode = ModeT(mode)
        entry.st_nlink = 2 if stat.S_ISDIR(mode) else 1
        entry.st_uid = context.uid if context else os.getuid()
        entry.st_gid = context.gid if context else os.getgid()
        entry.st_blksize = PREFERRED_IO_BYTES
        entry.st_atime_ns = entry.st_mtime_ns = entry.st_ctime_ns = now
        self.entry = entry
        self.children: dict[bytes, Node] = {}
        self.target = b""

    @property
    def is_directory(self) -> bool:
        """Whether names can be made in it."""
        return stat.S_ISDIR(self.entry.st_mode)


def load_nodes(state: Path) -> dict[int, Node]:
    """The inodes a mount before this one left, or a root alone."""
    if not state.exists():
        root = Node(pyfuse3.ROOT_INODE, stat.S_IFDIR | 0o755, None)
        return {pyfuse3.ROOT_INODE: root}
    rows = pickle.loads(state.read_bytes())
    nodes = {number: Node(number, 0, None) for number in rows}
    for number, (attributes, target, children) in rows.items():
        node = nodes[number]
        node.entry.__setstate__(attributes)
        node.target = target
        node.children = {name: nodes[child] for name, child in children.items()}
    return nodes


def save_nodes(state: Path, nodes: dict[int, Node]) -> None:
    """Keep what has a name for the next mount."""
    rows = {
        number: (
            node.entry.__getstate__(),
            node.target,
            {name: child.entry.st_ino for name, child in node.children.items()},
        )
        for number, node in nodes.items()
        if node.entry.st_nlink
    }
    state.write_bytes(pickle.dumps(rows))
