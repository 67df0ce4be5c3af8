"""Puts together the parts that make a store a structured one."""

from collections.abc import Callable
from dataclasses import dataclass

from fsmodel.change import Changes
from fsmodel.content.whole import WholeContents
from fsmodel.documents.commits import Commits
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.contained_links import ContainedLinks, ContainedNames
from fsmodel.namespace.creation import Creation
from fsmodel.namespace.directories import Directories
from fsmodel.namespace.names import NamePolicy, OrdinaryNames
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.system_tree import SystemTree
from fsmodel.namespace.xattrs import Xattrs
from fsmodel.series.all_series import AllSeries
from fsmodel.series.artifact_names import DOCUMENT_SUFFIX
from fsmodel.series.artifacts import Artifacts
from fsmodel.series.cache_folder import CacheFolder, CacheLimits
from fsmodel.series.configs import SeriesConfigs
from fsmodel.series.default_document import DefaultDocument
from fsmodel.series.layout import StructuredFolders, find_structured_folders
from fsmodel.series.lifecycle import Lifecycle
from fsmodel.series.metrics_folder import MetricsFolder
from fsmodel.series.places import Places, Zone
from fsmodel.series.policy import StructuredNames
from fsmodel.series.series_document import SELECTOR
from fsmodel.series.structured_namespace import StructuredNamespace
from fsmodel.series.tree_moves import TreeMoves
from fsmodel.series.unchecked_names import UncheckedNames
from lmdb_index.index import Index


@dataclass(frozen=True, slots=True)
class NameRules:
    """What decides about names. A plain store has no folders, places and configurations."""

    policy: NamePolicy
    contained: ContainedLinks
    configs: SeriesConfigs
    folders: StructuredFolders | None = None
    places: Places | None = None

    @property
    def namespace(self) -> type[Namespace]:
        """The class of the namespace that goes with them."""
        return Namespace if self.folders is None else StructuredNamespace

    def is_document(self, directory: InodeId, name: bytes) -> bool:
        """Whether what has this name in a directory is a document, as its suffix allows."""
        if self.places is None:
            return False
        spot = self.places.of(directory)
        if spot.zone is Zone.FREE:
            return self.places.holds_documents(directory)
        if spot.zone is Zone.KIND:
            return spot.kind == SELECTOR.encode()
        return spot.zone in (Zone.SERIES, Zone.DELETED)

    def is_volatile(self, directory: InodeId, name: bytes) -> bool:
        """Whether a name may come or go without anybody asking for it by that name."""
        if self.folders is None or self.places is None:
            return False
        if directory in self.folders:
            return True
        if name.endswith(DOCUMENT_SUFFIX):
            return self.is_document(directory, name)
        return self.places.is_series_output(directory)

    def has_volatile_names(self, directory: InodeId) -> bool:
        """Whether there can be such a name in a directory: all that counts of one is its suffix."""
        return any(self.is_volatile(directory, name) for name in (b"", DOCUMENT_SUFFIX))


@dataclass(frozen=True, slots=True)
class SeriesParts:
    """What a structured store has besides."""

    all: AllSeries
    lifecycle: Lifecycle
    cache: CacheFolder
    metrics: MetricsFolder


def name_rules(index: Index, inodes: InodeTable, *, contained_mount: bool) -> NameRules:
    """The rules of a store that is being opened."""
    xattrs = Xattrs(index)
    contained = ContainedLinks(index, inodes, xattrs, whole_mount=contained_mount)
    configs = SeriesConfigs(index, inodes, xattrs)
    folders = find_structured_folders(index)
    if folders is None:
        return NameRules(ContainedNames(inodes, contained), contained, configs)
    directories = Directories(index, inodes)
    system = SystemTree(inodes, directories, Creation(inodes, directories, xattrs, OrdinaryNames()))
    places = Places(index, inodes, system, folders)
    policy = StructuredNames(index, inodes, places, configs, contained)
    return NameRules(policy, contained, configs, folders, places)


def assemble_series(
    index: Index,
    inodes: InodeTable,
    changes: Changes,
    namespace: Namespace,
    rules: NameRules,
    whole: WholeContents,
    commits: Commits,
    forget_policies: Callable[[], None],
    cache_limits: CacheLimits,
    is_open: Callable[[InodeId], bool],
) -> SeriesParts | None:
    """The parts of a structured store; None for a plain one."""
    if rules.folders is None or rules.places is None:
        return None
    assert isinstance(namespace, StructuredNamespace)
    names = UncheckedNames(inodes, namespace)
    artifacts = Artifacts(index, rules.places)
    namespace.directories.watcher = artifacts
    lifecycle = Lifecycle(names, rules.folders, rules.configs, artifacts, commits, forget_policies)

    default_document = DefaultDocument(names, inodes, whole, rules.folders)
    assert isinstance(rules.policy, StructuredNames)
    tree_moves = TreeMoves(index, inodes, rules.places, rules.policy, artifacts)
    namespace.structure(
        rules.folders, lifecycle, commits, names, default_document, rules.places, tree_moves
    )
    everything = AllSeries(
        changes, namespace, names, rules.folders, lifecycle, artifacts, whole, commits
    )
    cache = CacheFolder(index, inodes, changes, namespace, cache_limits, is_open)
    metrics = MetricsFolder(inodes, changes, namespace, whole)
    return SeriesParts(everything, lifecycle, cache, metrics)
