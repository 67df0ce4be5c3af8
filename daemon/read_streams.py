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
from contextlib import suppress
from functools import partial
from typing import Final

from daemon.read_windows import StartTask, Window, Windows
from daemon.workers import Workers
from fsmodel.buffers import Buffer
from fsmodel.content.contents import Contents
from fsmodel.content.windows import WindowPlan
from fsmodel.errors import DataError
from fsmodel.ids import InodeId
from fsmodel.store.read_ahead import Ahead, ReadAhead
from lmdb_index.errors import IndexProblem

WINDOW_BYTES_MIN: Final = 256 << 10
WINDOW_BYTES_MAX: Final = 2 << 20
LARGE_BYTES: Final = 512 << 10  # a request of so many is a window by itself
AHEAD_BYTES_MAX: Final = 4 << 20  # behind the last byte that was asked for
HELD_BYTES_MAX: Final = 32 << 20  # by all streams

GAP_BYTES_MAX: Final = 256 << 10  # that a sequential reader may leave out
CAREFUL_WINDOWS: Final = 8  # after a bad guess: one that lacks more than
LACK_MAX: Final = 3  # times the bytes it has


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

    def asked(self, start: int, end: int) -> tuple[Window, ...]:
        """Note a request as it comes. What the kernel has in memory it leaves out.

        Returns the windows that nobody wants any more.
        """
        left: tuple[Window, ...] = ()
        gap = start - self.next_read
        goes_on = 0 <= gap <= GAP_BYTES_MAX and self.next_read > 0
        if goes_on or self.window_at(start) is not None:
            self.sequential_bytes += end - start
            if self.windows:
                self.windows = tuple([each for each in self.windows if each.end > start])
        else:
            self.ahead_to = 0
            self.sequential_bytes = 0 if start or end < LARGE_BYTES else end
            left = self.leave()
        self.next_read = end
        self.request_bytes = max(end - start, 1)
        return left

    def jumps(self, start: int, length: int) -> bool:
        """Note a request of somebody who does not read in order, if nothing is ahead of him.

        False where windows may help, or will: such a request is for `asked`.
        """
        gap = start - self.next_read
        if self.windows or length >= LARGE_BYTES or (0 <= gap <= GAP_BYTES_MAX and self.next_read):
            return False
        self.ahead_to = self.sequential_bytes = 0
        self.next_read, self.request_bytes = start + length, length
        return True

    def leave(self) -> tuple[Window, ...]:
        """Give up what is ahead: the windows that nobody wants any more."""
        left, self.windows = self.windows, ()
        return left

    def next_window(self) -> tuple[int, int] | None:
        """Offset and length of the window to be made now; None when there is enough ahead.

        It ends where a request of the usual size will end, if it can.
        """
        done = self.sequential_bytes
        if not done:
            return None
        first = max(self.next_read, self.ahead_to)
        length = min(max(done, WINDOW_BYTES_MIN), WINDOW_BYTES_MAX)
        if first + length > self.next_read + min(2 * done, AHEAD_BYTES_MAX):
            return None
        odd = (first + length - self.next_read) % self.request_bytes
        return first, length - odd if odd < length else length

    async def take(self, threads: ReadAhead, start: int, end: int) -> Buffer | None:
        """Bytes [start, end) from windows; None where they are not all to be had from there."""
        found: list[memoryview] = []
        at = start
        while at < end:
            window = self.window_at(at)
            if window is None:
                return None
            if not window.arrived.is_set():
                await window.reached(threads, end)
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

    def window_to(self, offset: int) -> Window | None:
        """One that threads fill, or have filled, up to an offset, as far as is known."""
        for window in self.windows:
            if window.end == window.plan.end == offset and window.ahead is not None:
                return window
        return None


class ReadStreams:
    """Makes windows for all streams, and bounds what they hold."""

    def __init__(self, contents: Contents, workers: Workers, start: StartTask) -> None:
        """`start` has something done beside the requests."""
        self._contents = contents
        self._windows = Windows(workers, contents.ahead, start)
        self.under_way = self._windows.under_way  # news of these are heard with each request
        self._holders: OrderedDict[ReadStream, None] = OrderedDict()

    async def read(self, stream: ReadStream, inode: InodeId, start: int, end: int) -> Buffer | None:
        """Bytes [start, end) of a file if windows have them, else None; more windows are begun."""
        if self._windows.under_way:
            self._windows.hear()
        left = stream.asked(start, end)
        if left:
            self._drop(left)
        if end - start >= LARGE_BYTES and stream.window_at(start) is None:
            self._begin(stream, inode, start, end - start)
        wanted = stream.next_window()
        if wanted is not None:
            self._begin(stream, inode, *wanted)
        return await stream.take(self._contents.ahead, start, end) if stream.windows else None

    def end(self, stream: ReadStream) -> None:
        """Its file was closed."""
        self._holders.pop(stream, None)
        self._drop(stream.leave())

    def _drop(self, windows: tuple[Window, ...]) -> None:
        for window in windows:
            self._windows.drop(window)

    def _begin(self, stream: ReadStream, inode: InodeId, offset: int, length: int) -> None:
        """Have a window made. A failure is left for the read that wants those bytes to report."""
        end = offset + length
        with suppress(DataError, IndexProblem):
            window = self._behind(stream, inode, offset, length)
            window = window or self._anywhere(stream, inode, offset, length)
            if window is not None:
                end = window.plan.end
        stream.ahead_to = max(stream.ahead_to, end)

    def _behind(
        self, stream: ReadStream, inode: InodeId, offset: int, length: int
    ) -> Window | None:
        """Have one made that lies behind the one before, without asking the index."""
        before = stream.window_to(offset)
        if before is None:
            return None
        plan = self._contents.plan_next_window(inode, before.plan, length)
        return None if plan is None else self._make(stream, plan, before.ahead)

    def _anywhere(
        self, stream: ReadStream, inode: InodeId, offset: int, length: int
    ) -> Window | None:
        guessing = not stream.careful
        plan = self._contents.plan_window(inode, offset, length, guessing=guessing)
        stream.careful = max(stream.careful - 1, 0)
        return None if plan is None else self._make(stream, plan, None)

    def _make(self, stream: ReadStream, plan: WindowPlan, before: Ahead | None) -> Window | None:
        window = Window(plan)
        if not self._windows.make(window, before, partial(self._made, stream, window)):
            return None
        stream.windows = (*stream.windows, window)
        self._make_room_for(stream)
        return window

    def _made(self, stream: ReadStream, window: Window) -> None:
        """A window is as whole as it will be. What is missing is looked for in the index.

        Where little was right the file lies in pieces, and guesses would mostly be wrong.
        """
        missing, has = window.plan.end - window.end, window.end - window.start
        if not missing or (window.ahead is None and not has):
            return
        if missing > has * LACK_MAX and not window.plan.lies_behind_another:
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
            self._drop(stream.leave())
