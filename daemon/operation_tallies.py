"""How many requests the kernel has made, how long each kind took, how many bytes went through.

A request costs one more coroutine, two looks at the clock and a few additions: 0.6 us, where the
quickest request takes 11 us in its handler. So what else surrounds every handler is done here, too:
what it raises becomes an errno. Times are counted in classes, each twice as long as the one before.

Owner: the event-loop thread.
"""

import errno
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from daemon.errnos import answer_to
from daemon.requests import REQUESTS

CLASSES: Final = 64  # class N: more than 2 ** (N - 1) and at most 2 ** N nanoseconds

Handler = Callable[..., Awaitable[Any]]
CountBytes = Callable[[Any], int]

# What the answers of requests that move bytes say about how many.
_COUNTED: Final[dict[str, CountBytes]] = {"read": len, "write": int}

CHANGING: Final = """
    write create mknod mkdir symlink link unlink rmdir rename setattr setxattr removexattr
""".split()


class OperationTally:
    """One kind of request, since the mount."""

    __slots__ = ("bytes", "classes", "errors", "started", "total_ns")

    def __init__(self) -> None:
        self.started = 0
        self.total_ns = 0  # of those that have ended
        self.classes = [0] * CLASSES  # how many took so long
        self.bytes = 0  # read or written
        self.errors: Counter[str] = Counter()  # by the name of the errno that was answered

    @property
    def ended(self) -> int:
        """How many were answered."""
        return sum(self.classes)

    def at_most(self, exponent: int) -> int:
        """How many took at most 2 ** `exponent` nanoseconds."""
        return sum(self.classes[: exponent + 1])


Tallies = dict[str, OperationTally]


def tallied(operations: object, clock: Callable[[], int] = time.perf_counter_ns) -> Tallies:
    """Have every handler of an object counted from now on; returns the tallies by handler.

    The handlers of the object itself are replaced, those of its class stay as they are. From now on
    they raise nothing but FUSEError.
    """
    tallies: Tallies = {}
    for name in REQUESTS & vars(type(operations)).keys():
        tally = tallies[name] = OperationTally()
        counted = _counted(getattr(operations, name), tally, clock, _COUNTED.get(name))
        setattr(operations, name, counted)
    return tallies


def changes_asked_for(tallies: Tallies) -> int:
    """How many requests there were that may change something."""
    return sum(tallies[name].started for name in CHANGING if name in tallies)


def _counted(
    handler: Handler, tally: OperationTally, clock: Callable[[], int], size: CountBytes | None
) -> Handler:
    classes = tally.classes

    async def counted(*arguments: Any) -> Any:
        tally.started += 1
        begun = clock()
        try:
            answer = await handler(*arguments)
        except Exception as error:
            refusal = answer_to(error)
            tally.errors[errno.errorcode.get(refusal.errno, str(refusal.errno))] += 1
            if refusal is error:
                raise
            raise refusal from error
        finally:
            took = clock() - begun
            classes[(took - 1).bit_length()] += 1
            tally.total_ns += took
        if size is not None:
            tally.bytes += size(answer)
        return answer

    return counted
