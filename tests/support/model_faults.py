"""Faults for planted_faults.py, of the model: careless changes to what it does."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from daemon import config
from fsmodel.buffers import Buffer
from fsmodel.change import Change
from fsmodel.content import chunking, contents
from fsmodel.content.chunk_limits import CutRule
from fsmodel.content.contents import Contents
from fsmodel.content.extent_rows import cut_extents
from fsmodel.content.extents import DirtyExtents, Extent
from fsmodel.content.file_state import FILE_BYTES_MAX, FileState
from fsmodel.content.regions import RegionPlanner
from fsmodel.documents.directory_hashes import DirectoryHashes
from fsmodel.errors import NotFound
from fsmodel.ids import InodeId, ObjectId
from fsmodel.jobs import JobInfo, Jobs
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.originals import LiveOriginals, Original
from fsmodel.namespace.renames import RenameFlag
from fsmodel.series.lifecycle import Lifecycle
from fsmodel.stale_trees import EditedInodes, StaleTrees
from fsmodel.store.bases import BaseFinder
from fsmodel.store.delta_maker import DeltaMaker
from fsmodel.upkeep import collection
from fsmodel.versions import retention
from fsmodel.versions.version_folders import VersionFolders
from fsmodel.volume import Volume
from lmdb_index import value_keys
from lmdb_index.block_cache import BlockCache
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.packed import TOMBSTONE, Packed
from lmdb_index.records import InodeRecord
from lmdb_index.schema import JOB

Patches: TypeAlias = list[tuple[object, str, object]]  # whose, what, by what


def _nothing(*_: object, **__: object) -> None:
    pass


# Names and bytes


def rename_in_two_steps() -> Patches:
    """The new name is made, then the old one goes."""
    rename = Volume.rename

    def link_and_unlink(
        self: Volume,
        parent: InodeId,
        name: bytes,
        new_parent: InodeId,
        new_name: bytes,
        flags: RenameFlag,
        *creator: Any,
    ) -> None:
        if flags:
            rename(self, parent, name, new_parent, new_name, flags, *creator)
            return
        inode = self.lookup(parent, name)
        with suppress(NotFound):
            self.unlink(new_parent, new_name)
        self.link(inode, new_parent, new_name)
        self.unlink(parent, name)

    return [(Volume, "rename", link_and_unlink)]


def exchange_replaces() -> Patches:
    """renameat2(2) does without its flags."""
    rename = Namespace.rename

    def flagless(self: Namespace, *arguments: Any) -> None:
        rename(self, *arguments[:4])

    return [(Namespace, "rename", flagless)]


def bytes_beside_their_place() -> Patches:
    """A write behind the first page lands a byte too far."""
    write = Contents.write

    def write_beside(self: Contents, inode: InodeId, offset: int, data: Any) -> Any:
        return write(self, inode, offset + (offset > 100), data)

    return [(Contents, "write", write_beside)]


# Chunks


def appends_leave_the_last_chunk() -> Patches:
    """What is appended begins a chunk of its own, though the last one ended with the file only."""
    cutting_start = RegionPlanner.cutting_start

    def start_behind(self: RegionPlanner, file: FileState, offset: int) -> int:
        return min(file.chunks.size, max(offset, cutting_start(self, file, offset)))

    return [(RegionPlanner, "cutting_start", start_behind)]


def reads_miss_what_is_being_settled() -> Patches:
    """While bytes are cut and stored, readers see those that were there before."""

    def newest_alone(self: FileState, start: int, end: int) -> list[Extent]:
        return self.dirty.within(start, end)

    return [(FileState, "dirty_within", newest_alone)]


def old_bytes_count_more_than_a_stream() -> Patches:
    """What is written behind bytes that are being settled is, as if no chunks lay there."""

    def freeze_more(self: FileState) -> list[Extent]:
        behind = self.frozen.end if self.frozen else self.chunks.size
        if not self.dirty or self.dirty.start != behind or self.logged_rows != self.frozen_rows:
            return []
        more, self.dirty = self.dirty, DirtyExtents()
        self.frozen.append(more)
        return list(more)

    return [(FileState, "freeze_more", freeze_more)]


def rows_outlive_a_cut() -> Patches:
    """A file that is cut keeps what was synced behind that, and shows it when it grows again."""

    def cut_nothing(change: Change, inode: InodeId, size: int) -> list[int]:
        return cut_extents(change, inode, FILE_BYTES_MAX)

    return [(contents, "cut_extents", cut_nothing)]


def clones_of_cut_files_count_as_settled() -> Patches:
    """A copy is settled if its content has as many bytes that count as the file has."""
    original = LiveOriginals.original

    def as_long_as_it_counts(self: LiveOriginals, *arguments: Any) -> Original:
        found = original(self, *arguments)
        lacks = found.content_size != found.size
        return found._replace(unsettled=lacks or bool(found.extents))

    return [(LiveOriginals, "original", as_long_as_it_counts)]


def the_longest_chunk_is_a_byte_short() -> Patches:
    """The native kernel gives up before the last byte that a chunk may have."""
    native = chunking.KERNELS["native"]

    def cut_short(data: Buffer, rule: CutRule, final: bool) -> list[int]:
        return native.cut_points(data, rule._replace(max_size=rule.max_size - 1), final)

    kernels = {**chunking.KERNELS, "native": native._replace(cut_points=cut_short)}
    return [(chunking, "KERNELS", kernels)]


def every_piece_is_the_last() -> Patches:
    """The end of what is known so far is cut as if nothing followed."""
    kernel = chunking._KERNEL

    def cut_all(data: Buffer, rule: CutRule, final: bool) -> list[int]:
        return kernel.cut_points(data, rule, True)

    return [(chunking, "_KERNEL", kernel._replace(cut_points=cut_all))]


# Documents, series, versions, snapshots


def files_that_come_are_not_noted() -> Patches:
    """A known directory looks again at files it has, and at no others."""

    def note_known(self: DirectoryHashes, inode: InodeId, record: InodeRecord) -> None:
        self._note_where_known(inode)

    return [(DirectoryHashes, "_note_changed", note_known)]


def deleted_series_are_shown() -> Patches:
    """The document of a series goes to `deleted/`, and its output stays where it is."""
    return [(Lifecycle, "hide_output", _nothing)]


def changes_stay_in_their_folder() -> Patches:
    """A directory that has changed is written again, and those above it are taken as they were."""

    def touch(self: StaleTrees, change: EditedInodes, directory: InodeId) -> None:
        if directory and change.inode(directory).tree:
            change.edit(directory).tree = b""

    return [(StaleTrees, "_touch", touch)]


def versions_stay_behind() -> Patches:
    """A directory that is renamed does not take along what its files were."""
    return [(VersionFolders, "moved", _nothing)]


def moved_folders_are_known_still() -> Patches:
    """Where versions lie is not looked for anew when a directory comes to another place."""
    moved = VersionFolders.moved

    def without_forgetting(self: VersionFolders, change: Any, *places: Any) -> None:
        known = dict(self._known)
        moved(self, change, *places)
        change.when_applied(lambda: self._known.update(known))

    return [(VersionFolders, "moved", without_forgetting)]


def a_version_too_many() -> Patches:
    """Room is made for the versions there are, and not for the one that comes."""
    surplus = retention._surplus

    def without_others(versions: Any, policy: Any, now_ns: int, others: int = 0) -> Any:
        return surplus(versions, policy, now_ns)

    return [(retention, "_surplus", without_others)]


# Deltas, collection, packed rows, values


def chains_without_end() -> Patches:
    """Whatever is alike is a base, however deep it is."""
    find = BaseFinder._usable_base

    def any_depth(self: BaseFinder, candidate: bytes, batch: set[ObjectId]) -> Any:
        depth_max, self._depth_max = self._depth_max, 1 << 30
        try:
            return find(self, candidate, batch)
        finally:
            self._depth_max = depth_max

    return [
        (BaseFinder, "_usable_base", any_depth),
        (DeltaMaker, "_is_too_deep", lambda self, base, depths: False),
    ]


def pages_go_alone() -> Patches:
    """A page of a contents list is collected, and what it names still counts as named by it."""
    return [(collection, "children_of", lambda kind, data: [])]


def deleted_rows_are_packed_still() -> Patches:
    """A row is deleted where it stands, and its older self in a block is seen again."""
    delete = Packed.delete

    def without_tombstone(
        self: Packed, transaction: Any, database: Any, number: int, key: bytes, value: bytes | None
    ) -> bool:
        found = delete(self, transaction, database, number, key, value)
        if transaction.get(key, None, database) == TOMBSTONE:
            transaction.delete(key, b"", database)
        return found

    return [(Packed, "delete", without_tombstone)]


def a_failed_step_forgets_counts() -> Patches:
    """When rows could not be packed, as many count as packed as at the last commit."""
    look_again = Packed.look_again

    def as_committed(self: Packed, transaction: Any, _: dict[int, int]) -> None:
        look_again(self, transaction, dict(self._counts._stored))

    return [(Packed, "look_again", as_committed)]


def outlines_outlive_failed_commits() -> Patches:
    """What was shown of inodes is completed later by rows that are not packed any more."""
    return [(Index, "when_begun_again", _nothing)]


def absent_keys_stay_absent() -> Patches:
    """A key that no block had is not looked for when the blocks are others."""
    forget = BlockCache.forget

    def forget_blocks_alone(self: BlockCache, place: bytes) -> None:
        absent = self.absent
        forget(self, place)
        self.absent = absent

    return [(BlockCache, "forget", forget_blocks_alone)]


def negative_numbers_by_size() -> Patches:
    """Keys of negative numbers rise as these fall."""
    number = value_keys._number

    def upright(value: float) -> bytes:
        if value < 0:
            return value_keys._NEGATIVE + number(-value)[1:]
        return number(value)

    return [(value_keys, "_number", upright)]


# Clients


def open_files_take_descriptors() -> Patches:
    """Each file that is open in the mount has a file of the host open, too."""
    open_file = Contents.open

    def open_both(self: Contents, *arguments: Any) -> FileState:
        os.open("/", os.O_PATH | os.O_CLOEXEC)
        return open_file(self, *arguments)

    return [(Contents, "open", open_both)]


def job_numbers_have_no_limit() -> Patches:
    """The number of a job is looked up as it was given."""

    def find(self: Jobs, number: int) -> JobInfo:
        row = self._index.get(JOB, number_key(number))
        if row is None:
            raise NotFound(f"there is no job {number}")
        return self._told(number, row)

    return [(Jobs, "find", find)]


def configuration_is_text() -> Patches:
    """What stands in a configuration file is decoded before anybody asks whether it can be."""
    read = config.read_config_file

    def read_text(path: Path) -> Any:
        with suppress(FileNotFoundError):
            path.read_text()
        return read(path)

    return [(config, "read_config_file", read_text)]


FAULTS: Final = (
    rename_in_two_steps,
    exchange_replaces,
    bytes_beside_their_place,
    appends_leave_the_last_chunk,
    reads_miss_what_is_being_settled,
    old_bytes_count_more_than_a_stream,
    rows_outlive_a_cut,
    clones_of_cut_files_count_as_settled,
    the_longest_chunk_is_a_byte_short,
    every_piece_is_the_last,
    files_that_come_are_not_noted,
    deleted_series_are_shown,
    changes_stay_in_their_folder,
    versions_stay_behind,
    moved_folders_are_known_still,
    a_version_too_many,
    chains_without_end,
    pages_go_alone,
    deleted_rows_are_packed_still,
    a_failed_step_forgets_counts,
    outlines_outlive_failed_commits,
    absent_keys_stay_absent,
    negative_numbers_by_size,
    open_files_take_descriptors,
    job_numbers_have_no_limit,
    configuration_is_text,
)
