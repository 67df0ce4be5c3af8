"""The facade: one method for each thing a user can do with a store.

Everything above (the mount, the command line, the control socket) goes through here, so that the
same rules hold for every way in. Methods are synchronous; what may take long returns Steps.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fsmodel.assembly import Parts, assemble, create_store
from fsmodel.buffers import Buffer
from fsmodel.clock import Clock, SystemClock
from fsmodel.content.file_state import FileState
from fsmodel.content.frozen import frozen_file
from fsmodel.content.reader import Reader
from fsmodel.documents.analysis_sweep import Swept
from fsmodel.errors import (
    AlreadyExists,
    CairnError,
    InvalidArgument,
    IsADirectory,
    NotADirectory,
    NotFound,
    NotPermitted,
    NotSupported,
)
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.importing.importer import Importer
from fsmodel.namespace.contained_links import SYMLINKS
from fsmodel.namespace.folder_levels import COMPRESSION, FolderCompression
from fsmodel.namespace.folder_symlinks import FolderSymlinks
from fsmodel.namespace.inodes import (
    REGULAR,
    AttributeChange,
    Creator,
    is_directory,
    kind_of,
    require_unlocked,
)
from fsmodel.namespace.listing import Entry
from fsmodel.namespace.names import is_view_name
from fsmodel.namespace.renames import ROOT_CREATOR, RenameFlag
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.series.all_series import AllSeries
from fsmodel.series.cache_folder import Evicted
from fsmodel.series.default_document import DEFAULT_SERIES
from fsmodel.settings import VolumeSettings
from fsmodel.steps import Steps, run_inline
from fsmodel.upkeep.garbage import GcReport
from fsmodel.uploads import Uploads
from fsmodel.versions.policy import ATTRIBUTE as VERSIONS_ATTRIBUTE
from fsmodel.versions.room import make_room
from fsmodel.versions.version_folders import names_on
from fsmodel.versions.versions import VersionInfo
from fsmodel.virtual_attributes import PREFIX
from fsmodel.volume_upkeep import VolumeUpkeep
from lmdb_index.errors import IndexProblem
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import SCHEMA_VERSION

_log = logging.getLogger(__name__)

PATHS_TOLD_MAX: Final = 10  # of an inode, in one event

# Told of an entry that stands for something else now, though nobody asked for that by its name: the
# kernel has to be told as well.
EntryChanged = Callable[[InodeId, bytes], None]


class Volume(VolumeUpkeep):
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
            parts.layout.folder, parts.namespace, parts.whole, parts.history.copies
        )
        self.indexes = parts.indexes
        self.entry_changed: EntryChanged = lambda directory, name: None
        parts.history.outside.listen(self._pass_on)
        self._names = parts.namespace
        self._folder_compression = FolderCompression(parts.changes, parts.namespace)
        self._folder_symlinks = FolderSymlinks(parts.changes, parts.namespace)

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

    @property
    def entry_changed(self) -> EntryChanged:
        """Who is told of entries that change by themselves."""
        return self._entry_changed

    @entry_changed.setter
    def entry_changed(self, told: EntryChanged) -> None:
        self._entry_changed = told
        if self._parts.series is not None:
            self._parts.series.all.entry_changed = told
            self._parts.series.cache.entry_changed = told
            self._parts.series.metrics.entry_changed = told

    def tell_of_directories(self, told: Callable[[InodeId], None]) -> None:
        """Have somebody told of directories that change by themselves, in volatile names only."""
        if self._parts.series is not None:
            self._parts.series.lifecycle.directory_changed = told

    # -- names ----------------------------------------------------------------------------

    def lookup(self, parent: InodeId, name: bytes, thread: int = 0) -> InodeId:
        """The inode a name stands for, names of views left out; see open_file about `thread`.

        Raises NotFound, NotADirectory, NameTooLong.
        """
        if is_view_name(parent, name):
            raise NotFound(f"no entry {name!r} in directory {parent}")
        inode = self._names.lookup(parent, name)
        return self._parts.drafts.look_up(inode, thread) if thread else inode

    def resolve(self, path: bytes) -> InodeId:
        """The inode at a path from the root, following no symbolic link, views left out.

        Raises NotFound, NotADirectory, PathRefused.
        """
        inode = self._names.resolve(path)
        if self._names.system.contains(inode):
            raise NotFound(f"no file or directory {path!r}")
        return inode

    def paths_of(self, inode: InodeId) -> list[bytes]:
        """Every path of an inode."""
        return self._names.paths_of(inode)

    def described(self, inode: InodeId) -> str:
        """An inode and its paths for the log, as far as they can be told."""
        try:
            paths = self.paths_of(inode)
        except (CairnError, IndexProblem):
            return f"inode {inode}"
        return ", ".join([f"inode {inode}", *map(os.fsdecode, paths[:PATHS_TOLD_MAX])])

    def make_directory(self, parent: InodeId, name: bytes, mode: int, creator: Creator) -> InodeId:
        """Create a directory. Raises Refused."""
        self._require_room()
        return self._names.make_directory(parent, name, mode, creator)

    def make_node(
        self, parent: InodeId, name: bytes, mode: int, rdev: int, creator: Creator
    ) -> InodeId:
        """Create a regular file, FIFO, socket or device node. Raises Refused."""
        self._require_room()
        return self._names.make_node(parent, name, mode, rdev, creator)

    def make_symlink(
        self, parent: InodeId, name: bytes, target: bytes, creator: Creator
    ) -> InodeId:
        """Create a symbolic link. Raises Refused."""
        self._require_room()
        return self._names.make_symlink(parent, name, target, creator)

    def link(self, inode: InodeId, parent: InodeId, name: bytes) -> None:
        """Give a file one more name. Raises Refused."""
        self._require_room()
        self._names.link(inode, parent, name)

    def unlink(self, parent: InodeId, name: bytes) -> None:
        """Remove a name of something that is no directory. Raises Refused."""
        self._require_writable()
        _refuse_view(parent, name)
        self._names.unlink(parent, name)

    def rmdir(self, parent: InodeId, name: bytes) -> None:
        """Remove an empty directory. Raises Refused."""
        self._require_writable()
        _refuse_view(parent, name)
        self._names.rmdir(parent, name)

    def rename(
        self,
        parent: InodeId,
        name: bytes,
        new_parent: InodeId,
        new_name: bytes,
        flags: RenameFlag,
        creator: Creator = ROOT_CREATOR,
    ) -> None:
        """Move a name, as rename(2) with flags does; the creator owns a whiteout."""
        self._require_writable()
        _refuse_view(parent, name)
        self._names.rename(parent, name, new_parent, new_name, flags, creator)

    def read_link(self, inode: InodeId) -> bytes:
        """Where a symbolic link points. Raises InvalidArgument for anything else."""
        record = self._names.record(inode)
        if not record.target:
            raise InvalidArgument(f"inode {inode} is no symbolic link")
        return record.target

    def listing_limit(self, directory: InodeId) -> int:
        """The cookie that bounds a listing begun now."""
        return self._names.listing_limit(directory)

    def list_entries(self, directory: InodeId, after: int, limit: int) -> Iterator[Entry]:
        """The entries of a directory behind a cookie and before a limit; views are not listed."""
        entries = self._names.list_entries(directory, after, limit)
        if directory == ROOT_INODE:
            return (entry for entry in entries if entry.name != SYSTEM_NAME)
        return entries

    def list_attributes(
        self, directory: InodeId, after: int, limit: int, expected: int
    ) -> Iterator[tuple[Entry, InodeRecord, int]]:
        """The same entries with what `attributes` tells of their inodes, to be used at once.

        What the records say of contents is not to be relied on. About so many are `expected` to be
        wanted.
        """
        file_of = self.contents.file
        for entry, record in self._names.list_records(directory, after, limit, expected):
            file = file_of(entry.inode)
            if entry.name != SYSTEM_NAME or directory != ROOT_INODE:
                yield entry, record, record.size if file is None else file.size

    # -- attributes -----------------------------------------------------------------------

    def attributes(self, inode: InodeId) -> tuple[InodeRecord, int]:
        """An inode's record, to be read only, and its size as of now. Raises NotFound."""
        record = self._names.record(inode)
        file = self.contents.file(inode)
        return record, record.size if file is None else file.size

    def set_attributes(self, inode: InodeId, wanted: AttributeChange) -> None:
        """Set mode, owner or times. Raises Refused."""
        self._require_writable()
        for stamp in (wanted.mtime_ns, wanted.ctime_ns):
            if stamp is not None:
                self._parts.changes.observe(stamp)
        if wanted.only_times and self._names.record(inode).flags & InodeFlag.VERSION:
            return  # the kernel, of a file it still has at hand: that it has lost its name just now
        self._names.set_attributes(inode, wanted)
        file = self.contents.file(inode)
        if file is not None and wanted.mtime_ns is not None:
            file.times_recorded()  # the caller has said what the times are

    def stamp_written(self, inode: InodeId, wanted: AttributeChange) -> None:
        """The kernel says when it took what was written into an open file. Raises Refused.

        While nothing says that those bytes are there, its time is kept with them in memory, to be
        recorded in the same change: a change of its own would cost an fsync as much as theirs.
        """
        stamp = wanted.mtime_ns
        is_of_a_write = wanted.only_times and wanted.atime_ns is None
        if stamp is not None and is_of_a_write and stamp == wanted.ctime_ns:
            self._require_writable()
            self._parts.changes.observe(stamp)
            if self.contents.stamp(inode, stamp):
                return
        self.set_attributes(inode, wanted)

    def access_is_due(self, inode: InodeId) -> bool:
        """Whether reading this file or directory now would move its access time."""
        return not self.read_only and self._names.access_is_due(inode)

    def record_access(self, inode: InodeId) -> bool:
        """Note that a file or directory is being read; tell whether its access time moved."""
        return not self.read_only and self._names.record_access(inode)

    def get_xattr(self, inode: InodeId, name: bytes) -> Steps[bytes]:
        """An extended attribute, stored or virtual. Raises NoSuchAttribute."""
        if name == VERSIONS_ATTRIBUTE:
            return self._parts.versions.policy_text(inode)
        if name == COMPRESSION:
            return self._folder_compression.text(inode)
        if name == SYMLINKS:
            return self._folder_symlinks.text(inode)
        if name.startswith(PREFIX):
            return (yield from self._parts.virtual_attributes.get(inode, name))
        return self.stored_xattr(inode, name)

    def stored_xattr(self, inode: InodeId, name: bytes) -> bytes:
        """An extended attribute that is no virtual one. Raises NoSuchAttribute."""
        return self._names.get_xattr(inode, name)

    def set_xattr(self, inode: InodeId, name: bytes, value: bytes) -> None:
        """Set an extended attribute. Raises Refused."""
        self._require_room()
        if name == VERSIONS_ATTRIBUTE:
            self._parts.versions.set_policy(inode, value)
        elif name == COMPRESSION:
            self._folder_compression.set(inode, value)
        elif name == SYMLINKS:
            self._folder_symlinks.set(inode, value)
        else:
            self._names.set_xattr(inode, name, value)

    def list_xattrs(self, inode: InodeId, *, with_trusted: bool = True) -> list[bytes]:
        """Names of the stored attributes; those of `trusted.` are for privileged callers."""
        return self._names.list_xattrs(inode, with_trusted=with_trusted)

    def remove_xattr(self, inode: InodeId, name: bytes) -> None:
        """Remove an extended attribute. Raises NoSuchAttribute."""
        self._require_writable()
        if name == VERSIONS_ATTRIBUTE:
            self._parts.versions.set_policy(inode, None)
        elif name == COMPRESSION:
            self._folder_compression.set(inode, None)
        elif name == SYMLINKS:
            self._folder_symlinks.set(inode, None)
        else:
            self._names.remove_xattr(inode, name)

    # -- contents -------------------------------------------------------------------------

    def open_file(self, inode: InodeId, *, writing: bool, thread: int = 0) -> FileState:
        """Hold a regular file open.

        Raises IsADirectory, ReadOnly, NotPermitted, DataError; Stale when its name leads to another
        file by now, as that of a document does while somebody writes it. A `thread` that is told so
        finds a file for itself when it looks the name up again.
        """
        record = self._names.record(inode)
        if is_directory(record):
            raise IsADirectory(f"inode {inode} is a directory")
        if kind_of(record) != REGULAR:
            raise InvalidArgument(f"inode {inode} has no bytes")
        if writing:
            self._require_writable()
            require_unlocked(inode, record)
        file = self.contents.open(inode)
        drafts = self._parts.drafts
        try:
            if writing:
                drafts.begin(inode, thread)
            else:
                drafts.begin_reading(inode, thread)
        except CairnError:
            self.contents.close(inode)
            raise
        if self._parts.series is not None:
            self._parts.series.cache.note_use(inode)
        return file

    def create_file(
        self,
        parent: InodeId,
        name: bytes,
        mode: int,
        creator: Creator,
        *,
        exclusive: bool = True,
        thread: int = 0,
    ) -> InodeId:
        """Make a regular file and open it for writing; a document gets its name when committed.

        Raises AlreadyExists if it is to be `exclusive`, else Stale for a name that was free when
        the caller looked: who looks it up again opens that file with its own permissions. Raises
        Refused.
        """
        self._require_room()
        drafts = self._parts.drafts
        is_document = self._parts.commits.is_document(parent, name)
        try:
            if is_document:
                return drafts.create(parent, name, mode, creator, exclusive=exclusive)
            inode = self._names.make_node(parent, name, mode, 0, creator)
        except AlreadyExists:
            if exclusive:
                raise
            drafts.send_back(thread if is_document else 0, f"{name!r} has been made meanwhile")
        self.contents.open(inode)
        return inode

    def is_draft(self, inode: InodeId) -> bool:
        """Whether an open file is the draft of a document, to be committed when it is flushed."""
        return self._parts.drafts.is_draft(inode)

    def is_document(self, parent: InodeId, name: bytes) -> bool:
        """Whether what has this name is a JSON document that is committed whole."""
        return self._parts.commits.is_document(parent, name)

    def commit_document(self, inode: InodeId) -> Steps[None]:
        """Let everybody see what a settled draft holds; of any other file, nothing to do.

        Raises DocumentInvalid, Refused: then the document is what it was.
        """
        return self._parts.drafts.commit(inode)

    def is_volatile(self, parent: InodeId, name: bytes) -> bool:
        """Whether a name comes and goes without being asked for: nobody may remember it."""
        return self._parts.rules.is_volatile(parent, name)

    def close_file(self, inode: InodeId, *, writing: bool = False) -> None:
        """End one use of a file; one without a name is deleted with the last.

        `writing` says that it was opened for that.
        """
        if writing:
            self._parts.drafts.end(inode)
        self.contents.close(inode)
        if self._is_lost(inode):
            self._names.close_orphan(inode)

    def is_orphan(self, inode: InodeId) -> bool:
        """Whether only open handles keep the inode."""
        return self._names.record(inode).nlink == 0

    def hold(self, inode: InodeId) -> None:
        """Keep an inode even when its last name goes, until as many holds are given back."""
        self._parts.holds.add(inode)

    def give_back(self, holds: Iterable[tuple[InodeId, int]]) -> None:
        """End holds: inodes and how often. Those that nothing keeps any more are deleted."""
        ended = [inode for inode, times in holds if self._parts.holds.drop(inode, times)]
        lost = [inode for inode in ended if self._is_lost(inode)]
        if lost:
            self._names.close_orphans(lost)

    def _is_lost(self, inode: InodeId) -> bool:
        """Whether an inode has no name and nobody who holds it, so that it can be deleted."""
        if self.contents.is_open(inode) or inode in self._parts.holds:
            return False
        record = self._parts.inodes.find(inode)
        return record is not None and record.nlink == 0 and not self.read_only

    def write(
        self, inode: InodeId, offset: int, data: bytes, *, privileged: bool = False
    ) -> FileState:
        """Put bytes into an open file. Raises NoSpace, TooBig.

        Set-user and set-group bits go, unless the writer is `privileged` to keep them.
        """
        self._require_room(len(data))
        require_unlocked(inode, self._parts.inodes.get(inode))
        self._names.clear_privileges(inode, keep_set_ids=privileged)
        self.contents.write(inode, offset, data)
        file = self.contents.file(inode)
        assert file is not None
        return file

    def truncate(self, inode: InodeId, size: int, *, privileged: bool = False) -> None:
        """Give an open file another size, zeros filling what is new. Raises TooBig, Refused.

        Set-user and set-group bits go, unless the caller is `privileged` to keep them.
        """
        self._require_writable()
        with self._parts.changes.begin() as change:
            record = change.edit(inode)
            if kind_of(record) != REGULAR:
                raise InvalidArgument(f"inode {inode} has no size to change")
            require_unlocked(inode, record)
            self._names.attributes.clear_privileges(change, inode, keep_set_ids=privileged)
            self._names.attributes.touch_modified(change, inode)
            self.contents.truncate(change, inode, size)

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
        return self._parts.metadata.sweep.run()

    def remove_leftovers(self) -> Steps[int]:
        """Delete, bit by bit, what has been removed as a whole; return how much that was."""
        self._require_writable()
        return self._parts.removal.run()

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

    # -- earlier contents -----------------------------------------------------------------

    def list_versions(self, path: bytes) -> Steps[list[VersionInfo]]:
        """The versions of a file, by name and then oldest first; of a directory, of all in it.

        The path may lead to what is no more; with a slash at its end it means a directory. Raises
        PathRefused.
        """
        names, versions = names_on(path), self._parts.versions
        found: list[VersionInfo] = []
        if names and not path.endswith((b"/", b"/.")) and not self._is_directory(path):
            found = versions.at(names[:-1], names[-1])
        for name in (yield from versions.names_at(names)):
            found += versions.at(names, name)
        return found

    def _is_directory(self, path: bytes) -> bool:
        with suppress(NotFound, NotADirectory):
            return is_directory(self._names.record(self._names.resolve(path)))
        return False

    def restore_version(self, path: bytes, stamp_us: int | None = None) -> Steps[VersionInfo]:
        """Let a file be what it was until a moment, or before it changed last. Raises Refused.

        What it is now becomes a version; see Restoring.restore.
        """
        self._require_room()
        names = names_on(path)
        if not names:
            raise IsADirectory("the root directory has no versions: name a file")
        restoring = self._parts.restoring
        version, directory = yield from restoring.restore(names[:-1], names[-1], stamp_us)
        self.entry_changed(directory, names[-1])
        return version

    def prune_versions(self, path: bytes | None) -> Steps[int]:
        """Drop every version of a file, or below a directory; of the volume when given no path.

        Returns how many. Raises PathRefused.
        """
        self._require_writable()
        retention = self._parts.versions.retention
        if path is None:
            return (yield from retention.drop_all())
        names = names_on(path)
        count = 0
        if names:
            count += yield from retention.drop_named(names[:-1], names[-1])
        count += yield from retention.drop_below(names)
        return count

    def has_room(self, size_bytes: int = 0) -> bool:
        """Whether the host has room for so many new bytes; also when none can be written."""
        return self.read_only or self._parts.space.has_room(size_bytes)

    def make_room(self, size_bytes: int = 0) -> Steps[int]:
        """If the host has no room, let the oldest versions go; see room.py. Returns how many."""
        self._require_writable()
        retention = self._parts.versions.retention
        return (yield from make_room(self._parts.space, retention, self._collect_all, size_bytes))

    def _collect_all(self) -> Steps[GcReport]:
        return self.collect_garbage(lambda done, total, text: None, thorough=True)

    def tidy_versions(self) -> Steps[int]:
        """Drop the versions that are too many or too old; returns how many."""
        self._require_writable()
        return (yield from self._parts.versions.retention.sweep())

    def read_content(self, ref: bytes, size: int, offset: int, length: int) -> Steps[Buffer]:
        """Bytes of any content by its ref, cut or filled up with zeros to a size. Raises DataError.

        The ref must be kept by something that names it: a snapshot, a version, a file.
        """
        file = frozen_file(ref, self._parts.objects)
        file.size, file.kept = size, min(file.kept, size)
        return (yield from Reader(self._parts.objects).read(file, offset, length))

    # -- clones and locks -----------------------------------------------------------------

    def clone(self, source: InodeId, parent: InodeId, name: bytes) -> Steps[InodeId]:
        """Give a file or tree a copy that shares its contents; see Copies.clone."""
        if source == ROOT_INODE or not self._names.system.contains(source):
            return self._parts.history.copies.clone(source, parent, name)
        raise NotFound(f"inode {source} does not exist")

    def lock(self, inode: InodeId, *, recursive: bool = False) -> Steps[int]:
        """Let an inode stay as it is from now on; see Locking.set."""
        return self._parts.history.locking.set(inode, locked=True, recursive=recursive)

    def unlock(self, inode: InodeId, *, recursive: bool = False) -> Steps[int]:
        """Undo `lock`."""
        return self._parts.history.locking.set(inode, locked=False, recursive=recursive)

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
                run_inline(self.contents.settle(file.inode))
            except CairnError as error:
                _log.error("%s: its last bytes are lost: %s", self.described(file.inode), error)
                failures.append(error)
        return failures

    def _write_last_root(self) -> None:
        """What is in the index is safe without a root, so that lacking one is no failure."""
        if self.root_is_due:
            try:
                run_inline(self.write_root())
            except CairnError as error:
                _log.warning("the packs are without the last changes of the tree: %s", error)


def _refuse_view(parent: InodeId, name: bytes) -> None:
    """Views are neither removed nor moved. Raises NotPermitted."""
    if is_view_name(parent, name):
        raise NotPermitted(f"{name.decode()} is a view: it is always there")


def _make_default_series(store: Path) -> None:
    """Begin with one series, whose document is the pattern for others."""
    volume = Volume.open(store)
    try:
        root = volume.attributes(ROOT_INODE)[0]
        creator = Creator(root.uid, root.gid)
        run_inline(volume.series.create(DEFAULT_SERIES, None, creator))
    finally:
        volume.close()
