"""A daemon's service around a volume, without a mount."""

from functools import partial

from daemon.archivist import Archivist
from daemon.checkpointer import Checkpointer
from daemon.flusher import Flusher
from daemon.logs import ErrorCounter
from daemon.operation_tallies import OperationTally
from daemon.service import DaemonService
from daemon.workers import Workers
from fsmodel.volume import Volume


def service_of(volume: Volume, checkpointer: Checkpointer | None = None) -> DaemonService:
    """The service of a volume whose mount nobody has used yet."""
    flusher = Flusher(volume, Workers(), 32 << 20)
    archivist = Archivist(volume, 3600.0, partial(object), lambda: 0)
    tallies = {name: OperationTally() for name in ("read", "write", "unlink")}
    return DaemonService(
        volume,
        flusher,
        checkpointer or Checkpointer(volume, 5.0),
        ErrorCounter(),
        "/m",
        archivist,
        _no_reload,
        tallies,
    )


async def _no_reload() -> object:
    raise NotImplementedError
