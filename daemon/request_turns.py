"""Who reads the next request from the kernel, with as little scheduling as that takes.

pyfuse3 has several tasks, each of which waits for its turn to read, reads a request and answers it.
Its own way costs two or three rounds of the scheduler for each request: taking the lock is one, and
it goes to whoever waited longest, so that tasks change with each request. Here

  * a turn that is free is taken without a round, by the task that has just answered a request,
    whose data is in the processor's caches; the others go on waiting
  * a request that is there already is read at once, but only some of them in a row, so that other
    tasks have their time
  * when no task has anything to do, the next request is waited for in place, for a moment: whoever
    has got an answer often asks again at once. What trio waits for ends that, too; a deadline may
    be seen as much later. The first few microseconds of it are spent looking, as to be put to sleep
    and woken takes longer. Who asks may need the processor himself: so there have to be two, none
    of our threads may be at work, and looks that are mostly in vain become few
  * when the task that was to read waits for something else, or has ended, another one gets the
    turn: that is seen after each step of any task

pyfuse3 finds trio in a global of its own, as it can run on asyncio; `take_turns` puts this there.
"""

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, TracebackType
from typing import Any, Final

import pyfuse3
import trio

from daemon.arrivals import Arrivals
from daemon.trio_events import events_descriptor
from daemon.workers import at_work

AT_ONCE_MAX: Final = 16  # requests read in a row before the scheduler has a round
MOMENT_MS: Final = 1  # as long as each of them is waited for in place; what `poll` can do
LOOKING_NS: Final = 20_000  # of that; about as long as a program takes to ask again
LUCK_MAX: Final = 16  # looks in vain, less those that were not, until there are few of them
FEW: Final = 32  # one of so many, to see whether they are worth it again


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
    """Sees to it that a task that cannot read for now leaves its turn to another.

    Besides, it knows which tasks could go on.
    """

    def __init__(self) -> None:
        self.turns: list[ReadTurn] = []
        self.ready: set[trio.lowlevel.Task] = set()

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """A task can go on."""
        self.ready.add(task)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """It does."""
        self.ready.discard(task)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """A task waits for something now, or has ended."""
        for turn in self.turns:
            turn.call()


class _Looks:
    """Looks for a request for some microseconds, as long as that is worth it."""

    def __init__(self) -> None:
        self._has_room = len(os.sched_getaffinity(0)) > 1
        self._luck = LUCK_MAX
        self._left_out = 0

    def find(self, poll: select.poll) -> list[tuple[int, int]]:
        """What a poll finds while it is asked again and again.

        Where another thread has the interpreter for longer than this takes, it is asked once.
        """
        if not self._is_worth_it():
            return []
        until = time.perf_counter_ns() + LOOKING_NS
        while not (found := poll.poll(0)) and time.perf_counter_ns() < until:
            pass
        self._luck = min(self._luck + 1, LUCK_MAX) if found else max(self._luck - 1, 0)
        return found

    def _is_worth_it(self) -> bool:
        if at_work or not self._has_room:
            return False
        if self._luck > 0:
            return True
        self._left_out = (self._left_out + 1) % FEW
        return self._left_out == 0


class _Readable:
    """Waits for a descriptor to be readable, which it may be at once."""

    def __init__(self, arrivals: Arrivals, watch: _Watch) -> None:
        self._arrivals = arrivals
        self._ready = watch.ready
        self._events = events_descriptor()
        self._polls: dict[int, select.poll] = {}
        self._looks = _Looks()
        self._in_a_row = 0

    async def wait(self, descriptor: int) -> None:
        """Return when there is something to read. Raises trio.ClosedResourceError."""
        self._in_a_row += 1
        if self._in_a_row > AT_ONCE_MAX or not self._is_soon(descriptor):
            self._in_a_row = 0
            await trio.lowlevel.wait_readable(descriptor)
        self._arrivals.read += 1

    def _is_soon(self, descriptor: int) -> bool:
        """Whether there is something to read, or will be before anybody else has work."""
        poll = self._polls.get(descriptor) or self._new_poll(descriptor)
        found = poll.poll(0)
        if not found and self._events is not None and not self._ready:
            found = self._looks.find(poll) or poll.poll(MOMENT_MS)
        return descriptor in dict(found)

    def _new_poll(self, descriptor: int) -> select.poll:
        self._arrivals.watch(descriptor)
        poll = self._polls[descriptor] = select.poll()
        for each in (descriptor, self._events):
            if each is not None:
                poll.register(each, select.POLLIN)
        return poll


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

    lowlevel = _Changed(trio.lowlevel, wait_readable=_Readable(arrivals, watch).wait)
    its_names = vars(pyfuse3)
    its_names["trio"] = _Changed(trio, Lock=new_turn, lowlevel=lowlevel)
    trio.lowlevel.add_instrument(watch)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(watch)
        its_names["trio"] = trio
