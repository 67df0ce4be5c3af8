"""Windows of files, and having them made: by threads that read ahead, or by a worker.

Threads that read ahead (fsmodel/store/read_ahead.py) fill a window from its beginning on, and what
is there can be used while the rest is on its way. They tell by a descriptor that there are news,
which one task waits for as long as any window is on its way.

Owner: the event-loop thread. Checkpoints: waiting for bytes of a window.
"""

from collections.abc import Callable
from contextlib import suppress

import trio

from daemon.workers import Workers
from fsmodel.content.windows import WindowPlan
from fsmodel.errors import DataError
from fsmodel.steps import Work
from fsmodel.store.frames import blank
from fsmodel.store.read_ahead import Ahead, ReadAhead

StartTask = Callable[..., None]


class Window:
    """A stretch of a file that is there, or on its way."""

    __slots__ = ("_news", "ahead", "arrived", "data", "end", "low", "plan", "start")

    def __init__(self, plan: WindowPlan) -> None:
        self.plan = plan
        self.start = plan.start
        self.end = plan.end  # until it is there
        self.low = 0 if plan.neighbours is None else plan.neighbours.low
        self.arrived = trio.Event()  # as far as it will
        self.data: memoryview | None = None  # None while none of it is there, and if that failed
        self.ahead: Ahead | None = None  # unless a worker brings it
        self._news = trio.lowlevel.ParkingLot()

    def filled_by(self, ahead: Ahead, buffer: memoryview) -> None:
        """Its bytes come one after the other, and can be used as they come."""
        self.ahead = ahead
        self.data = buffer[self.low : self.low + self.end - self.start].toreadonly()

    async def reached(self, threads: ReadAhead, offset: int) -> None:
        """Wait until its bytes up to an offset of the file are there, or no more of it will be."""
        while not self.arrived.is_set():
            if self.ahead is None:
                await self.arrived.wait()
            elif threads.reaches(self.ahead, self.low + min(offset, self.end) - self.start):
                return
            else:
                await self._news.park()

    def heard(self, threads: ReadAhead) -> None:
        """There are news of one that is filled: perhaps of this one."""
        assert self.ahead is not None
        assert self.data is not None
        found = threads.found(self.ahead)
        if found is not None:
            self.end = min(max(self.start + found - self.low, self.start), self.end)
            self.data = self.data[: self.end - self.start]  # nobody has checked what lies behind
            self.arrived.set()
        self._news.unpark_all()


class Windows:
    """Has windows made, and says of each when it is as whole as it will be."""

    def __init__(self, workers: Workers, threads: ReadAhead, start: StartTask) -> None:
        """`start` has something done beside the requests."""
        self._workers = workers
        self._threads = threads
        self._start = start
        self.under_way: dict[Window, Callable[[], None]] = {}  # that threads fill
        self._listens = False

    def make(self, window: Window, before: Ahead | None, done: Callable[[], None]) -> bool:
        """Have one made, and `done` called then; False where nobody can.

        `before` is what fills the window that its plan was made to lie behind.
        """
        if self._fill(window, before):
            self.under_way[window] = done
            if not self._listens:
                self._listens = True
                self._start(self._listen)
        elif window.plan.work is not None:
            self._start(self._work, window, window.plan.work, done)
        else:
            return False
        return True

    def drop(self, window: Window) -> None:
        """Nobody wants one any more."""
        if window.ahead is not None:
            self._threads.drop(window.ahead)

    def _fill(self, window: Window, before: Ahead | None) -> bool:
        """Have threads fill one; False where they cannot."""
        neighbours = window.plan.neighbours
        if neighbours is not None:
            buffer = blank(neighbours.size)
            ahead = window.plan.begin(self._threads, before, buffer)
            if ahead is not None:
                window.filled_by(ahead, buffer)
        return window.ahead is not None

    async def _work(self, window: Window, work: Work, done: Callable[[], None]) -> None:
        try:
            with suppress(DataError):
                made = await self._workers.run(work)
                assert isinstance(made, memoryview)
                window.data, window.end = made, window.start + len(made)
                done()
        finally:
            window.arrived.set()

    async def _listen(self) -> None:
        """Tell windows of news, as long as any is on its way."""
        try:
            while self.under_way:
                await trio.lowlevel.wait_readable(self._threads.fileno())
                self._threads.acknowledge()
                self.hear()
        finally:
            self._listens = False

    def hear(self) -> None:
        """Tell windows of news. Requests that come fast keep the task waiting that listens."""
        for window, done in list(self.under_way.items()):
            window.heard(self._threads)
            if window.arrived.is_set():
                del self.under_way[window]
                done()
