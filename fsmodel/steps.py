"""Work cut into steps: the model says what to do, the caller decides where.

The model is synchronous, yet cutting, hashing, compressing and reading big contents belongs in a
worker thread. Such a function is a generator: it yields a Work, whose `run` needs nothing the
owner thread owns, and is sent what `run` returned. Everything between two yields happens on the
owner thread without interruption. `run_inline` is the driver for tests and small work; the daemon
has one that uses threads (daemon/workers.py).
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
Result = TypeVar("Result")


class Work(NamedTuple):
    """Something any thread may do, and about how many bytes it goes through."""

    run: Callable[[], Any]
    size_bytes: int
    parts: Sequence["Work"] = ()  # which `run` does one by one, and a driver may do at once


Steps = Generator[Work, Any, Result]

PART_BYTES: Final = 1 << 20  # enough for a thread of its own, among many items
PAUSE: Final = Work(lambda: None, 0)  # yielded between two stretches of long work: others go first


def side_by_side(parts: Sequence[Work]) -> Work:
    """Several pieces of work as one, whose result is the list of theirs.

    They do not need each other, so a driver that has several threads may use them. If one fails,
    the others may or may not be done.
    """
    size = sum(part.size_bytes for part in parts)
    return Work(partial(_run_in_turn, parts), size, parts)


def _run_in_turn(parts: Sequence[Work]) -> list[Any]:
    return [part.run() for part in parts]


def in_parts(
    make: Callable[[Sequence[Item]], Sequence[Made]], items: Sequence[Item], sizes: Sequence[int]
) -> Steps[list[Made]]:
    """Make something of each of many items, in threads that have about PART_BYTES each."""
    works: list[Work] = []
    start = filled = 0
    for end, size in enumerate(sizes, 1):
        filled += size
        if filled >= PART_BYTES or end == len(items):
            works.append(Work(partial(make, items[start:end]), filled))
            start, filled = end, 0
    if len(works) == 1:
        return list((yield works[0]))
    made: list[Sequence[Made]] = yield side_by_side(works)
    return list(chain.from_iterable(made))


class Begun(Protocol):
    """Work that goes on, or that waits for its turn, while its owner does something else."""

    @property
    def is_done(self) -> bool:
        """Whether `result` would answer at once."""
        ...

    def result(self) -> Any:
        """Wait for it; to be asked once. Raises what the work has raised. Any thread."""
        ...


Begin = Callable[[Callable[[], Any]], Begun]


class PutOff:
    """Work begun where no other thread is to do it: it is done when its result is wanted."""

    is_done = False

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run

    def result(self) -> Any:
        """Do it."""
        return self._run()


def collecting(begun: Begun, size_bytes: int) -> Work:
    """The step that gives the result of what was begun."""
    return Work(begun.result, 0 if begun.is_done else size_bytes)


def run_inline(steps: Steps[Result]) -> Result:
    """Do every step here and now."""
    try:
        work = next(steps)
        while True:
            try:
                done = work.run()
            except Exception as error:  # noqa: BLE001  # what it means is for the steps to say
                work = steps.throw(error)
            else:
                work = steps.send(done)
    except StopIteration as end:
        result: Result = end.value
        return result
