"""The control socket from both ends: a real socket, a real server, a service made up."""

import json
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import trio

from daemon import control_client, control_commands, control_server, control_socket
from daemon.control_client import ControlClient
from daemon.control_commands.command import Context, NoArguments, ServiceCommand, VolumeCommand
from daemon.control_protocol import ITEMS_MAX, REQUEST_BYTES_MAX, Progress, encode_request
from daemon.control_server import ControlServer
from daemon.problems import ConfigInvalid, NotServed, Problem, RequestFailed
from daemon.workers import Workers
from fsmodel.errors import NoSpace
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.steps import Result, Steps, Work
from fsmodel.volume import Volume

SERVER_SECONDS = 20


class MadeUpService:
    """Stands for a daemon; counts what it was asked to do."""

    def __init__(self) -> None:
        self.volume = cast("Volume", "the volume")
        self.durable = 0
        self.made_way = 0
        self.stuck = 0
        self.closed_ones_settled = 0
        self.told: list[tuple[InodeId, bytes]] = []

    def status(self) -> object:
        return {"pid": 1, "path": "/\\xff"}

    def release(self) -> bool:
        return False

    def live(self) -> object:
        return {"figures": {}}

    async def reload(self) -> object:
        raise ConfigInvalid("cairnfs.toml: unknown setting")

    async def make_durable(self) -> None:
        self.durable += 1

    async def settle_closed(self) -> None:
        self.closed_ones_settled += 1

    async def make_way(self) -> None:
        self.made_way += 1

    async def drive_and_tell(
        self,
        workers: Workers,
        steps: Steps[Result],
        touched: Sequence[tuple[InodeId, bytes]] = (),
    ) -> Result:
        try:
            return await workers.drive(steps)
        finally:
            steps.close()
            self.told += touched


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of a made-up command."""

    steps: int = 0


def count(context: Context, arguments: Numbers) -> Steps[object]:
    for number in range(arguments.steps):
        context.report(Progress(number, arguments.steps, "counting"))
        yield Work(lambda: None, 0)
    return {"counted": arguments.steps, "volume": str(context.volume)}


def many(context: Context, arguments: Numbers) -> Steps[object]:
    yield Work(lambda: None, 0)
    return {"before": 1, "numbers": list(range(arguments.steps)), "after": [7]}


def unfit(context: Context, arguments: Numbers) -> Steps[object]:
    yield Work(lambda: None, 0)
    return {"numbers": [*range(arguments.steps - 1), object()]}


def fail(context: Context, arguments: NoArguments) -> Steps[object]:
    yield Work(lambda: None, 0)
    raise NoSpace("the host is full: make room")


def blunder(context: Context, arguments: NoArguments) -> Steps[object]:
    yield Work(lambda: None, 0)
    raise ZeroDivisionError("a mistake")


def touch(context: Context, arguments: NoArguments) -> Steps[object]:
    context.touched.append((ROOT_INODE, b"name"))
    yield Work(lambda: None, 0)
    return {}


async def stuck(service: Any, arguments: NoArguments) -> object:
    service.stuck += 1
    await trio.sleep_forever()
    return None


@pytest.fixture(autouse=True)
def made_up_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, run, kind in (
        ("count", count, Numbers),
        ("many", many, Numbers),
        ("unfit", unfit, Numbers),
        ("fail", fail, NoArguments),
        ("blunder", blunder, NoArguments),
        ("touch", touch, NoArguments),
    ):
        monkeypatch.setitem(control_commands.VOLUME_COMMANDS, name, VolumeCommand(name, kind, run))
    monkeypatch.setitem(
        control_commands.SERVICE_COMMANDS, "stuck", ServiceCommand("stuck", NoArguments, stuck)
    )


@asynccontextmanager
async def serving(store: Path, service: MadeUpService | None = None) -> AsyncIterator[None]:
    """A server for a store, until the block ends."""
    listener = control_socket.listen(store)
    with trio.fail_after(SERVER_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ControlServer(service or MadeUpService(), listener).run)
            yield
            nursery.cancel_scope.cancel()


async def asked(store: Path, command: str, arguments: dict[str, Any] | None = None) -> Any:
    """What the blocking client gets, asked from a thread."""

    def ask() -> Any:
        with ControlClient(store) as client:
            return client.ask(command, arguments, timeout_seconds=SERVER_SECONDS)

    return await trio.to_thread.run_sync(ask)


async def connected(store: Path) -> trio.SocketStream:
    """A connection of our own, whose answers nobody takes unasked."""
    return await trio.open_unix_socket(str(store / control_socket.SOCKET_NAME))


async def raw(store: Path, data: bytes) -> list[dict[str, Any]]:
    """What the server says to some bytes before it lets us go."""
    async with await connected(store) as stream:
        await stream.send_all(data)
        await stream.send_eof()
        answer = b""
        async for piece in stream:
            answer += piece
    return [json.loads(line) for line in answer.splitlines()]


async def test_commands_of_the_service_and_the_volume(tmp_path: Path) -> None:
    service = MadeUpService()
    async with serving(tmp_path, service):
        assert await asked(tmp_path, "status") == {"pid": 1, "path": "/\\xff"}
        assert await asked(tmp_path, "checkpoint") == {}
        assert await asked(tmp_path, "count", {"steps": 3}) == {
            "counted": 3,
            "volume": "the volume",
        }
    assert service.durable == 1
    assert service.closed_ones_settled == 1  # for what looks at the volume


async def test_the_socket_is_private(tmp_path: Path) -> None:
    async with serving(tmp_path):
        mode = (tmp_path / control_socket.SOCKET_NAME).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600


async def test_a_path_of_any_length_will_do(tmp_path: Path) -> None:
    store = tmp_path / ("x" * 200) / ("y" * 200)
    store.mkdir(parents=True)
    async with serving(store):
        assert (await asked(store, "status"))["pid"] == 1


async def test_what_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    control_socket.listen(tmp_path).close()
    with pytest.raises(NotServed):
        ControlClient(tmp_path)
    async with serving(tmp_path):
        assert (await asked(tmp_path, "status"))["pid"] == 1


def test_without_a_daemon_there_is_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(NotServed):
        ControlClient(tmp_path)
    with pytest.raises(NotServed):
        ControlClient(tmp_path / "none")
    control_socket.remove(tmp_path)


async def test_a_failure_keeps_its_kind_and_text(tmp_path: Path) -> None:
    async with serving(tmp_path):
        with pytest.raises(RequestFailed, match="the host is full: make room") as failure:
            await asked(tmp_path, "fail")
    assert failure.value.kind == "NoSpace"


async def test_a_mistake_of_ours_is_logged_and_serving_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path):
        with pytest.raises(RequestFailed, match="a mistake") as failure:
            await asked(tmp_path, "blunder")
        assert (await asked(tmp_path, "status"))["pid"] == 1
    assert failure.value.kind == "Internal"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(
    ("command", "arguments", "expected"),
    [
        ("count", {"steps": "many"}, "count: Expected `int`"),
        ("count", {"more": 1}, "count: Object contains unknown field `more`"),
        ("status", {"x": 1}, "status: Object contains unknown field `x`"),
    ],
)
async def test_a_wrong_request_is_explained(
    tmp_path: Path, command: str, arguments: dict[str, Any], expected: str
) -> None:
    async with serving(tmp_path):
        with pytest.raises(RequestFailed) as failure:
            await asked(tmp_path, command, arguments)
    assert failure.value.kind == "UsageProblem"
    assert expected in str(failure.value)


async def test_a_command_that_the_daemon_does_not_know_tells_of_its_version(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path):
        with pytest.raises(RequestFailed) as failure:
            await asked(tmp_path, "statsu")
    assert failure.value.kind == "UnknownCommand"
    assert "unknown command 'statsu'; did you mean stats?" in str(failure.value)
    assert "another version than this command: unmount and mount again" in str(failure.value)
    assert "\n" not in str(failure.value)


async def test_a_client_of_another_version_is_told_whatever_else_it_says(tmp_path: Path) -> None:
    request = b'{"protocol":2,"verb":["stats"],"arguments":7}\n'
    async with serving(tmp_path):
        (answer,) = await raw(tmp_path, request)
    assert answer["ok"] is False
    assert answer["error"]["kind"] == "ProtocolProblem"
    assert "this daemon speaks protocol 1, not 2: use the cairnfs" in answer["error"]["text"]


async def test_a_long_list_comes_in_pieces_and_is_whole_again(tmp_path: Path) -> None:
    sent = encode_request("many", {"steps": 3 * ITEMS_MAX + 1})
    async with serving(tmp_path):
        lines = await raw(tmp_path, sent)
        whole = await asked(tmp_path, "many", {"steps": 3 * ITEMS_MAX + 1})
        few = await raw(tmp_path, encode_request("many", {"steps": ITEMS_MAX}))
    *pieces, end = lines
    assert [len(piece["items"]["values"]) for piece in pieces] == [ITEMS_MAX] * 3 + [1]
    assert end == {"ok": True, "result": {"before": 1, "numbers": [], "after": [7]}}
    assert whole == {"before": 1, "numbers": list(range(3 * ITEMS_MAX + 1)), "after": [7]}
    assert len(few) == 1


async def test_others_have_their_turn_between_pieces(tmp_path: Path) -> None:
    async with serving(tmp_path), await connected(tmp_path) as slow:
        await slow.send_all(encode_request("many", {"steps": 2_000_000}))
        await slow.receive_some(1)  # it takes the others later
        assert (await asked(tmp_path, "status"))["pid"] == 1


async def test_what_is_not_fit_for_json_ends_a_list_with_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path):
        *pieces, end = await raw(tmp_path, encode_request("unfit", {"steps": ITEMS_MAX + 1}))
        assert (await asked(tmp_path, "status"))["pid"] == 1
    assert [len(piece["items"]["values"]) for piece in pieces] == [ITEMS_MAX]
    assert (end["ok"], end["error"]["kind"]) == (False, "Internal")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_many_clients_at_once(tmp_path: Path) -> None:
    answers: list[Any] = []

    async def ask(number: int) -> None:
        answers.append((await asked(tmp_path, "count", {"steps": number}))["counted"])

    async with serving(tmp_path), trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(ask, number)
    assert sorted(answers) == list(range(30))


async def test_progress_arrives_before_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_server, "PROGRESS_SECONDS", 0)
    seen: list[Progress] = []

    def ask() -> Any:
        with ControlClient(tmp_path) as client:
            return client.ask("count", {"steps": 3}, on_progress=seen.append)

    async with serving(tmp_path):
        assert (await trio.to_thread.run_sync(ask))["counted"] == 3
    assert seen == [Progress(number, 3, "counting") for number in range(3)]


async def test_progress_is_sent_now_and_then_only(tmp_path: Path) -> None:
    async with serving(tmp_path):
        replies = await raw(tmp_path, encode_request("count", {"steps": 1000}))
    assert len(replies) < 100
    assert replies[-1]["ok"] is True


async def test_long_work_lets_others_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that goes on until it is told to stop does not keep another from being answered."""
    begun, told_to_stop = trio.Event(), False

    def long(context: Context, arguments: NoArguments) -> Steps[object]:
        while not told_to_stop:
            begun.set()
            yield Work(lambda: None, 0)
        return "stopped"

    command = VolumeCommand("long", NoArguments, long)
    monkeypatch.setitem(control_commands.VOLUME_COMMANDS, "long", command)
    answers: list[object] = []

    async def ask_long() -> None:
        answers.append(await asked(tmp_path, "long"))

    async with serving(tmp_path), trio.open_nursery() as nursery:
        nursery.start_soon(ask_long)
        await begun.wait()
        assert (await asked(tmp_path, "status"))["pid"] == 1
        assert answers == []
        told_to_stop = True
    assert answers == ["stopped"]


