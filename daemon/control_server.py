"""The daemon's end of the control socket.

Owner of everything here: the event-loop thread. Each client is a task of its own. Checkpoints:
receiving, sending, and between any two steps of a long command, so that the kernel's requests go
on meanwhile. What a client can cost is bounded: their number, the length of a request, the time
between requests, and the time to take an answer; one that is silent makes room for another
(client_places.py). Whoever is not our user or root is turned away.
"""

import logging
import socket
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import trio

from daemon.client_places import Place, Places
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

ONLY_OURS: Final = "only the daemon's user and root may ask"
TOO_MANY: Final = f"{CLIENTS_MAX} clients have commands running: try again"

TOLD = (DocumentInvalid, NameInvalid, PathRefused)  # whoever looks after the store wants to know

_log = logging.getLogger(__name__)


class ControlServer:
    """Answers commands about a running daemon and its volume."""

    def __init__(self, service: Service, listener: socket.socket) -> None:
        self._service = service
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
        self._places = Places(CLIENTS_MAX)

    async def run(self) -> None:
        """Serve clients for ever."""
        await trio.serve_listeners(self._serve_client, [self._listener])

    async def _serve_client(self, stream: trio.SocketStream) -> None:
        """One client, from its first request to its last; its failures end here."""
        try:
            async with stream:
                await self._admit(stream)
        except (trio.BrokenResourceError, trio.TooSlowError):
            _log.debug("a control client went away or did not take its answer")
        except Exception:  # noqa: BLE001  # one client's request must not end the mount
            _log.exception("a control client was let go after an unforeseen failure")

    async def _admit(self, stream: trio.SocketStream) -> None:
        """Let it have a place, or a word why there is none."""
        peer = _peer_of(stream)
        if not peer.may_command:
            _log.warning("control client refused: process %d of user %d", peer.pid, peer.uid)
            await _send(stream, encode_failure("AccessDenied", ONLY_OURS))
            return
        with self._places.take() as place:
            if place is None:
                await _send(stream, encode_failure("TooManyClients", TOO_MANY))
            else:
                await self._converse(_Client(stream, peer, place))

    async def _converse(self, client: "_Client") -> None:
        buffer = LineBuffer(REQUEST_BYTES_MAX)
        try:
            while data := await client.receive():
                for line in buffer.feed(data):
                    await self._answer(line, client)
        except ProtocolProblem as problem:
            await client.send(encode_failure("ProtocolProblem", str(problem)))

    async def _answer(self, line: bytes, client: "_Client") -> None:
        """Carry out a request and send all that is to be said."""
        request = decode_request(line)
        failure = await self._attempt(request, client)
        if failure is not None:
            await client.send(failure)

    async def _attempt(self, request: Request, client: "_Client") -> bytes | None:
        """Send a good answer, or return the line that ends a bad one."""
        try:
            for reply in answer_lines(await self._run(request, client)):
                await client.send(reply)
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

    async def _run(self, request: Request, client: "_Client") -> object:
        of_service = SERVICE_COMMANDS.get(request.command)
        if of_service is not None:
            arguments = checked_arguments(of_service.arguments, request.arguments)
            return await of_service.run(self._service, arguments)
        of_volume = VOLUME_COMMANDS.get(request.command)
        if of_volume is not None:
            arguments = checked_arguments(of_volume.arguments, request.arguments)
            return await self._run_in_steps(of_volume, arguments, client)
        known = [*SERVICE_COMMANDS, *VOLUME_COMMANDS]
        hint = nearest_hint(request.command, known)
        raise RequestFailed(UNKNOWN_COMMAND, f"unknown command {request.command!r}{hint}")

    async def _run_in_steps(
        self, command: VolumeCommand, arguments: Any, client: "_Client"
    ) -> object:
        progress = _LatestProgress(client)
        if command.settles_first and not self._service.volume.read_only:
            await self._service.make_durable()
        else:
            await self._service.settle_closed()
        context = Context(self._service.volume, progress.note, client.peer.uid)
        if command.needs_the_store_alone:
            await self._service.make_way()
        steps = steps_of(command, context, arguments)
        workers = PatientWorkers(progress.send)
        return await self._service.drive_and_tell(workers, steps, context.touched)


class _LatestProgress:
    """Keeps what a command last reported, and sends it now and then."""

    def __init__(self, client: "_Client") -> None:
        self._client = client
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
        await self._client.send(encode_progress(latest))


@dataclass(frozen=True, slots=True)
class _Client:
    """Who is at the other end, and the place it has."""

    stream: trio.SocketStream
    peer: Peer
    place: Place

    async def receive(self) -> bytes:
        """Some bytes; none when the client ends or falls silent."""
        with trio.move_on_after(IDLE_SECONDS), self.place.waiting():
            return bytes(await self.stream.receive_some(RECEIVE_BYTES))
        return b""

    async def send(self, line: bytes) -> None:
        """Have it take a line. Raises trio.TooSlowError, trio.BrokenResourceError."""
        with self.place.waiting():
            await _send(self.stream, line)


def _peer_of(stream: trio.SocketStream) -> Peer:
    size = peer_credentials_size()
    return peer_of(stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))


async def _send(stream: trio.SocketStream, line: bytes) -> None:
    with trio.fail_after(SEND_SECONDS):
        await stream.send_all(line)
