"""Analyses that no content has any more are forgotten, after a period of grace.

A pass looks at each analysis once. One whose content nothing refers to is marked as unused, with
the time; if it still is when the grace has passed, it goes. So a file that is deleted and restored,
or restored after its document, has its analysis. Contents count that only snapshots or earlier
versions have.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from fsmodel.change import Change
from fsmodel.content.content_ref import object_of
from fsmodel.documents.analyses import DOCUMENTS, UNUSED, WAITING, Analyses, Analysis
from fsmodel.documents.metadata_document import NOTHING_KEPT
from fsmodel.ids import InodeId
from fsmodel.namespace.listing import Entry
from fsmodel.namespace.namespace import Namespace
from fsmodel.steps import PAUSE, Steps
from lmdb_index.index import Index
from lmdb_index.schema import OBJECT

BATCH_ENTRIES: Final = 128  # looked at in one operation
FORMER_NS: Final = 30 * 24 * 3600 * 10**9  # how long former analyses stay
_ENTRY: Final = re.compile(rb"[0-9a-f]{64}(?:\.[0-9a-f]{14})?")


@dataclass(slots=True)
class Swept:
    """What a pass has found."""

    analyses: int = 0
    marked: int = 0  # found unused for the first time
    forgotten: int = 0  # analyses and former ones


class AnalysisSweep:
    """Looks through all analyses. Owner: the thread that owns the index."""

    def __init__(
        self, index: Index, namespace: Namespace, analyses: Analyses, grace_ns: int
    ) -> None:
        self._index = index
        self._namespace = namespace
        self._analyses = analyses
        self.grace_ns = grace_ns  # may be replaced at any time

    def run(self) -> Steps[Swept]:
        """One pass, in small operations. Raises NoSpace."""
        swept = Swept()
        documents = self._namespace.system.find(DOCUMENTS)
        if documents is None:
            return swept
        for folder in list(self._namespace.list_entries(documents)):
            entries = self._namespace.list_entries(folder.inode)
            while batch := list(islice(entries, BATCH_ENTRIES)):
                self._sweep_batch(folder.inode, batch, swept)
                yield PAUSE
        return swept

    def _sweep_batch(self, folder: InodeId, batch: list[Entry], swept: Swept) -> None:
        actions = [action for entry in batch for action in self._actions(folder, entry, swept)]
        if actions:
            with self._namespace.changes.begin() as change:
                for action in actions:
                    action(change)

    def _actions(
        self, folder: InodeId, entry: Entry, swept: Swept
    ) -> Iterator[Callable[[Change], None]]:
        """What is to be done about one entry."""
        if not _ENTRY.fullmatch(entry.name):
            return  # nothing of ours: it is not for us to remove it
        now = self._namespace.changes.now_ns()
        record = self._namespace.record(entry.inode)
        sha256, _, stamp = entry.name.decode().partition(".")
        if stamp:
            if now - record.birth_ns > FORMER_NS:  # made when it was replaced
                swept.forgotten += 1
                yield lambda change: self._analyses.remove(change, folder, entry.name)
            return
        swept.analyses += 1
        analysis = Analysis(sha256, entry.inode, record)
        if self._is_used(analysis):
            if record.size == len(NOTHING_KEPT):  # it said that there is none, and has waited
                swept.forgotten += 1
                yield lambda change: self._analyses.remove(change, folder, entry.name)
            elif record.mode & (WAITING | UNUSED):
                yield lambda change: self._mark_used(change, analysis)
        elif not record.mode & UNUSED:
            swept.marked += 1
            yield lambda change: self._mark_unused(change, analysis)
        elif now - record.atime_ns > self.grace_ns:
            swept.forgotten += 1
            yield lambda change: self._analyses.remove(change, folder, entry.name)

    def _is_used(self, analysis: Analysis) -> bool:
        """Whether anything refers to the content that has the hash."""
        ref = self._analyses.noted_content(analysis)
        if not ref:
            return ref is not None
        named = object_of(ref)
        assert named is not None
        row = self._index.get(OBJECT, named)
        return row is not None and row.references > 0

    def _mark_used(self, change: Change, analysis: Analysis) -> None:
        change.edit(analysis.inode).mode &= ~(WAITING | UNUSED)
        self._analyses.note_content(change, analysis.sha256, analysis.inode)

    def _mark_unused(self, change: Change, analysis: Analysis) -> None:
        record = change.edit(analysis.inode)
        record.mode |= UNUSED
        record.atime_ns = change.now_ns