async def test_a_command_that_needs_the_store_alone_interrupts_work_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = VolumeCommand("alone", Numbers, count, needs_the_store_alone=True)
    monkeypatch.setitem(control_commands.VOLUME_COMMANDS, "alone", alone)
    service = MadeUpService()
    async with serving(tmp_path, service):
        await asked(tmp_path, "count")
        assert service.made_way == 0
        await asked(tmp_path, "alone")
        assert service.made_way == 1


async def test_requests_of_one_connection_are_answered_in_order(tmp_path: Path) -> None:
    requests = [encode_request("count", {"steps": steps}) for steps in (2, 0, 1)]
    async with serving(tmp_path):
        replies = await raw(tmp_path, b"".join(requests))
    counted = [reply["result"]["counted"] for reply in replies if reply.get("ok")]
    assert counted == [2, 0, 1]


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\xff\n", b"[" * 10_000 + b"\n", b"{}\n"]
)
async def test_noise_is_answered_once_and_let_go(tmp_path: Path, data: bytes) -> None:
    async with serving(tmp_path):
        (reply,) = await raw(tmp_path, data)
        assert reply["ok"] is False
        assert reply["error"]["kind"] == "ProtocolProblem"
        assert (await asked(tmp_path, "status"))["pid"] == 1


async def test_a_request_cut_short_is_no_request(tmp_path: Path) -> None:
    async with serving(tmp_path):
        assert await raw(tmp_path, encode_request("status", {})[:-1]) == []


