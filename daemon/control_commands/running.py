"""Commands about the running daemon: how it does, and writing everything out."""

from typing import Final

from daemon.control_commands.command import NoArguments, Service, ServiceCommand
from daemon.problems import ConfigInvalid, RequestFailed, UsageProblem


async def status(service: Service, arguments: NoArguments) -> object:
    """The document of `cairnfs status`."""
    return service.status()


async def live(service: Service, arguments: NoArguments) -> object:
    """Totals of this moment; whoever asks twice makes rates of them, as `cairnfs top` does."""
    return service.live()


async def checkpoint(service: Service, arguments: NoArguments) -> object:
    """Make everything written so far durable and commit the index; `cairnfs umount` asks for it."""
    await service.make_durable()
    return {}


async def reload(service: Service, arguments: NoArguments) -> object:
    """Read the configuration again: what has changed, and what the next mount will change."""
    try:
        return await service.reload()
    except (ConfigInvalid, UsageProblem) as problem:
        raise RequestFailed(type(problem).__name__, str(problem)) from problem


async def release(service: Service, arguments: NoArguments) -> object:
    """Give the store up soon if the mount has ended; else nothing. Somebody waits for it."""
    return {"stopping": service.release()}


STATUS: Final = ServiceCommand("status", NoArguments, status)
LIVE: Final = ServiceCommand("live", NoArguments, live)
CHECKPOINT: Final = ServiceCommand("checkpoint", NoArguments, checkpoint)
RELOAD: Final = ServiceCommand("reload", NoArguments, reload)
RELEASE: Final = ServiceCommand("release", NoArguments, release)
