"""What can be set about a volume, with defaults and units."""

from dataclasses import dataclass

from fsmodel.namespace.inodes import AtimeMode
from fsmodel.store.pack_writer import PACK_BYTES_MAX


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """Settings of one open volume."""

    cache_bytes: int = 64 << 20  # decoded chunks kept in memory
    pack_bytes_max: int = PACK_BYTES_MAX  # a pack that has grown so far is followed by another
    compression_level: int = 3  # of zstd, for new chunks
    atime_mode: AtimeMode = AtimeMode.RELATIME
