"""docs/control-protocol.md says what the code does."""

import json
import re
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon import control_protocol, control_server
from daemon.control_client import ControlClient
from daemon.control_commands import SERVICE_COMMANDS, VOLUME_COMMANDS
from daemon.control_protocol import Reply, decode_reply, decode_request
from fsmodel import errors

TEXT = (Path(__file__).parents[3] / "docs" / "control-protocol.md").read_text()
NAMES = {int: "number", float: "number", str: "text", bytes: "bytes", bool: "yes/no"}


def told_kind(kind: Any) -> str:
    """A type as the document writes it."""
    if isinstance(kind, types.UnionType):
        return next(told_kind(each) for each in kind.__args__ if each is not type(None))
    if typing.get_origin(kind) is dict:
        return "object"
    if typing.get_origin(kind) in (list, tuple):
        return f"list of {told_kind(kind.__args__[0])}"
    if typing.get_origin(kind) is dict:
        return "object"
    if typing.get_origin(kind) is typing.Literal:
        return "/".join(kind.__args__)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "/".join(each.value for each in kind)
    return NAMES[kind]


def told_argument(field: msgspec.structs.FieldInfo) -> str:
    default = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    text = f"`{field.name}`: {told_kind(field.type)}"
    if default is msgspec.NODEFAULT:
        return text
    plain = msgspec.to_builtins(default.decode() if isinstance(default, bytes) else default)
    return f"{text} = {json.dumps(plain)}"


def told_row(name: str, command: Any) -> str:
    arguments = ", ".join(map(told_argument, msgspec.structs.fields(command.arguments)))
    first = (command.run.__doc__ or "").splitlines()[0]
    return f"| `{name}` | {arguments} | {first} |"


def test_every_command_stands_there_with_its_arguments() -> None:
    expected = {
        told_row(name, command) for name, command in {**VOLUME_COMMANDS, **SERVICE_COMMANDS}.items()
    }
    _, _, commands = TEXT.partition("## Commands")
    found = set(re.findall(r"^\| `.*$", commands, re.MULTILINE))
    missing, outdated = sorted(expected - found), sorted(found - expected)
    assert (missing, outdated) == ([], []), "\n".join(
        ["write:", *missing, "instead of:", *outdated]
    )


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("Version {}.", control_protocol.PROTOCOL),
        ("at most {} MiB", control_protocol.REQUEST_BYTES_MAX >> 20),
        ("more than {} values", control_protocol.ITEMS_MAX),
        ("at most {} clients", control_server.CLIENTS_MAX),
        ("nothing for {} s", int(control_server.IDLE_SECONDS)),
        ("within {} s", int(control_server.SEND_SECONDS)),
    ],
)
def test_limits_are_those_of_the_code(told: str, value: int) -> None:
    assert told.format(value) in " ".join(TEXT.split())


def test_kinds_of_failures_are_told() -> None:
    source = Path(control_server.__file__).read_text()
    own = set(re.findall(r'(?:encode_failure|RequestFailed)\(\s*"(\w+)"', source))
    own |= {control_protocol.UNKNOWN_COMMAND, "ConfigInvalid"}
    assert len(own) > 5
    for kind in own:
        assert f"`{kind}`" in TEXT
    for kind in ("NoSpace", "Busy", "NotFound", "PathRefused"):
        assert hasattr(errors, kind)
        assert f"`{kind}`" in TEXT


def test_the_examples_are_messages() -> None:
    requests = re.findall(r"^    -> (.*)$", TEXT, re.MULTILINE)
    replies = re.findall(r"^    <- (.*)$", TEXT, re.MULTILINE)
    assert len(requests) >= 2
    for line in requests:
        request = decode_request(line.encode())
        assert request.command in VOLUME_COMMANDS | SERVICE_COMMANDS
    members: set[str] = set()
    for line in replies:
        decode_reply(line.encode())
        members |= json.loads(line).keys()
    assert members == set(Reply.__struct_fields__)


def test_the_example_program_is_python() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    compile(program, "example", "exec")
    assert ControlClient.__name__ not in program  # it shows how to do without our library