async def test_an_endless_request_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path):
        stream = await trio.open_unix_socket(str(tmp_path / control_socket.SOCKET_NAME))
        async with stream:
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b"x" * 4 * REQUEST_BYTES_MAX)


async def test_a_client_that_goes_away_ends_its_command(tmp_path: Path) -> None:
    path = str(tmp_path / control_socket.SOCKET_NAME)
    async with serving(tmp_path):
        for _ in range(3):
            stream = await trio.open_unix_socket(path)
            await stream.send_all(encode_request("count", {"steps": 1_000_000}))
            await stream.aclose()
        assert (await asked(tmp_path, "status"))["pid"] == 1


async def test_a_silent_client_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_server, "IDLE_SECONDS", 0.01)
    async with serving(tmp_path):
        stream = await trio.open_unix_socket(str(tmp_path / control_socket.SOCKET_NAME))
        async with stream:
            assert await stream.receive_some(1) == b""


async def test_a_client_that_does_not_listen_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path):
        monkeypatch.setattr(control_server, "SEND_SECONDS", 0)
        assert await raw(tmp_path, encode_request("status", {})) == []
        monkeypatch.undo()
        assert (await asked(tmp_path, "status"))["pid"] == 1


async def get_stuck(store: Path, service: MadeUpService) -> trio.SocketStream:
    """A client with a command that does not end."""
    stream, before = await connected(store), service.stuck
    await stream.send_all(encode_request("stuck", {}))
    while service.stuck == before:
        await trio.sleep(0.001)
    return stream


