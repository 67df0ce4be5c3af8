"""The part of the facade that is about what the structured folders keep by themselves."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from fsmodel.documents.analysis_sweep import Swept
from fsmodel.errors import CairnError, NotSupported
from fsmodel.ids import InodeId
from fsmodel.link_changes import LinkChanges
from fsmodel.outside_changes import EntryChanged
from fsmodel.series.all_series import AllSeries
from fsmodel.series.cache_folder import Evicted
from fsmodel.steps import Steps
from fsmodel.volume_upkeep import VolumeUpkeep

_log = logging.getLogger(__name__)


class VolumeFolders(VolumeUpkeep):
    """Analyses, series, cache and metrics. Owner: the thread that owns the index."""

    @property
    def entry_changed(self) -> EntryChanged:
        """Who is told of entries that stand for something else without being asked for by name.

        The kernel has to be told, as well.
        """
        return self._entry_changed

    @entry_changed.setter
    def entry_changed(self, told: EntryChanged) -> None:
        self._entry_changed = told
        if self._parts.series is not None:
            self._parts.series.all.entry_changed = told
            self._parts.series.cache.entry_changed = told
            self._parts.series.metrics.entry_changed = told

    def tell_of_directories(self, told: Callable[[InodeId], None]) -> None:
        """Have somebody told of directories that change by themselves.

        In volatile names, or in attributes of their own.
        """
        self._parts.history.outside.directory_changed = told
        if self._parts.series is not None:
            self._parts.series.lifecycle.directory_changed = told

    def links_watched(self) -> AbstractContextManager[set[InodeId]]:
        """The files that get or lose names while a block runs, as they do.

        Of those that are held. The kernel has to be told, unless it has asked for it.
        """
        return LinkChanges(self._parts.changes, self._parts.holds).watched()

    def analysis(self, sha256: bytes) -> Steps[dict[str, Any] | None]:
        """What is known about the content with this SHA-256; None when that is nothing.

        Raises DataError.
        """
        return self._parts.metadata.analyses.load(sha256.hex())

    def set_analysis(self, sha256: bytes, analysis: dict[str, Any]) -> Steps[None]:
        """Keep an analysis of the content with this SHA-256, stored already or not.

        An empty one resets it. Raises DocumentInvalid, NoSpace.
        """
        self._require_room()
        return self._parts.metadata.analyses.save(sha256.hex(), analysis)

    def take_due_digests(self) -> Steps[None]:
        """Hash what was written since below the folders that list metadata documents."""
        return self._parts.metadata.due_digests.take()

    def forget_unused_analyses(self) -> Steps[Swept]:
        """Look through all analyses for those no content has any more. Raises NoSpace."""
        self._require_writable()
        return (yield from self._parts.metadata.sweep.run())

    def remove_leftovers(self) -> Steps[int]:
        """Delete, bit by bit, what has been removed as a whole; return how much that was."""
        self._require_writable()
        return (yield from self._parts.removal.run())

    def empty_temp(self) -> None:
        """Let `cache/temp/` be empty, if there is one, as it is when a store is mounted.

        That it cannot be, on a full host, keeps nobody from mounting.
        """
        self._require_writable()
        if self._parts.series is not None:
            try:
                self._parts.series.cache.empty_temp()
            except CairnError as error:
                _log.warning("cache/temp/ is not emptied: %s", error)

    def tidy_cache(self) -> Steps[Evicted]:
        """Keep `cache/` within its bounds, if it is time to look."""
        self._require_writable()
        series = self._parts.series
        if series is None or not series.cache.is_due():
            return Evicted()
        return (yield from series.cache.sweep())

    def publish_metrics(self, figures: bytes, line: bytes) -> Steps[None]:
        """Write figures to `metrics/`, where that is; see MetricsFolder.publish."""
        self._require_room(len(figures) + len(line))
        if self._parts.series is not None:
            yield from self._parts.series.metrics.publish(figures, line)

    def metrics_history(self) -> Steps[bytes]:
        """The lines that `publish_metrics` has written so far. Raises DataError."""
        if self._parts.series is None:
            return b""
        return (yield from self._parts.series.metrics.history())

    @property
    def series(self) -> AllSeries:
        """The series of the store. Raises NotSupported for a plain one."""
        if self._parts.series is None:
            raise NotSupported("this store was made with --plain: it has no series")
        return self._parts.series.all
