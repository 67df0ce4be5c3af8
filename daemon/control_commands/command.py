"""What a command of the control socket is made of.

A *volume command* works on the model alone. The daemon runs it in steps between the kernel's
requests; the command line runs the same function on a store that is not mounted, so that both
give the same answer. A *service command* is about the running daemon and exists only there.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from daemon.control_protocol import Progress
from fsmodel.ids import InodeId
from fsmodel.steps import Result, Steps
from fsmodel.volume import Volume

if TYPE_CHECKING:  # trio takes long, and a command line without a daemon has no use for it
    from daemon.workers import Workers


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of a command that has none."""


class Service(Protocol):
    """What the running daemon offers to its commands."""

    @property
    def volume(self) -> Volume:
        """The volume it serves."""
        ...

    def status(self) -> object:
        """How it does, for `cairnfs status`."""
        ...

    def live(self) -> object:
        """Totals of this moment, for `cairnfs top`. Raises BackendError."""
        ...

    def release(self) -> bool:
        """Come to an end soon if the mount has ended. Returns whether it has."""
        ...

    async def settle_closed(self) -> None:
        """Settle the files that were closed and not settled for that."""
        ...

    async def make_durable(self) -> None:
        """Settle every open file and checkpoint."""
        ...

    async def reload(self) -> object:
        """Read the configuration again. Raises ConfigInvalid, UsageProblem."""
        ...

    async def drive_and_tell(
        self,
        workers: "Workers",
        steps: Steps[Result],
        touched: Sequence[tuple[InodeId, bytes]] = (),
    ) -> Result:
        """Run steps, and have the kernel forget names they touched and files they linked anew."""
        ...

    async def make_way(self) -> None:
        """Interrupt long work in the background."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Where a volume command runs."""

    volume: Volume
    report: Callable[[Progress], None]  # tells whoever asked how far the work has come
    uid: int = field(default_factory=os.geteuid)  # of the user who asks
    # Names that stand for something else now; whoever asked is answered when the kernel knows.
    touched: list[tuple[InodeId, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VolumeCommand:
    """A command on a volume. What `run` returns must be fit for JSON.

    `run` is given arguments of the type `arguments`. `changes_store` says whether they ask for
    more than looking, which decides how a store that is not mounted is opened. `unmounted`, if
    there is one, answers for such a store instead, and is told where to report progress.
    """

    name: str
    arguments: type[msgspec.Struct]
    run: Callable[[Context, Any], Steps[object]]
    changes_store: Callable[[Any], bool] = lambda arguments: False
    needs_the_store_alone: bool = False  # interrupts long work in the background
    settles_first: bool = False
    is_job: bool = False  # is gone on with after a crash; doing it again comes to the same end
    unmounted: Callable[[Path, Any, Callable[[Progress], None]], object] | None = None


@dataclass(frozen=True, slots=True)
class ServiceCommand:
    """A command on the daemon itself."""

    name: str
    arguments: type[msgspec.Struct]
    run: Callable[[Service, Any], Awaitable[object]]


def steps_of(command: VolumeCommand, context: Context, arguments: Any) -> Steps[object]:
    """What carries out a command, recorded as a job if it is one."""
    steps = command.run(context, arguments)
    if not (command.is_job and command.changes_store(arguments)) or context.volume.read_only:
        return steps
    return context.volume.jobs.run(command.name, msgspec.json.encode(arguments), steps)


def checked_arguments(kind: type[msgspec.Struct], given: dict[str, Any]) -> Any:
    """Arguments from outside as the command wants them. Raises msgspec.ValidationError."""
    return msgspec.convert(given, kind)


def at_once(result: object) -> Steps[object]:
    """The steps of a command that needs none."""
    yield from ()
    return result
