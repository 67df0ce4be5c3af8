"""Where listings show `.metadata`: below certain folders, and not within Git's own."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from fsmodel.errors import CairnError
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import REGULAR
from fsmodel.namespace.namespace import Namespace
from lmdb_index.index import Index
from lmdb_index.keys import pair_key
from lmdb_index.schema import DIRENT_ORDER

GIT_FOLDER: Final = b".git"  # git takes its folders for its own, and copies all that is in them

Override = Callable[[InodeId], bool | None]


class MetadataPlaces:
    """Answers for directories. Owner: the thread that owns the index."""

    def __init__(self, index: Index, namespace: Namespace, visible: Sequence[bytes]) -> None:
        """`visible` are paths from the root, of folders that need not exist."""
        self._index = index
        self._namespace = namespace
        self._visible = tuple(visible)
        self.override: Override = _no_opinion

    def is_listed(self, directory: InodeId) -> bool:
        """Whether a listing of this directory shows the view.

        The visible folders themselves show it if they hold files.
        """
        said = self.override(directory)
        if said is not None:
            return said
        visible = set(self._visible_inodes())
        if directory in visible:
            return self._has_files(directory)
        return self._is_below(directory, visible)

    def is_visible(self, directory: InodeId) -> bool:
        """Whether the documents of this directory's files are listed, now or once there are any."""
        said = self.override(directory)
        if said is not None:
            return said
        visible = set(self._visible_inodes())
        return directory in visible or self._is_below(directory, visible)

    def _visible_inodes(self) -> Iterator[InodeId]:
        for path in self._visible:
            try:
                yield self._namespace.resolve(path)
            except CairnError:
                continue  # no such folder now

    def _is_below(self, directory: InodeId, visible: set[InodeId]) -> bool:
        while directory not in (ROOT_INODE, 0):
            record = self._namespace.record(directory)
            row = self._index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
            if row is None or row.name == GIT_FOLDER:
                return False
            directory = InodeId(record.parent)
            if directory in visible:
                return True
        return False

    def _has_files(self, directory: InodeId) -> bool:
        return any(entry.kind == REGULAR for entry in self._namespace.list_entries(directory))


def _no_opinion(directory: InodeId) -> bool | None:
    return None
