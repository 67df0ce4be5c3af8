"""Everything that is decided before a daemon starts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daemon.mount_options import MountOptions
from daemon.settings_schema import Settings


@dataclass(frozen=True, slots=True)
class Reread:
    """The configuration as it is now."""

    settings: Settings
    moved: tuple[str, ...] = ()  # what of the file says otherwise where what is served, and how


@dataclass(frozen=True, slots=True)
class MountPlan:
    """What to serve where, and how. Paths are resolved."""

    store: Path
    mountpoint: str
    options: MountOptions
    settings: Settings
    reread: Callable[[], Reread]  # for a running daemon; raises ConfigInvalid, UsageProblem
    create: bool = False  # make the store if there is none
    log_file: Path | None = None  # None: standard error
    background: bool = False
