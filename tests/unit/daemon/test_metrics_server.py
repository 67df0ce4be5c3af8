"""The pages for Prometheus: over HTTP, bounded, whatever a client sends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MemoryReceiveStream, MemorySendStream, MockClock, memory_stream_pair

from daemon import metrics_server
from daemon.metrics_pages import PLAIN, Page
from daemon.metrics_server import CLIENTS_MAX, REQUEST_BYTES_MAX, REQUEST_SECONDS, MetricsServer
from fsmodel.errors import BackendError

Ours = trio.StapledStream[MemorySendStream, MemoryReceiveStream]

GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def show() -> Page:
    return Page(200, PLAIN, b"cairnfs_files 1\n")


async def show_nothing() -> Page:
    raise BackendError("the host", OSError("input/output error"))


async def hang() -> Page:
    await trio.sleep_forever()
    raise AssertionError


async def blunder() -> Page:
    raise ZeroDivisionError


PAGES = {"/metrics": show, "/broken": show_nothing, "/hang": hang, "/blunder": blunder}


@asynccontextmanager
async def client_of(server: MetricsServer) -> AsyncIterator[Ours]:
    """A connection to a server, until the block ends."""
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_client, theirs)
        yield ours
        nursery.cancel_scope.cancel()


async def everything_from(stream: trio.abc.Stream) -> bytes:
    return b"".join([bytes(piece) async for piece in stream])


async def answer_to(*sent: bytes) -> bytes:
    """All that a server says to these bytes before it lets us go."""
    async with client_of(MetricsServer(PAGES)) as stream:
        for piece in sent:
            await stream.send_all(piece)
        return await everything_from(stream)


async def test_a_page_is_served(autojump_clock: MockClock) -> None:
    head, _, body = (await answer_to(LAST)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Type: text/plain; charset=utf-8" in head
    assert body == b"cairnfs_files 1\n"


async def test_a_query_changes_nothing_and_pieces_are_put_together(
    autojump_clock: MockClock,
) -> None:
    request = LAST.replace(b"/metrics", b"/metrics?x=1")
    answer = await answer_to(*(request[at : at + 1] for at in range(len(request))))
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_connection_carries_several_requests(autojump_clock: MockClock) -> None:
    answer = await answer_to(GET + GET, LAST)
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"cairnfs_files 1\n") == 3


async def test_head_gets_the_head_alone(autojump_clock: MockClock) -> None:
    answer = await answer_to(LAST.replace(b"GET", b"HEAD"))
    assert b"Content-Length: 16\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /none HTTP/1.1", 404),
        (b"GET /../etc/passwd HTTP/1.1", 404),
        (b"GET http://other/metrics HTTP/1.1", 404),
        (b"POST /metrics HTTP/1.1", 405),
        (b"DELETE / HTTP/1.1", 405),
        (b"GET /broken HTTP/1.1", 500),
        (b"GET /\xff HTTP/1.1", 400),
        (b"GET /metrics HTTP/9", 400),
        (b"\x16\x03\x01 hello", 400),
    ],
)
async def test_what_cannot_be_answered_is_told(
    autojump_clock: MockClock, request_line: bytes, status: int
) -> None:
    answer = await answer_to(request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert (b"Allow: GET, HEAD\r\n" in answer) == (status == 405)


async def test_a_head_without_end_is_cut_off(autojump_clock: MockClock) -> None:
    async with client_of(MetricsServer(PAGES)) as stream:
        await stream.send_all(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * (REQUEST_BYTES_MAX + 1))
        assert (await everything_from(stream)).startswith(b"HTTP/1.1 431 ")


async def test_a_body_is_not_waited_for(autojump_clock: MockClock) -> None:
    request = GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 1000000000\r\n\r\n")
    assert (await answer_to(request + b"abc")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sent", [b"", b"GET /metr"])
async def test_who_is_silent_is_let_go(autojump_clock: MockClock, sent: bytes) -> None:
    begun = trio.current_time()
    assert await answer_to(sent) == b""
    assert trio.current_time() - begun == pytest.approx(REQUEST_SECONDS)


async def test_a_trickle_does_not_win_time(autojump_clock: MockClock) -> None:
    async with client_of(MetricsServer(PAGES)) as stream:
        begun = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            await trickle(stream)
        assert trio.current_time() - begun <= REQUEST_SECONDS + 1


async def trickle(stream: trio.abc.Stream) -> None:
    for byte in GET:
        await stream.send_all(bytes([byte]))
        await trio.sleep(1)


async def test_a_page_that_never_comes_ends_the_client_alone(autojump_clock: MockClock) -> None:
    server = MetricsServer(PAGES)
    async with client_of(server) as stuck, client_of(server) as other:
        await stuck.send_all(GET.replace(b"/metrics", b"/hang"))
        await other.send_all(LAST)
        assert (await everything_from(other)).startswith(b"HTTP/1.1 200 ")
        assert await everything_from(stuck) == b""


async def test_a_mistake_in_a_page_is_logged_and_ends_the_client_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    server = MetricsServer(PAGES)
    async with client_of(server) as stream, client_of(server) as other:
        await stream.send_all(GET.replace(b"/metrics", b"/blunder"))
        assert await everything_from(stream) == b""
        await other.send_all(LAST)
        assert (await everything_from(other)).startswith(b"HTTP/1.1 200 ")
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_one_client_too_many_is_turned_away(autojump_clock: MockClock) -> None:
    server = MetricsServer(PAGES)
    async with trio.open_nursery() as nursery:
        held = [memory_stream_pair() for _ in range(CLIENTS_MAX)]
        for ours, theirs in held:
            await ours.send_all(GET.replace(b"/metrics", b"/hang"))
            nursery.start_soon(server.serve_client, theirs)
        await trio.testing.wait_all_tasks_blocked()
        async with client_of(server) as late:
            assert (await everything_from(late)).startswith(b"HTTP/1.1 503 ")
        nursery.cancel_scope.cancel()


async def test_whoever_is_silent_for_longest_makes_room(autojump_clock: MockClock) -> None:
    server = MetricsServer(PAGES)
    async with trio.open_nursery() as nursery:
        held = [memory_stream_pair() for _ in range(CLIENTS_MAX)]
        for _, theirs in held:
            nursery.start_soon(server.serve_client, theirs)
            await trio.testing.wait_all_tasks_blocked()
        async with client_of(server) as late:
            await late.send_all(LAST)
            assert (await everything_from(late)).startswith(b"HTTP/1.1 200 ")
        assert await everything_from(held[0][0]) == b""
        await held[1][0].send_all(LAST)
        assert (await everything_from(held[1][0])).startswith(b"HTTP/1.1 200 ")
        nursery.cancel_scope.cancel()


async def test_a_reader_who_goes_is_no_event(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = memory_stream_pair()
    await ours.send_all(GET)
    await ours.aclose()
    await MetricsServer(PAGES).serve_client(theirs)
    assert caplog.records == []


@given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from((GET, LAST, b"\r\n\r\n")))))
def test_whatever_is_sent_is_answered_in_http_or_not_at_all(pieces: list[bytes]) -> None:
    async def conversation() -> bytes:
        server = MetricsServer(PAGES)
        async with client_of(server) as stream:
            with suppress(trio.BrokenResourceError):
                for piece in pieces:
                    await stream.send_all(piece)
                await stream.send_eof()
            return await everything_from(stream)

    answer = trio.run(conversation)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


async def test_over_a_real_socket() -> None:
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(metrics_server.MetricsServer(PAGES).run, listener)
        with trio.fail_after(20):
            stream = await trio.testing.open_stream_to_socket_listener(listener)
            async with stream:
                await stream.send_all(LAST)
                answer = b"".join([bytes(piece) async for piece in stream])
        nursery.cancel_scope.cancel()
    assert answer.endswith(b"cairnfs_files 1\n")
