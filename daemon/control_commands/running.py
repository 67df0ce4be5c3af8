"""Commands about the running daemon: how it does, and writing everything out."""

from typing import Final

from daemon.control_commands.command import NoArguments, Service, ServiceCommand


async def status(service: Service, arguments: NoArguments) -> object:
    """The document of `cairnfs status`."""
    return service.status()


async def checkpoint(service: Service, arguments: NoArguments) -> object:
    """Make everything written so far durable and commit the index; `cairnfs umount` asks for it."""
    await service.make_durable()
    return {}


STATUS: Final = ServiceCommand("status", NoArguments, status)
CHECKPOINT: Final = ServiceCommand("checkpoint", NoArguments, checkpoint)
