"""Drives the model's steps: small work on the loop thread, big work in worker threads.

A hop to a thread and back costs about 80 us, so work on few bytes is done where it is.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

import trio

from fsmodel.index_border import index_error
from fsmodel.steps import PAUSE, Begun, Result, Steps, Work
from lmdb_index.errors import IndexProblem

INLINE_BYTES_MAX: Final = 96 * 1024
THREADS_MAX: Final = 4
TURN_SECONDS: Final = 0.0005

at_work: Final[set[object]] = set()  # what threads of this process are busy with now


def take_short_turns() -> None:
    """Let the loop wait no longer than that for the interpreter's lock, whatever workers do.

    It gives the lock away in each call of LMDB and of the host, and gets it back when a worker
    gives it away or its turn is over, which are 5 ms unless one says otherwise: 20 to 40 for a
    request that asks the index a few times.
    """
    sys.setswitchinterval(TURN_SECONDS)


class _Begun:
    """Work that another thread has begun."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self._found: Future[Any] = Future()
        at_work.add(self)
        trio.lowlevel.start_thread_soon(run, lambda outcome: self._take(outcome.unwrap))

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self._found.done()

    def result(self) -> Any:
        """What came of it, once it has ended. Raises what it has raised."""
        return self._found.result()

    def _take(self, unwrap: Callable[[], Any]) -> None:
        """The thread has ended."""
        at_work.discard(self)
        try:
            self._found.set_result(unwrap())
        except BaseException as error:  # noqa: BLE001  # for who asks for the result
            self._found.set_exception(error)


class Workers:
    """Runs work of the model in a bounded number of threads."""

    _inline_bytes_max = INLINE_BYTES_MAX  # what `drive` does itself, without asking `run`

    def __init__(self, threads_max: int = THREADS_MAX) -> None:
        self._limiter = trio.CapacityLimiter(threads_max)
        self._side_by_side = min(threads_max, len(os.sched_getaffinity(0)))

    def begin(self, run: Callable[[], Any]) -> Begun:
        """Have work done by a thread while its owner goes on; see fsmodel.steps."""
        return _Begun(run)

    async def drive(self, steps: Steps[Result]) -> Result:
        """Run steps to their end; between two of them other tasks may run.

        What the index reports, as of a row that is damaged, is raised in the model's words.
        """
        inline_max = self._inline_bytes_max
        try:
            work = next(steps)
            while True:
                try:
                    if work.size_bytes <= inline_max and work is not PAUSE:
                        done = work.run()
                    else:
                        done = await self.run(work)
                except Exception as error:  # noqa: BLE001  # what it means is for the steps to say
                    work = steps.throw(error)
                else:
                    work = steps.send(done)
        except StopIteration as end:
            result: Result = end.value
            return result
        except IndexProblem as problem:
            raise index_error(problem) from problem

    async def run(self, work: Work) -> object:
        """Do one piece of work; a pause lets other tasks run."""
        if work is PAUSE:
            await trio.lowlevel.checkpoint()
            return None
        if work.size_bytes <= INLINE_BYTES_MAX:
            return work.run()
        if len(work.parts) > 1 and self._side_by_side > 1:
            return await self._run_parts(work.parts)
        return await self._in_thread(work)

    async def _in_thread(self, work: Work) -> object:
        token = object()
        at_work.add(token)
        try:
            return await trio.to_thread.run_sync(work.run, limiter=self._limiter)
        finally:
            at_work.discard(token)

    async def _run_parts(self, parts: Sequence[Work]) -> Sequence[object]:
        """As many at once as there are processors; after a failure no other is begun."""
        results: dict[int, object] = {}
        failures: list[Exception] = []
        waiting = iter(enumerate(parts))

        async def run_some() -> None:
            for number, part in waiting:
                try:
                    results[number] = await self._in_thread(part)
                except Exception as error:  # noqa: BLE001  # raised once all have ended
                    failures.append(error)
                if failures:
                    return

        async with trio.open_nursery() as nursery:
            for _ in range(min(len(parts), self._side_by_side)):
                nursery.start_soon(run_some)
        if failures:
            raise failures[0]
        return [results[number] for number in range(len(parts))]


class PatientWorkers(Workers):
    """Lets others run after each step of long work, also when the step was done inline."""

    _inline_bytes_max = -1

    def __init__(self, after_step: Callable[[], Awaitable[None]]) -> None:
        super().__init__(threads_max=1)
        self._after_step = after_step

    async def run(self, work: Work) -> object:
        """Do one piece of work, then make way."""
        done = await super().run(work)
        await self._after_step()
        return done
