"""Reading the configuration again while a mount is served.

It is checked as a whole first: when anything is wrong, all stays as it was. Settings that are
`live` (daemon/settings_schema.py) hold from then on. The others are only named: they wait for the
next mount.

Owner: the event-loop thread. Checkpoint: reading the files, in a thread. Two reloads at once take
over what each has read, one after the other.
"""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
import trio

from daemon.mount_plan import Reread
from daemon.problems import ConfigInvalid, UsageProblem
from daemon.settings_schema import LIVE, Settings

_log = logging.getLogger(__name__)


class Change(msgspec.Struct, frozen=True):
    """A setting that has another value than before."""

    old: Any
    new: Any


class Reloaded(msgspec.Struct, frozen=True):
    """What a reload has done: the document of `cairnfs reload`."""

    changed: dict[str, Change]  # holds by now
    next_mount: tuple[str, ...]  # settings, places and options that only a new mount takes over


class Reloader:
    """The settings in force, and their replacement. `adjust` lets live settings hold."""

    def __init__(
        self,
        running: Settings,
        reread: Callable[[], Reread],
        adjust: Callable[[Settings], None],
    ) -> None:
        self.running = running
        self._reread = reread
        self._adjust = adjust

    async def reload(self) -> Reloaded:
        """Take over what can be. Raises ConfigInvalid, UsageProblem; then nothing has changed."""
        try:
            found = await trio.to_thread.run_sync(self._reread)
        except (ConfigInvalid, UsageProblem) as problem:
            _log.warning("configuration not reloaded: %s", problem)
            raise
        reloaded = changes_between(self.running, found)
        new = {name: change.new for name, change in reloaded.changed.items()}
        self.running = msgspec.structs.replace(self.running, **new)
        self._adjust(self.running)
        _log.info("configuration reloaded: %s", _told(reloaded))
        return reloaded


def changes_between(running: Settings, found: Reread) -> Reloaded:
    """What is new in what was found, and whether it can hold at once."""
    old, new = msgspec.structs.asdict(running), msgspec.structs.asdict(found.settings)
    differing = [name for name in old if old[name] != new[name]]
    return Reloaded(
        {name: Change(old[name], new[name]) for name in differing if name in LIVE},
        (*(name for name in differing if name not in LIVE), *found.moved),
    )


def _told(reloaded: Reloaded) -> str:
    now = [f"{name} = {change.new}" for name, change in reloaded.changed.items()]
    later = [f"{name} waits for the next mount" for name in reloaded.next_mount]
    return ", ".join(now + later) or "nothing has changed"
