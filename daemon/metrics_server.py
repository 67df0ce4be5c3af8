"""A small HTTP server for a few pages that are read and never written.

h11 knows the protocol; here are the sockets and the bounds: how many clients, how long a request
may be, and how long it may take to come or its answer to go; one that is silent makes room for
another (client_places.py). GET and HEAD only; whoever sends more than a request line and headers is
answered and let go.

Owner: the event-loop thread. Each client is a task. Checkpoints: receiving, sending, and whatever a
page waits for.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import h11
import trio

from daemon.client_places import Place, Places
from daemon.metrics_pages import PLAIN, Page, Pages
from fsmodel.errors import CairnError

CLIENTS_MAX: Final = 16
REQUEST_BYTES_MAX: Final = 8 << 10  # request line and headers
REQUEST_SECONDS: Final = 10.0  # to send them, from the first byte or the last answer on
ANSWER_SECONDS: Final = 30.0  # to make an answer and take it
RECEIVE_BYTES: Final = 4 << 10
METHODS: Final = (b"GET", b"HEAD")
ALLOWED: Final = (("Allow", "GET, HEAD"),)
TOO_MANY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)

PageFor = Callable[[h11.Request], Awaitable[Page]]

_log = logging.getLogger(__name__)


class MetricsServer:
    """Serves pages to a bounded number of clients."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._places = Places(CLIENTS_MAX)

    async def run(self, listener: trio.SocketListener) -> None:
        """Serve whoever reaches a listener, for ever."""
        await trio.serve_listeners(self.serve_client, [listener])

    async def serve_client(self, stream: trio.abc.Stream) -> None:
        """One client, to its end; its failures end here."""
        try:
            async with stream:
                with self._places.take() as place:
                    if place is None:
                        await stream.send_all(TOO_MANY)  # few enough bytes never to wait
                    else:
                        await _Conversation(stream, place, self._page_for).run()
        except (trio.BrokenResourceError, trio.TooSlowError):
            _log.debug("a reader of metrics went away or was too slow")
        except Exception:  # noqa: BLE001  # one reader's request must not end the mount
            _log.exception("a reader of metrics was let go after an unforeseen failure")

    async def _page_for(self, request: h11.Request) -> Page:
        if request.method not in METHODS:
            return _refusal(405, "GET and HEAD only")
        path, _, _ = request.target.decode("latin-1").partition("?")
        make = self._pages.get(path)
        if make is None:
            return _refusal(404, f"no such page; there are {', '.join(self._pages)}")
        try:
            return await make()
        except CairnError as error:
            return _refusal(500, str(error))


class _Conversation:
    """One client: requests, each with its answer, until either side has had enough."""

    def __init__(self, stream: trio.abc.Stream, place: Place, page_for: PageFor) -> None:
        self._stream = stream
        self._place = place
        self._page_for = page_for
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=REQUEST_BYTES_MAX)

    async def run(self) -> None:
        """Answer requests, one after the other."""
        try:
            while (request := await self._next_request()) is not None:
                with trio.fail_after(ANSWER_SECONDS):
                    await self._answer(request, await self._page_for(request))
                if not self._can_go_on():
                    return
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            with trio.fail_after(ANSWER_SECONDS):
                await self._refuse(error)

    async def _next_request(self) -> h11.Request | None:
        """The next one; None when there is none, or it does not come in time."""
        with trio.move_on_after(REQUEST_SECONDS), self._place.waiting():
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    self._http.receive_data(bytes(await self._stream.receive_some(RECEIVE_BYTES)))
                elif isinstance(event, h11.Request):
                    return event
                else:
                    return None
        return None

    def _can_go_on(self) -> bool:
        """Whether the request is at its end; what comes with a body, nobody reads."""
        if self._http.their_state is h11.SEND_BODY:
            self._http.next_event()
        return self._http.their_state is h11.DONE and self._http.our_state is h11.DONE

    async def _answer(self, request: h11.Request, page: Page) -> None:
        content = b"" if request.method == b"HEAD" else page.content
        await self._send(page, content)

    async def _refuse(self, error: h11.RemoteProtocolError) -> None:
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            page = _refusal(error.error_status_hint, "this is no HTTP request that can be answered")
            await self._send(page, page.content, ("Connection", "close"))

    async def _send(self, page: Page, content: bytes, *headers: tuple[str, str]) -> None:
        head = h11.Response(
            status_code=page.status,
            headers=[
                ("Content-Type", page.content_type),
                ("Content-Length", str(len(page.content))),
                ("Cache-Control", "no-store"),
                *(ALLOWED if page.status == 405 else ()),
                *headers,
            ],
        )
        data = self._http.send(head) or b""
        if content:
            data += self._http.send(h11.Data(data=content)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        with self._place.waiting():
            await self._stream.send_all(data)


def _refusal(status: int, text: str) -> Page:
    return Page(status, PLAIN, f"{text}\n".encode(errors="backslashreplace"))
