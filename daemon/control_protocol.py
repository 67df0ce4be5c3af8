"""What daemon and command line say to each other: JSON documents, one a line. Version 1.

    -> {"protocol":1,"command":"fsck","arguments":{"repair":false}}
    <- {"progress":{"done":10,"total":200,"text":"inodes"}}          any number of times
    <- {"items":{"key":"findings","values":[...]}}                   any number of times
    <- {"ok":true,"result":{...}}                                    or
    <- {"ok":false,"error":{"kind":"StoreLocked","text":"one line"}}

A connection may carry several requests, one after the other. A long list in a result comes before
it, in pieces, and is empty in the result itself, so that no line is long and others have their turn
in between. Everything that comes from outside is bounded and checked here. For those who write
other clients: docs/control-protocol.md.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec

from daemon.human import one_line

PROTOCOL: Final = 1
REQUEST_BYTES_MAX: Final = 1 << 20
REPLY_BYTES_MAX: Final = 64 << 20
UNKNOWN_COMMAND: Final = "UnknownCommand"  # kind of the failure that a daemon without it answers
ITEMS_MAX: Final = 500  # of a list in one line

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


class Items(msgspec.Struct, frozen=True):
    """A piece of a list in the result that is still to come."""

    key: str  # of that list
    values: list[Any]


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
    items: Items | None = None


class _Spoken(msgspec.Struct, frozen=True):
    """What a request of any version says: which one that is."""

    protocol: int


def encode_request(command: str, arguments: dict[str, Any]) -> bytes:
    """A request as a line."""
    return _line({"protocol": PROTOCOL, "command": command, "arguments": arguments})


def encode_result(result: object) -> bytes:
    """The end of a good answer as a line."""
    return _line({"ok": True, "result": result})


def answer_lines(result: object) -> Iterator[bytes]:
    """A good answer as lines, each made when it is asked for: long lists in pieces, then the rest.

    Raises TypeError when something in it is not fit for JSON.
    """
    if not isinstance(result, dict):
        yield encode_result(result)
        return
    long = {key: value for key, value in result.items() if _is_long(value)}
    for key, values in long.items():
        for start in range(0, len(values), ITEMS_MAX):
            piece = values[start : start + ITEMS_MAX]
            yield _line({"items": {"key": key, "values": piece}})
    yield encode_result({**result, **dict.fromkeys(long, ())})


def encode_failure(kind: str, text: str) -> bytes:
    """The end of a bad answer as a line; its text may quote anything, and becomes one line."""
    return _line({"ok": False, "error": {"kind": kind, "text": one_line(text)}})


def encode_progress(progress: Progress) -> bytes:
    """Progress as a line."""
    return _line({"progress": progress})


def decode_request(line: bytes) -> Request:
    """Read and check a request. Raises ProtocolProblem."""
    spoken = _decode(line, _Spoken).protocol
    if spoken != PROTOCOL:  # what else it says, we cannot know
        raise ProtocolProblem(
            f"this daemon speaks protocol {PROTOCOL}, not {spoken}: "
            "use the cairnfs command of the daemon's version, or mount again"
        )
    return _decode(line, Request)


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


def _is_long(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > ITEMS_MAX


def _decode(line: bytes, kind: type[Message]) -> Message:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolProblem(
            f"no {'reply' if kind is Reply else 'request'} of protocol {PROTOCOL}: {error}"
        ) from None