async def ask_over(stream: trio.SocketStream) -> None:
    """One request and its answer."""
    await stream.send_all(encode_request("status", {}))
    assert json.loads(await stream.receive_some())["ok"]


async def test_one_client_too_many_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_server, "CLIENTS_MAX", 2)
    service = MadeUpService()
    async with (
        serving(tmp_path, service),
        await get_stuck(tmp_path, service),
        await get_stuck(tmp_path, service),
    ):
        (reply,) = await raw(tmp_path, b"")
        assert reply["error"]["kind"] == "TooManyClients"


async def test_the_client_that_was_silent_for_longest_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_server, "CLIENTS_MAX", 3)
    service = MadeUpService()
    async with (
        serving(tmp_path, service),
        await get_stuck(tmp_path, service),
        await connected(tmp_path) as later,
        await connected(tmp_path) as earlier,
    ):
        await ask_over(earlier)
        await ask_over(later)
        assert (await asked(tmp_path, "status"))["pid"] == 1
        assert await earlier.receive_some() == b""
        await ask_over(later)


async def test_a_client_that_takes_no_answer_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_server, "CLIENTS_MAX", 1)
    async with serving(tmp_path), await connected(tmp_path) as deaf:
        with trio.move_on_after(0.5):  # until sockets hold no more, of which it reads nothing
            await deaf.send_all(encode_request("status", {}) * 100_000)
        assert (await asked(tmp_path, "status"))["pid"] == 1


async def test_other_users_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(control_socket, "ROOT_UID", 54321)
    async with serving(tmp_path):
        (reply,) = await raw(tmp_path, b"")
    assert reply["error"]["kind"] == "AccessDenied"
    assert f"process {os.getpid()}" in caplog.text


@pytest.mark.parametrize(("euid", "allowed"), [(os.getuid(), True), (os.getuid() + 1, False)])
def test_who_may_command(monkeypatch: pytest.MonkeyPatch, euid: int, allowed: bool) -> None:
    monkeypatch.setattr(control_socket, "ROOT_UID", -1)
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        size = control_socket.peer_credentials_size()
        peer = control_socket.peer_of(ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    assert peer.pid == os.getpid()
    assert peer.may_command is allowed


Answer = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def answering(store: Path, answer: Answer) -> AsyncIterator[None]:
    """A server that follows a protocol of its own."""
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(control_socket.listen(store)))
    with trio.fail_after(SERVER_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, answer, [listener])
            yield
            nursery.cancel_scope.cancel()


async def test_the_client_notices_a_daemon_that_ends(tmp_path: Path) -> None:
    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.aclose()

    async with answering(tmp_path, hang_up):
        with pytest.raises(Problem, match="ended before it answered"):
            await asked(tmp_path, "status")


async def test_the_client_notices_a_daemon_that_hangs(tmp_path: Path) -> None:
    def ask() -> None:
        with ControlClient(tmp_path) as client:
            client.ask("status", timeout_seconds=0.05)

    async with answering(tmp_path, lambda stream: trio.sleep_forever()):
        with pytest.raises(Problem, match=r"has not answered within 0\.05 s"):
            await trio.to_thread.run_sync(ask)


async def test_the_client_refuses_noise(tmp_path: Path) -> None:
    async def noise(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"<html>\n")

    async with answering(tmp_path, noise):
        with pytest.raises(Problem, match="speaks otherwise"):
            await asked(tmp_path, "status")


async def test_the_client_does_not_take_an_answer_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_client, "REPLY_BYTES_MAX", 1000)

    async def endless(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            while True:
                await stream.send_all(b"x" * 1000)

    async with answering(tmp_path, endless):
        with pytest.raises(Problem, match="a line of more than 1000 bytes"):
            await asked(tmp_path, "status")


async def test_a_configuration_that_cannot_be_reloaded_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path):
        with pytest.raises(RequestFailed, match="unknown setting") as caught:
            await asked(tmp_path, "reload")
    assert caught.value.kind == "ConfigInvalid"


async def test_the_kernel_knows_of_a_change_before_the_answer(tmp_path: Path) -> None:
    service = MadeUpService()
    async with serving(tmp_path, service):
        await asked(tmp_path, "touch")
        assert service.told == [(ROOT_INODE, b"name")]
