"""The facade: one method for each thing a user can do with a store.

Everything above (the mount, the command line, the control socket) goes through here, so that the
same rules hold for every way in. Methods are synchronous; what may take long returns Steps. They
stand in the parts of the facade, by what they are about; here a volume is made, opened and closed.
"""

import logging
from pathlib import Path

from fsmodel.assembly import Parts, assemble
from fsmodel.clock import Clock, SystemClock
from fsmodel.errors import CairnError
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.importing.importer import Importer
from fsmodel.index_border import index_problems_named
from fsmodel.namespace.inodes import Creator
from fsmodel.series.default_document import DEFAULT_SERIES
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.store_making import create_store
from fsmodel.uploads import Uploads
from fsmodel.volume_attributes import VolumeAttributes
from fsmodel.volume_files import VolumeFiles
from fsmodel.volume_history import VolumeHistory
from fsmodel.volume_names import VolumeNames
from lmdb_index.schema import SCHEMA_VERSION

_log = logging.getLogger(__name__)


class Volume(VolumeNames, VolumeAttributes, VolumeFiles, VolumeHistory):
    """An open store. Owner of everything in it: the thread that opened it."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.views = parts.views
        self.versions = parts.versions
        self.snapshots = parts.history.snapshots
        self.chunks = parts.upkeep.chunks
        self.uploads = Uploads(
            parts.changes, parts.inodes, parts.namespace, parts.whole, parts.history.copies
        )
        self.importer = Importer(
            parts.layout.folder,
            parts.namespace,
            parts.whole,
            parts.history.copies,
            parts.history.outside,
        )
        self.indexes = parts.indexes
        self.entry_changed = lambda directory, name: None
        parts.history.outside.listen(self._pass_on)

    def _pass_on(self, directory: InodeId, name: bytes) -> None:
        self.entry_changed(directory, name)

    @staticmethod
    def create(store: Path, *, plain: bool = False) -> None:
        """Make a store, without the structured folders if it is to be plain.

        Raises StoreExists, BackendError.
        """
        create_store(store, plain=plain)
        if not plain:
            _make_default_series(store)

    @classmethod
    def open(
        cls,
        store: Path,
        *,
        read_only: bool = False,
        dry: bool = False,
        thorough: bool = False,
        migrate: bool = True,
        mountpoint: str | None = None,
        settings: VolumeSettings | None = None,
        clock: Clock | None = None,
    ) -> "Volume":
        """Open a store, recovering what a killed process left.

        With `dry` nothing on disk changes, now or later: for looking at a store, so that it is
        also read-only. Else the index of an older version is migrated, unless told not to. With
        `thorough` the whole file of the index is checked first, which takes a second for 60 MB. A
        second process is told about `mountpoint`. Raises StoreError, DataError, NoSpace.
        """
        parts = assemble(
            store,
            dry=dry,
            thorough=thorough,
            read_only=read_only or dry,
            mountpoint=mountpoint,
            settings=settings or VolumeSettings(),
            clock=clock or SystemClock(),
        )
        volume = cls(parts)
        if migrate and not volume.read_only:
            try:
                volume.migrate(SCHEMA_VERSION, lambda done, total, text: None)
            except BaseException:
                parts.close()
                raise
        return volume

    def close(self) -> None:
        """Settle what is open, checkpoint and give the store free.

        Raises NoSpace, DataError when bytes of a file could not be stored; those of others were.
        """
        failures: list[CairnError] = []
        try:
            if not self._parts.dry:
                failures = self._settle_open_files()
                if not any(self.contents.files()):
                    self._names.purge_orphans()  # whoever held them is gone
                self._write_last_root()
                if self.is_dirty:
                    self.checkpoint()
                if not self.read_only:
                    self.index_upkeep.finish()
        finally:
            self._parts.close()
        if failures:
            raise failures[0]

    def _settle_open_files(self) -> list[CairnError]:
        """Settle what is open, and return what went wrong."""
        failures: list[CairnError] = []
        for file in self.contents.files():
            try:
                with index_problems_named():
                    run_inline(self.contents.settle(file.inode))
            except CairnError as error:
                _log.error("%s: its last bytes are lost: %s", self.described(file.inode), error)
                failures.append(error)
        return failures

    def _write_last_root(self) -> None:
        """What is in the index is safe without a root, so that lacking one is no failure."""
        if self.root_is_due:
            try:
                with index_problems_named():
                    run_inline(self.write_root())
            except CairnError as error:
                _log.warning("the packs are without the last changes of the tree: %s", error)


def _make_default_series(store: Path) -> None:
    """Begin with one series, whose document is the pattern for others."""
    volume = Volume.open(store)
    try:
        root = volume.attributes(ROOT_INODE)[0]
        creator = Creator(root.uid, root.gid)
        run_inline(volume.series.create(DEFAULT_SERIES, None, creator))
    finally:
        volume.close()
