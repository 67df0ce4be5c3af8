"""Who reads the next request from the kernel, with as little scheduling as that takes.

pyfuse3 has several tasks, each of which waits for its turn to read, reads a request and answers it.
Its own way costs two or three rounds of the scheduler for each request: taking the lock is one, and
it goes to whoever waited longest, so that tasks change with each request. Here

  * a turn that is free is taken without a round, by the task that has just answered a request,
    whose data is in the processor's caches; the others go on waiting
  * a request that is there already is read at once, but only some of them in a row, so that other
    tasks have their time
  * when the task that was to read waits for something else, or has ended, another one gets the
    turn: that is seen after each step of any task

pyfuse3 finds trio in a global of its own, as it can run on asyncio; `take_turns` puts this there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, TracebackType
from typing import Any, Final

import pyfuse3
import trio

from daemon.arrivals import Arrivals

AT_ONCE_MAX: Final = 16  # requests read in a row before the scheduler has a round


class ReadTurn:
    """Stands for the lock under which pyfuse3 waits for requests. Owner: the event-loop thread."""

    def __init__(self) -> None:
        self._is_taken = False
        self._is_calling = False  # somebody has been woken, and has not run yet
        self._waiting = trio.lowlevel.ParkingLot()

    async def __aenter__(self) -> None:
        while self._is_taken:
            try:
                await self._waiting.park()
            finally:
                self._is_calling = False
        self._is_taken = True

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_taken = False

    def call(self) -> None:
        """Have somebody take the turn if nobody has it."""
        if not self._is_taken and not self._is_calling and self._waiting:
            self._is_calling = True
            self._waiting.unpark()


class _Watch(trio.abc.Instrument):
    """Sees to it that a task that cannot read for now leaves its turn to another."""

    def __init__(self) -> None:
        self.turns: list[ReadTurn] = []

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """A task waits for something now, or has ended."""
        for turn in self.turns:
            turn.call()


class _Readable:
    """Waits for a descriptor to be readable, which it may be at once."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._in_a_row = 0

    async def wait(self, descriptor: int) -> None:
        """Return when there is something to read. Raises trio.ClosedResourceError."""
        self._in_a_row += 1
        if self._in_a_row > AT_ONCE_MAX or not self._arrivals.waits(descriptor):
            self._in_a_row = 0
            await trio.lowlevel.wait_readable(descriptor)
        self._arrivals.read += 1


class _Changed:
    """A module of which some names stand for something else."""

    def __init__(self, module: ModuleType, **changed: Any) -> None:
        self._module = module
        self.__dict__.update(changed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


@contextmanager
def take_turns(arrivals: Arrivals) -> Iterator[None]:
    """While the block runs, pyfuse3's tasks read in this way. For the event loop's own thread.

    What is read is counted, and what waits can be asked for, in `arrivals`.
    """
    watch = _Watch()

    def new_turn() -> ReadTurn:
        watch.turns.append(ReadTurn())
        return watch.turns[-1]

    lowlevel = _Changed(trio.lowlevel, wait_readable=_Readable(arrivals).wait)
    its_names = vars(pyfuse3)
    its_names["trio"] = _Changed(trio, Lock=new_turn, lowlevel=lowlevel)
    trio.lowlevel.add_instrument(watch)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(watch)
        its_names["trio"] = trio
