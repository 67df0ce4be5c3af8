"""Hashes taken soon after a file is written, where documents are listed.

Elsewhere they are taken when somebody asks: each costs a look at all bytes, and room in the index.
What changed while too much was waiting is taken when somebody asks, too.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.content.digests import Digests
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import REGULAR, kind_of
from fsmodel.steps import PAUSE, Steps

DUE_MAX: Final = 50_000  # files remembered until their turn comes; the oldest are given up
BATCH_FILES: Final = 256  # between two pauses

IsVisible = Callable[[InodeId], bool]  # whether a directory's documents are listed


class DueDigests:
    """Notes files that are written, and hashes them when told to. Owner: as the index."""

    def __init__(
        self, changes: Changes, inodes: InodeTable, digests: Digests, is_visible: IsVisible
    ) -> None:
        self._inodes = inodes
        self._digests = digests
        self._is_visible = is_visible
        self._due: deque[InodeId] = deque(maxlen=DUE_MAX)
        changes.watch(self._watch)

    def take(self) -> Steps[None]:
        """Hash the files that were written since, below visible folders."""
        for _ in range(-(-len(self._due) // BATCH_FILES)):
            batch = [self._due.popleft() for _ in range(min(len(self._due), BATCH_FILES))]
            yield from self._digests.take_all(self._visible_refs(batch))
            yield PAUSE

    def _visible_refs(self, batch: list[InodeId]) -> list[bytes]:
        records = [self._inodes.find(inode) for inode in dict.fromkeys(batch)]
        found = [record for record in records if record is not None and record.content]
        directories = {InodeId(record.parent) for record in found}
        visible = {each for each in directories if each and self._is_visible(each)}
        return [record.content for record in found if record.parent in visible]

    def _watch(self, change: Change) -> None:
        for inode, record, former in change.edits():
            if not record.content or kind_of(record) != REGULAR:
                continue
            if former is None or (former.content, former.parent) != (record.content, record.parent):
                change.when_applied(partial(self._due.append, inode))
