"""From the settings of a store to those of its volume and of what looks after it."""

from daemon.maintenance import GcThresholds
from daemon.settings_schema import Settings
from fsmodel.namespace.inodes import AtimeMode
from fsmodel.series.cache_folder import CacheLimits
from fsmodel.settings import VolumeSettings
from fsmodel.versions.policy import VersionPolicy


def volume_settings(
    settings: Settings, atime: str | None = None, *, haste: bool = False
) -> VolumeSettings:
    """What a volume is opened with; a mount option may say another `atime`.

    With `haste`, an archivist looks after it, who tries what was stored as it came.
    """
    return VolumeSettings(
        cache_bytes=settings.cache_bytes,
        compression_level=settings.compression_level,
        delta=settings.delta,
        delta_level=settings.delta_level,
        delta_depth_max=settings.delta_depth_max,
        scrub_bytes_per_second=settings.scrub_bytes_per_second,
        metadata_visible=settings.metadata_view_visible,
        analysis_grace_seconds=settings.metadata_view_grace_seconds,
        versions=VersionPolicy(settings.versions_count, settings.versions_days),
        symlinks_contained=settings.symlinks == "contained",
        cache_folder=CacheLimits(
            settings.cache_quota_bytes, settings.cache_files_max, settings.cache_ttl_seconds
        ),
        haste=haste,
        atime_mode=AtimeMode(atime or settings.atime),
    )


def gc_thresholds(settings: Settings) -> GcThresholds:
    """When a daemon collects garbage by itself."""
    return GcThresholds(
        settings.gc_garbage_bytes_min, settings.gc_garbage_ratio_min, settings.gc_idle_seconds
    )
