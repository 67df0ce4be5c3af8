"""The daemon's end of the control socket.

Owner of everything here: the event-loop thread. Each client is a task of its own. Checkpoints:
receiving, sending, and between any two steps of a long command, so that the kernel's requests go
on meanwhile. What a client can cost is bounded: their number, the length of a request, the time
between requests, and the time to take an answer. Whoever is not our user or root is turned away.
"""

import logging
import socket
from typing import Any, Final

import msgspec
import trio

from daemon.control_commands import SERVICE_COMMANDS, VOLUME_COMMANDS
from daemon.control_commands.command import (
    Context,
    Service,
    VolumeCommand,
    checked_arguments,
    steps_of,
)
from daemon.control_protocol import (
    REQUEST_BYTES_MAX,
    UNKNOWN_COMMAND,
    LineBuffer,
    Progress,
    ProtocolProblem,
    Request,
    answer_lines,
    decode_request,
    encode_failure,
    encode_progress,
)
from daemon.control_socket import Peer, peer_credentials_size, peer_of
from daemon.problems import RequestFailed, nearest_hint
from daemon.workers import PatientWorkers
from fsmodel.errors import CairnError, DocumentInvalid, NameInvalid, PathRefused

CLIENTS_MAX: Final = 64
IDLE_SECONDS: Final = 60.0  # a client that asks nothing for so long is let go
SEND_SECONDS: Final = 30.0  # so is one that does not take its answer
PROGRESS_SECONDS: Final = 0.2  # between two lines of progress
RECEIVE_BYTES: Final = 1 << 16

TOLD = (DocumentInvalid, NameInvalid, PathRefused)  # whoever looks after the store wants to know

_log = logging.getLogger(__name__)


class ControlServer:
    """Answers commands about a running daemon and its volume."""

    def __init__(self, service: Service, listener: socket.socket) -> None:
        self._service = service
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
        self._clients = 0

    async def run(self) -> None:
        """Serve clients for ever."""
        await trio.serve_listeners(self._serve_client, [self._listener])

    async def _serve_client(self, stream: trio.SocketStream) -> None:
        """One client, from its first request to its last; its failures end here."""
        self._clients += 1
        try:
            async with stream:
                await self._converse(stream)
        except (trio.BrokenResourceError, trio.TooSlowError):
            _log.debug("a control client went away or did not take its answer")
        except Exception:  # noqa: BLE001  # one client's request must not end the mount
            _log.exception("a control client was let go after an unforeseen failure")
        finally:
            self._clients -= 1

    async def _converse(self, stream: trio.SocketStream) -> None:
        refusal = self._refusal_of(stream)
        if refusal is not None:
            await _send(stream, refusal)
            return
        buffer = LineBuffer(REQUEST_BYTES_MAX)
        try:
            while data := await _receive(stream):
                for line in buffer.feed(data):
                    await self._answer(line, stream)
        except ProtocolProblem as problem:
            await _send(stream, encode_failure("ProtocolProblem", str(problem)))

    def _refusal_of(self, stream: trio.SocketStream) -> bytes | None:
        if self._clients > CLIENTS_MAX:
            return encode_failure("TooManyClients", f"more than {CLIENTS_MAX} clients: try again")
        peer = _peer_of(stream)
        if not peer.may_command:
            _log.warning("control client refused: process %d of user %d", peer.pid, peer.uid)
            return encode_failure("AccessDenied", "only the daemon's user and root may ask")
        return None

    async def _answer(self, line: bytes, stream: trio.SocketStream) -> None:
        """Carry out a request and send all that is to be said."""
        request = decode_request(line)
        failure = await self._attempt(request, stream)
        if failure is not None:
            await _send(stream, failure)

    async def _attempt(self, request: Request, stream: trio.SocketStream) -> bytes | None:
        """Send a good answer, or return the line that ends a bad one."""
        try:
            for reply in answer_lines(await self._run(request, stream)):
                await _send(stream, reply)
            return None
        except msgspec.ValidationError as error:
            return encode_failure("UsageProblem", f"{request.command}: {error}")
        except RequestFailed as error:
            return encode_failure(error.kind, str(error))
        except CairnError as error:
            if isinstance(error, TOLD):
                _log.info("refused: %s", error)
            return encode_failure(type(error).__name__, str(error))
        except (trio.BrokenResourceError, trio.TooSlowError):
            raise
        except Exception as error:  # noqa: BLE001  # a mistake of ours is told, not fatal
            _log.exception("control command %s failed in an unforeseen way", request.command)
            return encode_failure("Internal", f"{request.command} failed: {error!r}; see the log")

    async def _run(self, request: Request, stream: trio.SocketStream) -> object:
        of_service = SERVICE_COMMANDS.get(request.command)
        if of_service is not None:
            arguments = checked_arguments(of_service.arguments, request.arguments)
            return await of_service.run(self._service, arguments)
        of_volume = VOLUME_COMMANDS.get(request.command)
        if of_volume is not None:
            arguments = checked_arguments(of_volume.arguments, request.arguments)
            return await self._run_in_steps(of_volume, arguments, stream)
        known = [*SERVICE_COMMANDS, *VOLUME_COMMANDS]
        hint = nearest_hint(request.command, known)
        raise RequestFailed(UNKNOWN_COMMAND, f"unknown command {request.command!r}{hint}")

    async def _run_in_steps(
        self, command: VolumeCommand, arguments: Any, stream: trio.SocketStream
    ) -> object:
        progress = _LatestProgress(stream)
        if command.settles_first and not self._service.volume.read_only:
            await self._service.make_durable()
        else:
            await self._service.settle_closed()
        context = Context(self._service.volume, progress.note, _peer_of(stream).uid)
        if command.needs_the_store_alone:
            await self._service.make_way()
        steps = steps_of(command, context, arguments)
        try:
            return await PatientWorkers(progress.send).drive(steps)
        finally:
            steps.close()
            if context.touched:
                await self._service.let_kernel_know(context.touched)


class _LatestProgress:
    """Keeps what a command last reported, and sends it now and then."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._latest: Progress | None = None
        self._next_at = trio.current_time()

    def note(self, progress: Progress) -> None:
        """Replace what was not sent yet."""
        self._latest = progress

    async def send(self) -> None:
        """Send what is new, unless a line went out a moment ago; always a checkpoint."""
        latest = self._latest
        if latest is None or trio.current_time() < self._next_at:
            await trio.lowlevel.checkpoint()
            return
        self._latest = None
        self._next_at = trio.current_time() + PROGRESS_SECONDS
        await _send(self._stream, encode_progress(latest))


def _peer_of(stream: trio.SocketStream) -> Peer:
    size = peer_credentials_size()
    return peer_of(stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))


async def _receive(stream: trio.SocketStream) -> bytes:
    """Some bytes; none when the client ends or falls silent."""
    with trio.move_on_after(IDLE_SECONDS):
        return bytes(await stream.receive_some(RECEIVE_BYTES))
    return b""


async def _send(stream: trio.SocketStream, line: bytes) -> None:
    with trio.fail_after(SEND_SECONDS):
        await stream.send_all(line)
