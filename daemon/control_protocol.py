"""What daemon and command line say to each other: JSON documents, one a line. Version 1.

    -> {"protocol":1,"command":"fsck","arguments":{"repair":false}}
    <- {"progress":{"done":10,"total":200,"text":"inodes"}}          any number of times
    <- {"ok":true,"result":{...}}                                    or
    <- {"ok":false,"error":{"kind":"StoreLocked","text":"one line"}}

A connection may carry several requests, one after the other. Everything that comes from outside
is bounded and checked here.
"""

from typing import Any, Final, TypeVar

import msgspec

PROTOCOL: Final = 1
REQUEST_BYTES_MAX: Final = 1 << 20
REPLY_BYTES_MAX: Final = 256 << 20

Message = TypeVar("Message")


class ProtocolProblem(Exception):
    """A line that is no message of this protocol. Its text is for the other side."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing asked for."""

    protocol: int
    command: str
    arguments: dict[str, Any] = {}


class Progress(msgspec.Struct, frozen=True):
    """How far long work has come; a total of 0 means that nobody knows."""

    done: int
    total: int
    text: str


class Failure(msgspec.Struct, frozen=True):
    """Why a request was not carried out: the error's class, and one line for a person."""

    kind: str
    text: str


class Reply(msgspec.Struct, frozen=True):
    """A line of the daemon: progress while `ok` is None, else the end of the answer."""

    ok: bool | None = None
    result: Any = None
    error: Failure | None = None
    progress: Progress | None = None


def encode_request(command: str, arguments: dict[str, Any]) -> bytes:
    """A request as a line."""
    return _line({"protocol": PROTOCOL, "command": command, "arguments": arguments})


def encode_result(result: object) -> bytes:
    """The end of a good answer as a line."""
    return _line({"ok": True, "result": result})


def encode_failure(kind: str, text: str) -> bytes:
    """The end of a bad answer as a line."""
    return _line({"ok": False, "error": {"kind": kind, "text": text}})


def encode_progress(progress: Progress) -> bytes:
    """Progress as a line."""
    return _line({"progress": progress})


def decode_request(line: bytes) -> Request:
    """Read and check a request. Raises ProtocolProblem."""
    request = _decode(line, Request)
    if request.protocol != PROTOCOL:
        raise ProtocolProblem(
            f"this daemon speaks protocol {PROTOCOL}, not {request.protocol}: "
            "use the cairnfs command of the daemon's version, or mount again"
        )
    return request


def decode_reply(line: bytes) -> Reply:
    """Read and check a line of the daemon. Raises ProtocolProblem."""
    reply = _decode(line, Reply)
    if (reply.ok is False) != (reply.error is not None):
        raise ProtocolProblem("an answer that is neither good nor bad")
    return reply


class LineBuffer:
    """Cuts a stream of bytes into lines of bounded length."""

    def __init__(self, line_bytes_max: int) -> None:
        self._max = line_bytes_max
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the lines they complete. Raises ProtocolProblem on too long a line."""
        searched = len(self._rest)
        self._rest += data
        if self._rest.find(b"\n", searched) < 0:
            lines: list[bytes] = []
        else:
            *complete, rest = self._rest.split(b"\n")
            lines, self._rest = [bytes(line) for line in complete], rest
        if max(map(len, [self._rest, *lines])) > self._max:
            raise ProtocolProblem(f"a line of more than {self._max} bytes")
        return lines


def _line(message: dict[str, Any]) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def _decode(line: bytes, kind: type[Message]) -> Message:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolProblem(
            f"no {kind.__name__.lower()} of protocol {PROTOCOL}: {error}"
        ) from None
