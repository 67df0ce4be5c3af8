"""Everything that is decided before a daemon starts."""

from dataclasses import dataclass
from pathlib import Path

from daemon.mount_options import MountOptions
from daemon.settings_schema import Settings


@dataclass(frozen=True, slots=True)
class MountPlan:
    """What to serve where, and how. Paths are resolved."""

    store: Path
    mountpoint: str
    options: MountOptions
    settings: Settings
    create: bool = False  # make the store if there is none
    log_file: Path | None = None  # None: standard error
    background: bool = False
