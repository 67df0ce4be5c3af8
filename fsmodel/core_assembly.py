"""Puts together what rows and objects of an open store are read and changed through."""

from contextlib import ExitStack, suppress
from dataclasses import dataclass

from fsmodel.change import Changes
from fsmodel.clock import Clock
from fsmodel.content.chunk_limits import ChunkLimits
from fsmodel.content.chunking import features, is_noise
from fsmodel.ids import PackId
from fsmodel.index_border import index_errors_translated
from fsmodel.inode_table import InodeTable
from fsmodel.recovery import FrameJudge
from fsmodel.settings import VolumeSettings
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.drafts import Encoding
from fsmodel.store.format_file import StoreFormat
from fsmodel.store.layout import StoreLayout
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_writer import PackWriter
from fsmodel.upkeep.retirement import LAST_PACK
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import number_of
from lmdb_index.schema import PACK


@dataclass(frozen=True, slots=True)
class CoreParts:
    """The index, the packs, and what makes rows and objects of them."""

    layout: StoreLayout
    uuid: bytes
    limits: ChunkLimits
    index: Index
    packs: PackWriter
    reader: PackReader
    cache: ByteCache
    inodes: InodeTable
    changes: Changes
    objects: ObjectStore


def open_core(
    layout: StoreLayout,
    content: StoreFormat,
    failed: ExitStack,
    settings: VolumeSettings,
    clock: Clock,
    *,
    dry: bool,
    thorough: bool,
) -> CoreParts:
    """Open index and packs. `failed` is told what must be closed if nothing comes of it.

    Raises StoreError, DataError.
    """
    uuid = content.uuid.bytes
    reader = PackReader(layout, uuid)
    failed.callback(reader.close)
    with index_errors_translated():
        accept = FrameJudge(reader).accept
        index = Index.open(layout.folder, uuid, accept, dry=dry, thorough=thorough)
    failed.callback(_give_up, index)
    packs = PackWriter(layout, uuid, _known_packs(index), pack_bytes_max=settings.pack_bytes_max)
    cache, inodes = ByteCache(settings.cache_bytes), InodeTable(index)
    changes, chunking = Changes(index, inodes, clock), content.chunking
    return CoreParts(
        layout=layout,
        uuid=uuid,
        limits=ChunkLimits(chunking.min, chunking.average, chunking.max),
        index=index,
        packs=packs,
        reader=reader,
        cache=cache,
        inodes=inodes,
        changes=changes,
        objects=ObjectStore(index, changes, packs, reader, cache, _encoding(settings)),
    )


def _known_packs(index: Index) -> list[PackId]:
    known = [PackId(number_of(key)) for key, _ in index.scan_unpacked(PACK)]  # also garbled ones
    return [*known, PackId(index.counter(LAST_PACK))]


def _give_up(index: Index) -> None:
    """Close it after a failure, which is told in place of what this ends with."""
    with suppress(IndexProblem):
        index.close()


def _encoding(settings: VolumeSettings) -> Encoding:
    return Encoding(
        features=features,
        is_noise=is_noise,
        level=settings.compression_level,
        delta_level=settings.delta_level,
        depth_max=settings.delta_depth_max if settings.delta else 0,
    )
