"""A bounded number of places for clients of a server, which silence does not hold.

When all are taken, whoever comes gets the place of the client that has kept the server waiting for
longest: for its next request, or to take its answer. So nobody keeps others out by doing nothing.
Only when every client is being worked for is there no place.

Owner: the event-loop thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio


class Place:
    """One client's."""

    def __init__(self, waiting: dict["Place", None]) -> None:
        self.scope = trio.CancelScope()  # of all that is done for the client
        self._waiting = waiting

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the block runs, it is the client for whom the server waits."""
        self._waiting[self] = None
        try:
            yield
        finally:
            self._waiting.pop(self, None)


class Places:
    """All places of a server."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: set[Place] = set()
        self._waiting: dict[Place, None] = {}  # the longest first

    @contextmanager
    def take(self) -> Iterator[Place | None]:
        """A place while the block runs, which ends when another client gets it; None without."""
        if len(self._taken) >= self._limit and not self._vacate():
            yield None
            return
        place = Place(self._waiting)
        self._taken.add(place)
        try:
            with place.scope:
                yield place
        finally:
            self._taken.discard(place)

    def _vacate(self) -> bool:
        """Let the client go that is waited for longest, if there is one."""
        longest = next(iter(self._waiting), None)
        if longest is None:
            return False
        del self._waiting[longest]
        self._taken.discard(longest)
        longest.scope.cancel()
        return True
