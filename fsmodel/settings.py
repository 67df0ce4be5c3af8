"""What can be set about a volume, with defaults and units."""

from dataclasses import dataclass

from fsmodel.namespace.inodes import AtimeMode
from fsmodel.series.cache_folder import DEFAULT_CACHE_LIMITS, CacheLimits
from fsmodel.store.pack_writer import PACK_BYTES_MAX
from fsmodel.versions.policy import DEFAULT_POLICY, VersionPolicy


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """Settings of one open volume."""

    cache_bytes: int = 64 << 20  # decoded chunks kept in memory
    pack_bytes_max: int = PACK_BYTES_MAX  # a pack that has grown so far is followed by another
    metadata_visible: tuple[str, ...] = ("output", "projects")  # folders whose listings show it
    analysis_grace_seconds: float = 7 * 24 * 3600.0  # how long one without a content is kept
    compression_level: int = 3  # of zstd, for new chunks
    delta: bool = True  # store chunks as deltas against similar ones
    delta_level: int = 3  # of zstd, for deltas
    delta_depth_max: int = 8  # chunks to decode before the one that is read
    scrub_bytes_per_second: int = 0  # 0: as fast as it goes
    versions: VersionPolicy = DEFAULT_POLICY  # where no directory says otherwise
    haste: bool = False  # chunks that come too quickly are stored as they are: somebody archives
    atime_mode: AtimeMode = AtimeMode.RELATIME
    symlinks_contained: bool = False  # whether links must not lead out of the mount
    cache_folder: CacheLimits = DEFAULT_CACHE_LIMITS  # how much `cache/` may hold

    @property
    def analysis_grace_ns(self) -> int:
        """The same in nanoseconds, as the index has times."""
        return int(self.analysis_grace_seconds * 10**9)
