"""Resets that nobody meant: `rm -rf` deletes the documents of a folder, then the folder.

An analysis belongs to its content, which other folders, snapshots and versions may have. So when a
directory goes, the analyses that were reset in it shortly before are as they were. What a kill
forgets here can be had back by hand, from the former analyses.
"""

from collections import OrderedDict
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.documents.analyses import Analyses
from fsmodel.ids import InodeId

REMEMBERED_MAX: Final = 100_000  # resets; about 200 bytes each
RECENT_NS: Final = 3600 * 10**9


class RecentResets:
    """Remembers resets by directory. Owner: the thread that owns the index."""

    def __init__(self, changes: Changes, analyses: Analyses) -> None:
        self._changes = changes
        self._analyses = analyses
        self._times: OrderedDict[tuple[InodeId, str], int] = OrderedDict()
        self._by_directory: dict[InodeId, set[str]] = {}
        changes.watch_removals(self._watch)

    def note(self, directory: InodeId, sha256: str) -> None:
        """The document of a directory has been deleted."""
        self._times[directory, sha256] = self._changes.now_ns()
        self._times.move_to_end((directory, sha256))
        self._by_directory.setdefault(directory, set()).add(sha256)
        if len(self._times) > REMEMBERED_MAX:
            self._forget(*next(iter(self._times)))

    def forget(self, directory: InodeId, sha256: str) -> None:
        """The document was written again: the reset was meant."""
        if (directory, sha256) in self._times:
            self._forget(directory, sha256)

    def _forget(self, directory: InodeId, sha256: str) -> None:
        del self._times[directory, sha256]
        left = self._by_directory[directory]
        left.discard(sha256)
        if not left:
            del self._by_directory[directory]

    def _watch(self, change: Change) -> None:
        """Revive, in the change in which a directory goes, what was reset in it."""
        if not self._times:
            return
        for directory in change.removals() & self._by_directory.keys():
            for sha256 in sorted(self._by_directory[directory]):
                if change.now_ns - self._times[directory, sha256] <= RECENT_NS:
                    self._analyses.revive(change, sha256)
                self._forget(directory, sha256)
