"""Reading ahead of those who read files from one end to the other.

Each open file has a stream: where a sequential reader would go on, and the windows
(fsmodel/content/windows.py) that are there, or on their way, for what he will ask for next. A
request whose bytes are in windows is answered by a slice of one, or by slices of two joined; if
they are on their way it waits for them, which is nearer than beginning anew. All else is read as
if there were no streams.

The further somebody has read, the more is kept ahead of him, up to AHEAD_BYTES_MAX. All streams
together hold a bounded number of bytes: those that made no window for the longest time give up
theirs.

Owner: the event-loop thread. Checkpoints: waiting for a window, and the hop in which it is made.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import trio

from daemon.workers import Workers
from fsmodel.buffers import Buffer
from fsmodel.content.contents import Contents
from fsmodel.content.windows import WindowPlan
from fsmodel.errors import DataError
from fsmodel.ids import InodeId

WINDOW_BYTES_MIN: Final = 256 << 10
WINDOW_BYTES_MAX: Final = 2 << 20
AHEAD_BYTES_MAX: Final = 4 << 20  # behind the last byte that was asked for
HELD_BYTES_MAX: Final = 32 << 20  # by all streams

GAP_BYTES_MAX: Final = 256 << 10  # that a sequential reader may leave out
CAREFUL_WINDOWS: Final = 8  # after a bad guess: one that lacks more than
LACK_MAX: Final = 3  # times the bytes it has

StartTask = Callable[[Callable[..., Awaitable[None]], "ReadStream", "Window"], None]


class Window:
    """A stretch of a file that is there, or on its way."""

    __slots__ = ("arrived", "data", "end", "plan", "start")

    def __init__(self, plan: WindowPlan) -> None:
        self.plan = plan
        self.start = plan.start
        self.end = plan.end  # until it is there
        self.arrived = trio.Event()
        self.data: memoryview | None = None  # None while it is on its way, and if that failed


class ReadStream:
    """How one open file is being read."""

    __slots__ = (
        "ahead_to", "careful", "next_read", "request_bytes", "sequential_bytes", "windows"
    )  # fmt: skip

    def __init__(self) -> None:
        self.next_read = 0  # where a sequential reader goes on
        self.request_bytes = 1  # of his last request
        self.sequential_bytes = 0  # that he has asked for since he went elsewhere
        self.ahead_to = 0  # up to where windows were asked for
        self.careful = 0  # so many windows are made without guessing where chunks lie
        self.windows: tuple[Window, ...] = ()

    @property
    def held_bytes(self) -> int:
        """Bytes of its windows, those on their way included."""
        return sum(window.end - window.start for window in self.windows)

    def asked(self, start: int, end: int) -> None:
        """Note a request as it comes. What the kernel has in memory it leaves out."""
        gap = start - self.next_read
        goes_on = 0 <= gap <= GAP_BYTES_MAX and self.next_read > 0
        if goes_on or self.window_at(start) is not None:
            self.sequential_bytes += end - start
            if self.windows:
                self.windows = tuple([each for each in self.windows if each.end > start])
        else:
            self.sequential_bytes = self.ahead_to = 0
            self.windows = ()
        self.next_read = end
        self.request_bytes = max(end - start, 1)

    def next_window(self) -> tuple[int, int] | None:
        """Offset and length of the window to be made now; None when there is enough ahead.

        It ends where a request of the usual size will end, if it can.
        """
        done = self.sequential_bytes
        first = max(self.next_read, self.ahead_to)
        length = min(max(done, WINDOW_BYTES_MIN), WINDOW_BYTES_MAX)
        if first + length > self.next_read + min(2 * done, AHEAD_BYTES_MAX):
            return None
        odd = (first + length - self.next_read) % self.request_bytes
        return first, length - odd if odd < length else length

    async def take(self, start: int, end: int) -> Buffer | None:
        """Bytes [start, end) from windows; None where they are not all to be had from there."""
        found: list[memoryview] = []
        at = start
        while at < end:
            window = self.window_at(at)
            if window is None:
                return None
            if not window.arrived.is_set():
                await window.arrived.wait()
            if window.data is None or not window.plan.is_current:
                return None
            if at < window.end:  # else a guess was wrong, and another window has what is missing
                found.append(window.data[at - window.start : end - window.start])
                at += len(found[-1])
        return found[0] if len(found) == 1 else b"".join(found)

    def window_at(self, offset: int) -> Window | None:
        """The window that has an offset, or will."""
        for window in self.windows:
            if window.start <= offset < window.end:
                return window
        return None


class ReadStreams:
    """Makes windows for all streams, and bounds what they hold."""

    def __init__(self, contents: Contents, workers: Workers, start: StartTask) -> None:
        """`start` has something done beside the requests."""
        self._contents = contents
        self._workers = workers
        self._start = start
        self._holders: OrderedDict[ReadStream, None] = OrderedDict()

    async def read(self, stream: ReadStream, inode: InodeId, start: int, end: int) -> Buffer | None:
        """Bytes [start, end) of a file if windows have them, else None; more windows are begun."""
        stream.asked(start, end)
        wanted = stream.next_window()
        if wanted is not None:
            self._begin(stream, inode, *wanted)
        return await stream.take(start, end) if stream.windows else None

    def end(self, stream: ReadStream) -> None:
        """Its file was closed."""
        self._holders.pop(stream, None)
        stream.windows = ()

    def _begin(self, stream: ReadStream, inode: InodeId, offset: int, length: int) -> None:
        """Have a window made. A failure is left for the read that wants those bytes to report."""
        with suppress(DataError):
            plan = self._contents.plan_window(inode, offset, length, guessing=not stream.careful)
            stream.careful = max(stream.careful - 1, 0)
            if plan is not None:
                window = Window(plan)
                stream.windows = (*stream.windows, window)
                self._make_room_for(stream)
                self._start(self._make, stream, window)
                length = plan.end - offset
        stream.ahead_to = max(stream.ahead_to, offset + length)

    async def _make(self, stream: ReadStream, window: Window) -> None:
        try:
            with suppress(DataError):
                made = await self._workers.run(window.plan.work)
                assert isinstance(made, memoryview)
                window.data, window.end = made, window.start + len(made)
                if window.start < window.end < window.plan.end:
                    self._begin_rest(stream, window)
        finally:
            window.arrived.set()

    def _begin_rest(self, stream: ReadStream, window: Window) -> None:
        """A guess was wrong: what lies behind is looked for in the index.

        Where little was right the file lies in pieces, and guesses would mostly be wrong.
        """
        missing = window.plan.end - window.end
        if missing > (window.end - window.start) * LACK_MAX:
            stream.careful = CAREFUL_WINDOWS
        if window in stream.windows and window.plan.is_current:
            self._begin(stream, window.plan.file.inode, window.end, missing)

    def _make_room_for(self, newest: ReadStream) -> None:
        self._holders[newest] = None
        self._holders.move_to_end(newest)
        held = sum(stream.held_bytes for stream in self._holders)
        while held > HELD_BYTES_MAX and len(self._holders) > 1:
            stream, _ = self._holders.popitem(last=False)
            held -= stream.held_bytes
            stream.windows = ()
