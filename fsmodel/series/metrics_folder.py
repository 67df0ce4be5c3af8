"""`metrics/`: the daemon's own figures, as files beside those of users.

Two names belong to the daemon: `cairnfs.prom`, the present figures as Prometheus reads them, and
`history.jsonl`, a line for each time they were written, the oldest first and bounded. Both are
replaced whole, in one change. If a user has put something else than a file under one of the names,
it is left alone.
"""

from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.content.file_state import FileState
from fsmodel.content.whole import WholeContents
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import REGULAR, Creator, kind_of
from fsmodel.namespace.namespace import Namespace
from fsmodel.outside_changes import EntryChanged
from fsmodel.series.layout import METRICS
from fsmodel.series.unchecked_names import UncheckedNames
from fsmodel.steps import Steps

FIGURES: Final = b"cairnfs.prom"
HISTORY: Final = b"history.jsonl"
HISTORY_BYTES_MAX: Final = 1 << 20  # then the older half goes
FILE_MODE: Final = 0o644


class MetricsFolder:
    """Writes the files. Owner: the thread that owns the index."""

    def __init__(
        self, inodes: InodeTable, changes: Changes, namespace: Namespace, whole: WholeContents
    ) -> None:
        self._inodes = inodes
        self._changes = changes
        self._names = UncheckedNames(inodes, namespace)
        self._whole = whole
        self.entry_changed: EntryChanged = lambda directory, name: None

    def publish(self, figures: bytes, line: bytes) -> Steps[None]:
        """Replace the figures, and add a line to the history. Raises NoSpace, DataError."""
        folder = self._folder()
        if folder is None:
            return
        yield from self._replace(folder, FIGURES, figures)
        former = yield from self._read(folder, HISTORY)
        yield from self._replace(folder, HISTORY, _bounded(former + line))

    def history(self) -> Steps[bytes]:
        """The lines written so far; a user may have changed them. Raises DataError."""
        folder = self._folder()
        return b"" if folder is None else (yield from self._read(folder, HISTORY))

    def _replace(self, folder: InodeId, name: bytes, data: bytes) -> Steps[None]:
        if not self._is_ours(folder, name):
            return
        file = yield from self._whole.store(data)
        if self._folder() == folder and self._is_ours(folder, name):
            with self._changes.begin() as change:
                self._put(change, folder, name, file)
            self.entry_changed(folder, name)

    def _put(self, change: Change, folder: InodeId, name: bytes, file: FileState) -> None:
        """A new file takes the name: whoever reads the former one reads it to its end."""
        if self._names.find(folder, name) is not None:
            self._names.unlink(change, folder, name)
        above = change.inode(folder)
        owner = Creator(above.uid, above.gid)
        made = self._names.make_file(change, folder, name, FILE_MODE, owner)
        self._whole.put(change, change.edit(made), file)

    def _read(self, folder: InodeId, name: bytes) -> Steps[bytes]:
        inode = self._names.find(folder, name)
        if inode is None or not self._is_ours(folder, name):
            return b""
        record = self._inodes.get(inode)
        if record.size > 2 * HISTORY_BYTES_MAX:
            return b""  # not what we have written
        return (yield from self._whole.read(record.content))

    def _is_ours(self, folder: InodeId, name: bytes) -> bool:
        """Whether a name is free, or that of a file."""
        inode = self._names.find(folder, name)
        return inode is None or kind_of(self._inodes.get(inode)) == REGULAR

    def _folder(self) -> InodeId | None:
        return self._names.find(ROOT_INODE, METRICS)


def _bounded(history: bytes) -> bytes:
    """A history, without its older half when it has grown too long."""
    if len(history) <= HISTORY_BYTES_MAX:
        return history
    _, _, kept = history[len(history) - HISTORY_BYTES_MAX // 2 :].partition(b"\n")
    return kept
