"""Where inodes are, told from a view of the index that may be damaged itself."""

from collections.abc import Iterable
from typing import Final

from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.upkeep.check_names import places
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import number_key, pair_key
from lmdb_index.schema import DIRENT_ORDER, INODE

DEPTH_MAX: Final = 4096  # no path of the host's is longer; a loop ends here


def path_names(view: IndexView, directory: int, cookie: int) -> list[bytes] | None:
    """The names on the way from the root to an entry; None if it leads nowhere."""
    names: list[bytes] = []
    while len(names) < DEPTH_MAX:
        entry = view.get(DIRENT_ORDER, pair_key(directory, cookie))
        record = view.get(INODE, number_key(directory))
        if entry is None or record is None:
            return None
        names.append(entry.name)
        if directory == ROOT_INODE:
            return names[::-1]
        directory, cookie = record.parent, record.cookie
    return None


def paths_in(view: IndexView, inodes: Iterable[InodeId]) -> list[str]:
    """Every path of each inode; of one that leads nowhere, its number."""
    return [path for inode in inodes for path in _paths_of(view, inode)]


def _paths_of(view: IndexView, inode: InodeId) -> list[str]:
    record = view.get(INODE, number_key(inode))
    found = places(view, inode, record) if record is not None else []
    return [_path_to(view, inode, *place) for place in found] or [f"inode {inode}"]


def _path_to(view: IndexView, inode: int, directory: int, cookie: int) -> str:
    names = path_names(view, directory, cookie)
    if names is None:
        return f"inode {inode}"
    return (b"/" + b"/".join(names)).decode(errors="backslashreplace")
