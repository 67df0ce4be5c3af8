"""Requests as a client might send that means no good: typed after what a command takes, or not.

Arguments are drawn from the fields of the Struct that a command or call declares, so a new one is
tried without anybody listing it here.
"""

import base64
import json
import socket
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from msgspec import inspect

from daemon.control_protocol import Reply, decode_reply
from daemon.control_socket import SOCKET_NAME

ANSWER_SECONDS: Final = 60.0
RECEIVE_BYTES: Final = 1 << 16

NUMBERS: Final = (0, 1, -1, 7, 1 << 31, (1 << 63) - 1, 1 << 63, -(1 << 63), 1 << 64, 10**400)
TEXTS: Final = (
    "",
    "before",
    "models",
    "night",
    "none",
    "*/*.json",
    "config/*.json",
    "model",
    "a.b",
    "..",
    "/",
    "\0",
    "\n\x1b[2J",
    "\ud800",
    "é",
    "x" * 300,
    "0" * 64,
    "f" * 64,
    "2026-11-20T10-11-12.123456Z",
    "9999-99-99T99-99-99.999999Z",
    "3",
    "1e400",
    "NaN",
    "[" * 5000,
    '{"a":1,"a":2}',
    "9" * 5000,
)
PATHS: Final = (
    b"",
    b"/",
    b"/file",
    b"/folder",
    b"/folder/below",
    b"/none",
    b"/none/below",
    b"/file/below",
    b"/link",
    b"/config/one.json",
    b"/series/default.json",
    b"/series",
    b"/output/night/generated/a1.png",
    b"/.snapshots/before/file",
    b"/.versions",
    b"/folder/.metadata/ab",
    b"/.cairnfs/stats.json",
    b"..",
    b"/../../etc",
    b"/folder/../file",
    b"\0",
    b"/a\0b",
    b"/\xff\xfe",
    b"/line\nbreak",
    b"/" + b"x" * 300,
    b"/x" * 1200,
    b"night",
    b"default",
    b"a1",
    b'{"description": 7}',
)


def nested(depth: int) -> Any:
    """Lists in each other."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


junk: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.floats(),
    st.sampled_from(TEXTS),
    st.text(max_size=20),
    st.builds(nested, st.integers(0, 100)),
    st.dictionaries(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), max_size=2),
)


def text_of(data: bytes) -> str:
    """Bytes as a request holds them."""
    return base64.b64encode(data).decode()


def _fitting(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a type, some of them rather large."""
    match kind:
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.sampled_from(NUMBERS) | st.integers(0, 200)
        case inspect.StrType():
            return st.sampled_from(TEXTS)
        case inspect.BytesType():
            return st.sampled_from(PATHS).map(text_of)
        case inspect.EnumType(cls=known):
            return st.sampled_from([each.value for each in known])
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.UnionType(types=types):
            return st.one_of(*map(_fitting, types))
        case inspect.NoneType():
            return st.none()
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return st.lists(_fitting(item), max_size=3)
    return junk


def arguments_of(kind: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments for a Struct: all that fit, or with some that do not, lack, or are unknown."""
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    fields = {field.encode_name: field for field in described.fields}
    required = {name: _fitting(each.type) for name, each in fields.items() if each.required}
    others = {name: _fitting(each.type) for name, each in fields.items() if not each.required}
    right = st.fixed_dictionaries(required, optional=others)
    names = st.sampled_from([*fields, "unknown", "", "\0"])
    wrong = st.builds(lambda given, more: {**given, **more}, right, st.dictionaries(names, junk))
    return st.one_of(right, right, wrong)


def line_of(command: object, arguments: object, protocol: object = 1) -> bytes:
    """A request as a line; what is no Unicode text goes in as escapes, infinity as Infinity."""
    request = {"protocol": protocol, "command": command, "arguments": arguments}
    return json.dumps(request).encode() + b"\n"


def told(store: Path, pieces: list[bytes]) -> list[Reply]:
    """Everything a daemon answers to some bytes, until it lets us go."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(store / SOCKET_NAME))
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        return [decode_reply(line) for line in _all_of(connection).splitlines(keepends=True)]


def _all_of(connection: socket.socket) -> bytes:
    answer = bytearray()
    try:
        while data := connection.recv(RECEIVE_BYTES):
            answer += data
    except ConnectionResetError:  # it ended with some of our bytes unread
        pass
    assert not answer or answer.endswith(b"\n")
    return bytes(answer)


def ends(replies: list[Reply]) -> list[Reply]:
    """The last line of each answer."""
    return [reply for reply in replies if reply.ok is not None]
