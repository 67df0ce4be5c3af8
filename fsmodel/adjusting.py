"""Changing settings while a store is open.

How new data is encoded, what names may be and what listings show is decided when a store is
opened: those settings count from the next time on. All others are limits that somebody reads when
he needs them, and stand here. Whoever adds one adds it to daemon/settings_schema.py as `live`.
"""

from fsmodel.assembly import Parts
from fsmodel.settings import VolumeSettings


def adjust(parts: Parts, settings: VolumeSettings) -> None:
    """Let the settings that can change hold from now on; the others stay as they were."""
    parts.cache.resize(settings.cache_bytes)
    parts.upkeep.scrub_bytes_per_second = settings.scrub_bytes_per_second
    parts.versions.policies.replace_default(settings.versions)
    parts.metadata.sweep.grace_ns = settings.analysis_grace_ns
    if parts.series is not None:
        parts.series.cache.limits = settings.cache_folder
