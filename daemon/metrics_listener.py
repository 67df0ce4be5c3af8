"""Serves metrics where the settings say, as long as the daemon runs.

A port that somebody else has is logged as an error and keeps nobody from his files: the mount is
served without metrics then.
"""

import logging
from functools import partial

import trio

from daemon import metrics_address
from daemon.health import Health
from daemon.liveness import mount_answers
from daemon.metrics_address import MetricsAddress
from daemon.metrics_pages import metrics_pages
from daemon.problems import Problem
from daemon.service import DaemonService

_log = logging.getLogger(__name__)


async def serve_metrics(address: MetricsAddress, service: DaemonService, mountpoint: str) -> None:
    """Serve for ever; return at once when that cannot be done there."""
    # Few ask for it, and loading h11 takes 18 ms of every mount.
    from daemon.metrics_server import MetricsServer  # noqa: PLC0415

    try:
        listener = metrics_address.listen(address)
    except Problem as problem:
        _log.error("%s", problem)
        return
    _log.info("metrics are at %s", address)
    server = MetricsServer(
        metrics_pages(service, Health(service, partial(mount_answers, mountpoint)))
    )
    try:
        await server.run(trio.SocketListener(trio.socket.from_stdlib_socket(listener)))
    finally:
        metrics_address.forget(address)
