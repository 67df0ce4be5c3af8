"""Puts together what documents and the views of them are made of."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from fsmodel.change import Changes
from fsmodel.content.digests import Digests
from fsmodel.content.settle import Settler
from fsmodel.content.whole import WholeContents
from fsmodel.documents.analyses import Analyses
from fsmodel.documents.analysis_sweep import AnalysisSweep
from fsmodel.documents.content_figures import ContentFigures
from fsmodel.documents.directory_hashes import DirectoryHashes
from fsmodel.documents.due_digests import DueDigests
from fsmodel.documents.metadata_documents import CountVersions, MetadataDocuments
from fsmodel.documents.recent_resets import RecentResets
from fsmodel.ids import ObjectId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.namespace import Namespace
from fsmodel.settings import VolumeSettings
from fsmodel.statistics import gather_statistics
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.objects import ObjectStore
from fsmodel.views.by_hash_view import ContentTools
from fsmodel.views.cairnfs_view import CairnfsProvider
from fsmodel.views.metadata_drafts import Drafts
from fsmodel.views.metadata_file import MetadataTools
from fsmodel.views.metadata_places import MetadataPlaces
from fsmodel.views.metadata_view import MetadataProvider
from fsmodel.views.views import Views
from lmdb_index.index import Index

NamedInMemory = Callable[[], Iterator[ObjectId]]

VIEW: Final = b".metadata"
CAIRNFS_VIEW: Final = b".cairnfs"


@dataclass(frozen=True, slots=True)
class MetadataParts:
    """All there is about metadata documents in an open volume."""

    digests: Digests
    analyses: Analyses
    sweep: AnalysisSweep
    due_digests: DueDigests
    places: MetadataPlaces
    provider: MetadataProvider
    cairnfs: CairnfsProvider
    named_in_memory: NamedInMemory

    def register_in(self, views: Views) -> None:
        """Let views show it all."""
        views.register(VIEW, self.provider)
        views.register(CAIRNFS_VIEW, self.cairnfs)


def assemble_metadata(
    index: Index,
    inodes: InodeTable,
    changes: Changes,
    namespace: Namespace,
    objects: ObjectStore,
    digests: Digests,
    settler: Settler,
    cache: ByteCache,
    count_versions: CountVersions,
    settings: VolumeSettings,
) -> MetadataParts:
    """Nothing is read or changed yet."""
    contents = WholeContents(objects, settler)
    analyses = Analyses(index, inodes, namespace, digests, contents)
    hashes = DirectoryHashes(index, inodes, changes, namespace, digests)
    resets = RecentResets(changes, analyses)
    figures = ContentFigures(objects)
    documents = MetadataDocuments(
        inodes, digests, hashes, analyses, resets, figures, count_versions, namespace.paths_of
    )
    visible = [os.fsencode(path) for path in settings.metadata_visible]
    places = MetadataPlaces(index, namespace, visible)
    tools = MetadataTools(inodes, namespace, changes, documents, Drafts())
    return MetadataParts(
        digests=digests,
        analyses=analyses,
        sweep=AnalysisSweep(index, namespace, analyses, settings.analysis_grace_ns),
        due_digests=DueDigests(changes, inodes, digests, places.is_visible),
        places=places,
        provider=MetadataProvider(tools, namespace, places),
        cairnfs=CairnfsProvider(
            ContentTools(inodes, digests, objects),
            partial(gather_statistics, index, cache),
            changes.now_ns,
        ),
        named_in_memory=contents.named_in_memory,
    )
