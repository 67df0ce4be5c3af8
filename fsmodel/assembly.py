"""Puts the parts of an open store together, in the order they need each other."""

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final
from uuid import uuid4

from fsmodel.change import Changes
from fsmodel.clock import Clock, SystemClock
from fsmodel.content.chunk_limits import CHUNKER, ChunkLimits
from fsmodel.content.chunking import features, is_noise
from fsmodel.content.contents import Contents
from fsmodel.content.digests import Digests
from fsmodel.content.lineages import Lineages
from fsmodel.content.settle import Settler
from fsmodel.content.whole import WholeContents
from fsmodel.documents.commits import Commits
from fsmodel.documents.drafts import Drafts
from fsmodel.documents.twins import Twins
from fsmodel.durability import Durability
from fsmodel.history.roots import Roots
from fsmodel.ids import PackId
from fsmodel.index_border import index_errors_translated
from fsmodel.indexes.assembly import assemble_indexes
from fsmodel.indexes.indexes import Indexes
from fsmodel.inode_table import InodeTable
from fsmodel.metadata_assembly import MetadataParts, assemble_metadata
from fsmodel.namespace.folder_levels import level_for
from fsmodel.namespace.holds import Holds
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.names import OrdinaryNames
from fsmodel.namespace.namespace import Namespace
from fsmodel.rebuild.placing import require_nothing_ready
from fsmodel.recovery import FrameJudge
from fsmodel.series.assembly import NameRules, SeriesParts, assemble_series, name_rules
from fsmodel.series.layout import make_structured_folders
from fsmodel.series.removal import Removal
from fsmodel.settings import VolumeSettings
from fsmodel.snapshot_assembly import SnapshotParts, assemble_snapshots
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.drafts import Encoding
from fsmodel.store.format_file import Chunking, StoreFormat, read_format, write_format
from fsmodel.store.layout import StoreLayout
from fsmodel.store.lock import StoreLock
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.space import HostSpace
from fsmodel.upkeep.retirement import LAST_PACK
from fsmodel.upkeep.store_parts import StoreParts
from fsmodel.upkeep.upkeep import Upkeep
from fsmodel.versions.policy import VersionPolicies, VersionPolicy
from fsmodel.versions.restoring import Restoring
from fsmodel.versions.version_folders import VersionFolders
from fsmodel.versions.version_parts import VersionParts
from fsmodel.versions.version_rows import VersionRows
from fsmodel.versions.versions import Versions
from fsmodel.views.by_hash_view import ContentTools
from fsmodel.views.indexes_view import INDEXES, IndexesFolder
from fsmodel.views.snapshots_view import NAME as SNAPSHOTS_VIEW
from fsmodel.views.snapshots_view import SnapshotsView
from fsmodel.views.versions_view import NAME as VERSIONS_VIEW
from fsmodel.views.versions_view import VersionsView
from fsmodel.views.views import Views
from fsmodel.virtual_attributes import VirtualAttributes
from fsmodel.write_guard import WriteGuard
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import number_of
from lmdb_index.schema import PACK

