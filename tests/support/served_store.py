"""A store that is served over its control socket, without a mount."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import trio

from daemon import control_socket
from daemon.control_server import ControlServer
from fsmodel.volume import Volume
from tests.support.serving import service_of

SERVER_SECONDS = 120


@contextmanager
def served(folder: Path, seconds: float = SERVER_SECONDS) -> Iterator[None]:
    """A control server for a store, in a thread that owns the volume, until the block ends."""
    ready = Event()
    running: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []

    async def serve() -> None:
        volume = Volume.open(folder)
        try:
            listener = control_socket.listen(folder)
            with trio.fail_after(seconds), trio.CancelScope() as scope:
                running.append((trio.lowlevel.current_trio_token(), scope))
                ready.set()
                await ControlServer(service_of(volume), listener).run()
        finally:
            ready.set()
            volume.close()

    thread = Thread(target=trio.run, args=(serve,))
    thread.start()
    try:
        assert ready.wait(SERVER_SECONDS)
        yield
    finally:
        token, scope = running[0]
        token.run_sync_soon(scope.cancel)
        thread.join()
        control_socket.remove(folder)
