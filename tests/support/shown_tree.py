"""What a volume's tree, or a snapshot of it, shows: as plain values, to be compared."""

from typing import Any, NamedTuple

from fsmodel.history.snapshot_tree import SnapshotTree, is_directory_entry
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.steps import Steps, run_inline
from fsmodel.volume import Volume


class Shown(NamedTuple):
    """All that is to be seen of one path, but for times of access and change."""

    mode: int
    uid: int
    gid: int
    nlink: int
    rdev: int
    mtime_ns: int
    size: int  # of files
    data: bytes
    target: bytes
    xattrs: tuple[tuple[bytes, bytes], ...]


Tree = dict[bytes, Shown]


def shown_now(volume: Volume, top: InodeId = ROOT_INODE) -> Tree:
    """The tree as it is, by path from `top`, which is the empty one."""
    found: Tree = {}
    waiting = [(b"", top)]
    while waiting:
        path, inode = waiting.pop()
        found[path] = _inode_shown(volume, inode)
        if found[path].mode >> 12 == 4:
            limit = volume.listing_limit(inode)
            listed = volume.list_entries(inode, 0, limit)
            waiting += [(path + b"/" + entry.name, entry.inode) for entry in listed]
    return found


def shown_in(volume: Volume, snapshot: bytes) -> Tree:
    """The tree of a snapshot."""
    tree = run_inline(volume.snapshots.tree(snapshot))
    return run_inline(_shown_below(volume, tree))


def hard_links(volume: Volume, top: InodeId) -> set[frozenset[bytes]]:
    """Which paths are of one file."""
    names: dict[InodeId, set[bytes]] = {}
    waiting = [(b"", top)]
    while waiting:
        path, inode = waiting.pop()
        if volume.attributes(inode)[0].mode >> 12 != 4:
            names.setdefault(inode, set()).add(path)
            continue
        listed = volume.list_entries(inode, 0, volume.listing_limit(inode))
        waiting += [(path + b"/" + entry.name, entry.inode) for entry in listed]
    return {frozenset(each) for each in names.values() if len(each) > 1}


def _inode_shown(volume: Volume, inode: InodeId) -> Shown:
    record, size = volume.attributes(inode)
    data = b""
    if record.mode >> 12 == 8:
        volume.open_file(inode, writing=False)
        data = bytes(run_inline(volume.contents.read(inode, 0, size)))
        volume.close_file(inode)
    xattrs = sorted(volume.list_xattrs(inode))
    values = tuple((name, bytes(run_inline(volume.get_xattr(inode, name)))) for name in xattrs)
    return Shown(
        *(record.mode, record.uid, record.gid, record.nlink, record.rdev, record.mtime_ns),
        size=0 if record.mode >> 12 == 4 else size,
        data=data,
        target=record.target,
        xattrs=values,
    )


def _shown_below(volume: Volume, tree: SnapshotTree) -> Steps[Tree]:
    found: Tree = {}
    waiting = [(b"", tree.top)]
    while waiting:
        path, entry = waiting.pop()
        found[path] = yield from _entry_shown(volume, tree, entry)
        after = b""
        while is_directory_entry(entry):
            listed = yield from tree.entries(entry, after)
            if not listed:
                break
            after = listed[-1].name
            waiting += [(path + b"/" + each.name, each) for each in listed]
    return found


def _entry_shown(volume: Volume, tree: SnapshotTree, entry: TreeEntry) -> Steps[Shown]:
    is_file = entry.mode >> 12 == 8
    data: Any = b""
    if is_file:
        data = yield from volume.read_content(entry.content, entry.size, 0, entry.size)
    xattrs = []
    for xattr in entry.xattrs:
        value = yield from tree.xattr(entry, xattr.name)
        xattrs.append((xattr.name, value))
    return Shown(
        *(entry.mode, entry.uid, entry.gid, entry.nlink, entry.rdev, entry.mtime_ns),
        size=0 if is_directory_entry(entry) else entry.size,
        data=bytes(data),
        target=entry.target,
        xattrs=tuple(xattrs),
    )
