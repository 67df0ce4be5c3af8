"""Any bytes and any requests at the control socket of a served store.

Whatever comes: each answer is one line for a person, nothing is logged as our mistake, the daemon
answers afterwards, and the store is consistent.
"""

import logging
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control_commands import SERVICE_COMMANDS, VOLUME_COMMANDS
from daemon.control_protocol import REQUEST_BYTES_MAX, Reply
from fsmodel.library.calls import CALLS
from fsmodel.volume import Volume
from tests.support.requests import arguments_of, ends, junk, line_of, text_of, told
from tests.support.served_store import served
from tests.support.volumes import findings
from tests.support.wide_store import fill

THOROUGH_SECONDS: Final = 1800
pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(THOROUGH_SECONDS)]

# They name files of the host, or end the daemon; tests of their own are beside them.
ELSEWHERE: Final = {"backup-create", "import", "reload", "library"}
COMMANDS: Final[dict[str, type[msgspec.Struct]]] = {
    **{name: command.arguments for name, command in VOLUME_COMMANDS.items()},
    **{name: command.arguments for name, command in SERVICE_COMMANDS.items()},
}
DEEP: Final = text_of(b"/runs" + b"/x" * 1100)  # deeper than Python recurses


class Mistakes(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.found.append(self.format(record))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = fill(tmp_path_factory.mktemp("fuzz"))
    mistakes = Mistakes()
    logging.getLogger().addHandler(mistakes)
    with served(folder, THOROUGH_SECONDS):
        yield folder
    logging.getLogger().removeHandler(mistakes)
    volume = Volume.open(folder)
    assert not findings(volume)
    volume.close()
    assert mistakes.found == []


def require_sane(replies: list[Reply], requests: int) -> None:
    """An end for each request, or for those before one that was none of this protocol."""
    found = ends(replies)
    failures = [reply.error for reply in found if reply.error is not None]
    for failure in failures:
        assert failure.kind != "Internal", failure
        assert failure.text and "\n" not in failure.text, failure
    broken = any(failure.kind == "ProtocolProblem" for failure in failures)
    assert len(found) == requests or broken, found


def require_alive(store: Path) -> None:
    (reply,) = told(store, [line_of("status", {})])
    assert reply.ok


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    name = draw(st.sampled_from(sorted(COMMANDS.keys() - ELSEWHERE)))
    return line_of(name, draw(arguments_of(COMMANDS[name])))


@st.composite
def calls(draw: st.DrawFn) -> bytes:
    name = draw(st.sampled_from(sorted(CALLS)))
    return line_of("library", {"call": name, "arguments": draw(arguments_of(CALLS[name]))})


@given(lines=st.lists(requests() | calls(), min_size=1, max_size=4))
def test_requests_with_any_arguments(store: Path, lines: list[bytes]) -> None:
    require_sane(told(store, lines), len(lines))
    require_alive(store)


@given(
    command=st.sampled_from(sorted(COMMANDS.keys() - ELSEWHERE)) | junk,
    arguments=junk,
    protocol=st.just(1) | junk,
)
def test_requests_of_any_shape(
    store: Path, command: object, arguments: object, protocol: object
) -> None:
    require_sane(told(store, [line_of(command, arguments, protocol)]), 1)
    require_alive(store)


@given(data=st.data())
def test_bytes_in_any_pieces(store: Path, data: st.DataObject) -> None:
    """Requests glued and split anywhere, with bytes changed, doubled, or cut off."""
    stream = bytearray(b"".join(data.draw(st.lists(requests() | st.binary(), max_size=3))))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(stream)))
        stream[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    bounds = [0, *cuts, len(stream)]
    pieces = [bytes(stream[a:b]) for a, b in pairwise(bounds)]
    require_sane(told(store, pieces), stream.count(b"\n"))
    require_alive(store)


@pytest.mark.parametrize(
    ("command", "arguments", "kind"),
    [
        ("jobs-cancel", {"number": 1 << 64}, "NotFound"),
        ("jobs-resume", {"number": 1 << 64}, "NotFound"),
        ("snapshot-delete", {"name": "x" * 600}, "NotFound"),
        ("snapshot-delete", {"name": ""}, "NotFound"),
        ("library", {"call": "MakeDirectory", "arguments": {"path": DEEP}}, None),
    ],
)
def test_what_once_was_our_mistake(
    store: Path, command: str, arguments: object, kind: str | None
) -> None:
    (reply,) = told(store, [line_of(command, arguments)])
    assert (reply.error and reply.error.kind) == kind


@pytest.mark.parametrize(
    "line",
    [
        b"x" * (REQUEST_BYTES_MAX + 1),
        b'{"protocol":1,"command":"' + b"x" * (REQUEST_BYTES_MAX - 40) + b'"}\n',
        line_of("library", {"call": "Query", "arguments": {"index": "models", "values": []}})[:-4]
        + b"[" * 500_000
        + b"\n",
        b'{"protocol":1,"command":"status","arguments":' + b'{"a":' * 150_000 + b"\n",
        b'{"protocol":' + b"9" * 1_000_000 + b',"command":"status"}\n',
        b"\xff\xfe\n",
        b"\0" * 100_000 + b"\n",
    ],
    ids=["endless", "long name", "deep list", "deep objects", "long number", "no UTF-8", "NULs"],
)
def test_requests_made_to_exhaust(store: Path, line: bytes) -> None:
    require_sane(told(store, [line]), 1)
    require_alive(store)
