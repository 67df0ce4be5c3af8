"""The figures of `cairnfs stats`: what a store holds, and what that takes."""

from dataclasses import dataclass

from fsmodel.store.byte_cache import ByteCache
from lmdb_index.index import Index
from lmdb_index.schema import PACK


@dataclass(frozen=True, slots=True)
class VolumeStatistics:
    """Figures of a volume at a moment. Bytes, unless a name says otherwise."""

    files: int
    directories: int
    symlinks: int
    inodes: int
    logical_bytes: int  # sizes of all regular files, those of earlier contents left out
    versions: int  # earlier contents of files
    version_bytes: int  # their sizes
    unique_bytes: int  # plain bytes of distinct chunks in use: what deduplication leaves
    stored_bytes: int  # frames of objects in use: what delta and compression leave
    chunks: int
    delta_chunks: int
    delta_saved_bytes: int
    dedupe_ratio: float  # (logical + versions) / unique
    compression_ratio: float  # unique / stored
    packs: int
    garbage_bytes: int  # frames of objects nothing names, until GC takes them
    cache_hits: int
    cache_misses: int
    cache_hit_rate: float
    cache_bytes: int


def gather_statistics(index: Index, cache: ByteCache) -> VolumeStatistics:
    """Read the counters; costs the same whatever the store holds."""
    count = index.counter
    logical, unique, stored = map(count, ("logical_bytes", "unique_bytes", "stored_bytes"))
    used = cache.statistics()
    return VolumeStatistics(
        files=count("files"),
        directories=count("directories"),
        symlinks=count("symlinks"),
        inodes=count("inodes"),
        logical_bytes=logical,
        versions=count("versions"),
        version_bytes=count("version_bytes"),
        unique_bytes=unique,
        stored_bytes=stored,
        chunks=count("chunks"),
        delta_chunks=count("delta_chunks"),
        delta_saved_bytes=count("delta_saved_bytes"),
        dedupe_ratio=_ratio(logical + count("version_bytes"), unique),
        compression_ratio=_ratio(unique, stored),
        packs=index.count(PACK),
        garbage_bytes=count("garbage_bytes"),
        cache_hits=used.hits,
        cache_misses=used.misses,
        cache_hit_rate=used.hits / max(used.hits + used.misses, 1),
        cache_bytes=used.held_bytes,
    )


def _ratio(whole: int, part: int) -> float:
    return round(whole / part, 3) if part else 1.0