ROOT_MODE: Final = 0o40755


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything an open volume is made of."""

    layout: StoreLayout
    lock: StoreLock
    index: Index
    packs: PackWriter
    reader: PackReader
    cache: ByteCache
    objects: ObjectStore
    roots: Roots
    changes: Changes
    inodes: InodeTable
    contents: Contents
    holds: Holds
    namespace: Namespace
    rules: NameRules
    whole: WholeContents
    commits: Commits
    drafts: Drafts
    series: SeriesParts | None  # of a store with structured folders
    removal: Removal
    indexes: Indexes
    virtual_attributes: VirtualAttributes
    metadata: MetadataParts
    history: SnapshotParts
    durability: Durability
    space: HostSpace
    upkeep: Upkeep
    versions: Versions
    restoring: Restoring
    views: Views
    guard: WriteGuard
    dry: bool  # nothing on disk may change

    def close(self) -> None:
        """Let go of everything; what was not checkpointed is in the journal."""
        with index_errors_translated():
            self.index.close()
        self.packs.close()
        self.reader.close()
        self.lock.close()


def create_store(folder: Path, *, plain: bool) -> None:
    """Make a store: its folders, format.json, index, root directory, and structured folders.

    A plain store does not have the last ones. format.json is written last, so a folder whose making
    was cut short is no store. Raises StoreExists, NoSpace, BackendError.
    """
    layout = StoreLayout(folder)
    layout.create()
    limits = ChunkLimits()
    chunking = Chunking(CHUNKER, limits.min_size, limits.average, limits.max_size)
    content = StoreFormat(uuid=uuid4(), created=datetime.now(UTC), chunking=chunking)
    with index_errors_translated():
        Index.create(folder, content.uuid.bytes)
        index = Index.open(folder, content.uuid.bytes)
    inodes = InodeTable(index)
    namespace = Namespace(
        index,
        inodes,
        Changes(index, inodes, SystemClock()),
        is_open=lambda inode: False,
        release_content=lambda change, inode, record: None,
        policy=OrdinaryNames(),
    )
    owner = Creator(os.getuid(), os.getgid())
    namespace.make_root(ROOT_MODE, owner.uid, owner.gid)
    if not plain:
        with namespace.changes.begin() as change:
            make_structured_folders(change, namespace, owner)
    with index_errors_translated():
        index.checkpoint()
        index.close()
    write_format(layout, content)


def assemble(
    folder: Path,
    *,
    dry: bool,
    thorough: bool,
    read_only: bool,
    mountpoint: str | None,
    settings: VolumeSettings,
    clock: Clock,
) -> Parts:
    """Open a store. Raises StoreError, DataError; then nothing stays open."""
    layout = StoreLayout(folder)
    content = read_format(layout)
    with ExitStack() as failed:
        lock = StoreLock.acquire(layout, mountpoint)
        failed.callback(lock.close)
        require_nothing_ready(layout)
        parts = _open_parts(
            layout,
            content,
            lock,
            failed,
            dry=dry,
            thorough=thorough,
            read_only=read_only,
            settings=settings,
            clock=clock,
        )
        failed.pop_all()
    parts.metadata.register_in(parts.views)
    return parts


def _open_parts(
    layout: StoreLayout,
    content: StoreFormat,
    lock: StoreLock,
    failed: ExitStack,
    *,
    dry: bool,
    thorough: bool,
    read_only: bool,
    settings: VolumeSettings,
    clock: Clock,
) -> Parts:
    """`failed` is told what must be closed if this ends with an error."""
    uuid = content.uuid.bytes
    reader = PackReader(layout, uuid)
    failed.callback(reader.close)
    with index_errors_translated():
        accept = FrameJudge(reader).accept
        index = Index.open(layout.folder, uuid, accept, dry=dry, thorough=thorough)
    failed.callback(_give_up, index)
    known = [PackId(number_of(key)) for key, _ in index.scan_unpacked(PACK)]  # also garbled ones
    known.append(PackId(index.counter(LAST_PACK)))
    packs = PackWriter(layout, uuid, known, pack_bytes_max=settings.pack_bytes_max)
    cache = ByteCache(settings.cache_bytes)
    inodes = InodeTable(index)
    changes = Changes(index, inodes, clock)
    objects = ObjectStore(index, changes, packs, reader, cache, _encoding(settings))
    chunking = content.chunking
    limits = ChunkLimits(chunking.min, chunking.average, chunking.max)
    lineages = Lineages(index, inodes, objects)
    settler = Settler(objects, lineages, limits, partial(level_for, index, inodes))
    contents = Contents(index, inodes, changes, objects, settler, lineages, read_only=read_only)
    digests = Digests(index, changes, objects)
    holds = Holds()
    rules = name_rules(index, inodes, contained_mount=settings.symlinks_contained)
    namespace = rules.namespace(
        index,
        inodes,
        changes,
        is_open=lambda inode: contents.is_open(inode) or inode in holds,
        release_content=contents.release,
        policy=rules.policy,
        atime_mode=settings.atime_mode,
    )
    version_parts = _version_parts(
        index, inodes, changes, objects, contents, namespace, settings.versions
    )
    version_parts.policies.configured = rules.configs.version_policy
    versions = Versions(version_parts)
    whole = WholeContents(objects, settler)
    commits = Commits(whole, rules.is_document)
    drafts = Drafts(
        inodes,
        changes,
        namespace,
        contents,
        objects,
        whole,
        commits,
        Twins(index, inodes, namespace, whole),
    )
    series = assemble_series(
        index,
        inodes,
        changes,
        namespace,
        rules,
        whole,
        commits,
        version_parts.policies.forget,
        settings.cache_folder,
        contents.is_open,
    )
    indexes = assemble_indexes(index, inodes, changes, namespace, whole, contents.is_open)
    namespace.keep_former(versions.keeper)
    contents.recorder.keep_former = versions.keeper.keep_rewritten
    views = Views()
    views.register(VERSIONS_VIEW, VersionsView(versions, inodes, namespace, contents))
    if not dry:
        namespace.purge_orphans()
    metadata = assemble_metadata(
        index,
        inodes,
        changes,
        namespace,
        objects,
        digests,
        settler,
        cache,
        lambda directory, name: len(versions.shown(directory, name)),
        settings,
    )
    metadata.places.override = rules.configs.metadata_view
    content_tools = ContentTools(inodes, digests, objects)
    metadata.cairnfs.add(INDEXES, partial(IndexesFolder, content_tools, indexes, namespace.resolve))
    roots = Roots(index, changes, inodes, objects)
    durability = Durability(index, packs)
    space = HostSpace(
        layout.folder, promised=lambda: contents.dirty_bytes + durability.commit_bytes
    )
    if settings.haste:
        settler.may_leave_untried = space.is_ample
    guard = WriteGuard(space, durability, read_only=read_only)
    history = assemble_snapshots(
        index,
        inodes,
        changes,
        namespace,
        objects,
        contents,
        roots,
        durability,
        guard,
    )
    views.register(SNAPSHOTS_VIEW, SnapshotsView(history.snapshots, inodes, namespace, objects))
    return Parts(
        layout=layout,
        lock=lock,
        index=index,
        packs=packs,
        reader=reader,
        cache=cache,
        objects=objects,
        roots=roots,
        changes=changes,
        inodes=inodes,
        contents=contents,
        holds=holds,
        namespace=namespace,
        rules=rules,
        whole=whole,
        commits=commits,
        drafts=drafts,
        series=series,
        removal=Removal(changes, namespace),
        indexes=indexes,
        virtual_attributes=VirtualAttributes(inodes, digests, objects, os.fsencode(layout.folder)),
        metadata=metadata,
        history=history,
        durability=durability,
        space=space,
        upkeep=Upkeep(
            StoreParts(
                layout=layout,
                uuid=uuid,
                index=index,
                changes=changes,
                objects=objects,
                writer=packs,
                reader=reader,
                durability=durability,
                space=space,
                dry=dry,
                paths_of=namespace.paths_of,
                named_in_memory=lambda: chain(
                    contents.named_in_memory(),
                    whole.named_in_memory(),
                    roots.named_in_memory(),
                    metadata.named_in_memory(),
                ),
            ),
            settings.scrub_bytes_per_second,
        ),
        versions=versions,
        restoring=Restoring(version_parts, versions),
        views=views,
        guard=guard,
        dry=dry,
    )


def _give_up(index: Index) -> None:
    """Close it after a failure, which is told in place of what this ends with."""
    with suppress(IndexProblem):
        index.close()


def _version_parts(
    index: Index,
    inodes: InodeTable,
    changes: Changes,
    objects: ObjectStore,
    contents: Contents,
    namespace: Namespace,
    policy: VersionPolicy,
) -> VersionParts:
    directories = namespace.directories
    return VersionParts(
        index=index,
        inodes=inodes,
        changes=changes,
        objects=objects,
        contents=contents,
        namespace=namespace,
        folders=VersionFolders(index, inodes, directories, namespace.system),
        rows=VersionRows(index, inodes, namespace.xattrs),
        policies=VersionPolicies(inodes, namespace.xattrs, policy),
    )


def _encoding(settings: VolumeSettings) -> Encoding:
    return Encoding(
        features=features,
        is_noise=is_noise,
        level=settings.compression_level,
        delta_level=settings.delta_level,
        depth_max=settings.delta_depth_max if settings.delta else 0,
    )
