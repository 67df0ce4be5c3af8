"""Puts the parts of an open store together, in the order they need each other."""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from fsmodel.change import Changes
from fsmodel.clock import Clock
from fsmodel.content.contents import Contents
from fsmodel.content.digests import Digests
from fsmodel.content.whole import WholeContents
from fsmodel.core_assembly import CoreParts, open_core
from fsmodel.documents.commits import Commits
from fsmodel.documents.drafts import Drafts
from fsmodel.durability import Durability
from fsmodel.file_assembly import FileParts, assemble_files
from fsmodel.history.roots import Roots
from fsmodel.ids import ObjectId
from fsmodel.index_border import index_errors_translated
from fsmodel.indexes.assembly import assemble_indexes
from fsmodel.indexes.indexes import Indexes
from fsmodel.inode_table import InodeTable
from fsmodel.metadata_assembly import MetadataParts, assemble_metadata
from fsmodel.namespace.holds import Holds
from fsmodel.namespace.namespace import Namespace
from fsmodel.rebuild.placing import require_nothing_ready
from fsmodel.series.assembly import NameRules, SeriesParts, assemble_series
from fsmodel.series.removal import Removal
from fsmodel.settings import VolumeSettings
from fsmodel.snapshot_assembly import SnapshotParts, assemble_snapshots
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.format_file import read_format
from fsmodel.store.layout import StoreLayout
from fsmodel.store.lock import StoreLock
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.space import HostSpace
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
from lmdb_index.index import Index


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
        core = open_core(layout, content, failed, settings, clock, dry=dry, thorough=thorough)
        files = assemble_files(core, settings, read_only=read_only)
        parts = _assemble_all(core, files, lock, settings, dry=dry, read_only=read_only)
        failed.pop_all()
    parts.metadata.register_in(parts.views)
    return parts


def _assemble_all(
    core: CoreParts,
    files: FileParts,
    lock: StoreLock,
    settings: VolumeSettings,
    *,
    dry: bool,
    read_only: bool,
) -> Parts:
    index, inodes, changes, objects = core.index, core.inodes, core.changes, core.objects
    namespace, contents, rules = files.namespace, files.contents, files.rules
    version_parts = _version_parts(core, files, settings.versions)
    versions = Versions(version_parts)
    series = _assemble_series(core, files, version_parts.policies, settings)
    indexes = assemble_indexes(index, inodes, changes, namespace, files.whole, contents.is_open)
    namespace.keep_former(versions.keeper)
    contents.recorder.keep_former = versions.keeper.keep_rewritten
    if not dry:
        namespace.purge_orphans()
    digests = Digests(index, changes, objects)
    metadata = _assemble_metadata(core, files, digests, versions, settings)
    content_tools = ContentTools(inodes, digests, objects)
    metadata.cairnfs.add(INDEXES, partial(IndexesFolder, content_tools, indexes, namespace.resolve))
    roots, durability = Roots(index, changes, inodes, objects), Durability(index, core.packs)
    space = _host_space(core, files, durability, settings)
    guard = WriteGuard(space, durability, read_only=read_only)
    history = assemble_snapshots(
        index, inodes, changes, namespace, objects, contents, roots, durability, guard
    )
    views = Views()
    views.register(VERSIONS_VIEW, VersionsView(versions, inodes, namespace, contents))
    views.register(SNAPSHOTS_VIEW, SnapshotsView(history.snapshots, inodes, namespace, objects))

    def named_in_memory() -> chain[ObjectId]:
        return chain.from_iterable(
            part.named_in_memory() for part in (contents, files.whole, roots, metadata)
        )

    store_parts = StoreParts(
        layout=core.layout,
        uuid=core.uuid,
        index=index,
        changes=changes,
        objects=objects,
        writer=core.packs,
        reader=core.reader,
        durability=durability,
        space=space,
        dry=dry,
        paths_of=namespace.paths_of,
        named_in_memory=named_in_memory,
    )
    return Parts(
        layout=core.layout,
        lock=lock,
        index=index,
        packs=core.packs,
        reader=core.reader,
        cache=core.cache,
        objects=objects,
        roots=roots,
        changes=changes,
        inodes=inodes,
        contents=contents,
        holds=files.holds,
        namespace=namespace,
        rules=rules,
        whole=files.whole,
        commits=files.commits,
        drafts=files.drafts,
        series=series,
        removal=Removal(changes, namespace),
        indexes=indexes,
        virtual_attributes=VirtualAttributes(
            inodes, digests, objects, os.fsencode(core.layout.folder)
        ),
        metadata=metadata,
        history=history,
        durability=durability,
        space=space,
        upkeep=Upkeep(store_parts, settings.scrub_bytes_per_second),
        versions=versions,
        restoring=Restoring(version_parts, versions),
        views=views,
        guard=guard,
        dry=dry,
    )


def _version_parts(core: CoreParts, files: FileParts, policy: VersionPolicy) -> VersionParts:
    index, inodes, namespace = core.index, core.inodes, files.namespace
    policies = VersionPolicies(inodes, namespace.xattrs, policy)
    policies.configured = files.rules.configs.version_policy
    return VersionParts(
        index=index,
        inodes=inodes,
        changes=core.changes,
        objects=core.objects,
        contents=files.contents,
        namespace=namespace,
        folders=VersionFolders(index, inodes, namespace.directories, namespace.system),
        rows=VersionRows(index, inodes, namespace.xattrs),
        policies=policies,
    )


def _assemble_series(
    core: CoreParts, files: FileParts, policies: VersionPolicies, settings: VolumeSettings
) -> SeriesParts | None:
    return assemble_series(
        core.index,
        core.inodes,
        core.changes,
        files.namespace,
        files.rules,
        files.whole,
        files.commits,
        policies.forget,
        settings.cache_folder,
        files.contents.is_open,
    )


def _assemble_metadata(
    core: CoreParts,
    files: FileParts,
    digests: Digests,
    versions: Versions,
    settings: VolumeSettings,
) -> MetadataParts:
    metadata = assemble_metadata(
        core.index,
        core.inodes,
        core.changes,
        files.namespace,
        core.objects,
        digests,
        files.settler,
        core.cache,
        lambda directory, name: len(versions.shown(directory, name)),
        settings,
    )
    metadata.places.override = files.rules.configs.metadata_view
    return metadata


def _host_space(
    core: CoreParts, files: FileParts, durability: Durability, settings: VolumeSettings
) -> HostSpace:
    contents = files.contents
    space = HostSpace(
        core.layout.folder, promised=lambda: contents.dirty_bytes + durability.commit_bytes
    )
    if settings.haste:
        files.settler.may_leave_untried = space.is_ample
    return space
