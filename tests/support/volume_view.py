"""What the whole tree of a volume looks like, in the words of model_volume.py."""

import stat

from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.model_volume import Fact, View
from tests.support.volumes import read_file


def view_of(volume: Volume) -> View:
    """Every entry with all that can be seen of it. Reads every byte."""
    found: View = {}
    waiting = [(b"", ROOT_INODE)]
    while waiting:
        path, directory = waiting.pop()
        limit = volume.listing_limit(directory)
        for entry in volume.list_entries(directory, 0, limit):
            name = path + b"/" + entry.name
            found[name] = _fact(volume, entry.inode)
            if found[name][3] is None:
                waiting.append((name, entry.inode))
    return found


def _fact(volume: Volume, inode: InodeId) -> Fact:
    record, _ = volume.attributes(inode)
    is_file = stat.S_ISREG(record.mode)
    data = read_file(volume, inode) if is_file else None
    xattrs = tuple(
        (name, run_inline(volume.get_xattr(inode, name)))
        for name in sorted(volume.list_xattrs(inode))
    )
    return (stat.S_IMODE(record.mode), record.nlink if is_file else 1, xattrs, data)
