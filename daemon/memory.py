"""Keeps the process's memory near what it uses.

glibc keeps a heap for each thread and, once large buffers have come and gone, serves them from
heaps it does not give back. For a daemon whose buffers are a megabyte and whose threads come and
go, that doubled the resident memory in measurements (372 MB against 194 MB after writing and
reading 2 GiB), at no gain in speed.

The lists that LMDB takes for a nested transaction, as each step of packing is, are one of 1 MiB and
one of 2 of which it uses a few bytes. They are below these bounds: while operations were such
transactions, mapping the lists and giving them back took a quarter of an operation's time.

What is free between two buffers that stay is given back by nobody: of 230 MB after 12,000 synced
overwrites 100 were of that kind. So a process that has grown is asked to give it back.

Owner of the keeper: the event-loop thread. Checkpoints: between two looks, and a hop to a thread.
"""

import ctypes
from collections.abc import Callable
from typing import Final

import trio

from daemon.process_figures import own_memory_bytes

M_TRIM_THRESHOLD: Final = -1  # malloc.h
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8

HEAPS_MAX: Final = 2
MAPPED_FROM_BYTES: Final = 3 << 20  # more than the larger list of a nested transaction
TRIMMED_FROM_BYTES: Final = 8 << 20  # more than both

LOOK_SECONDS: Final = 1.0
LARGE_BYTES: Final = 160 << 20  # of a process whose caches are full, and hardly anything else
GROWN_BYTES: Final = 32 << 20  # since it was asked, or was smaller: what is used does not go away


def limit_heaps() -> None:
    """Have large buffers mapped and given back at once. Does nothing where libc is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, HEAPS_MAX)
        mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
        mallopt(M_TRIM_THRESHOLD, TRIMMED_FROM_BYTES)


def give_back() -> None:
    """Give the pages of all heaps back that hold nothing. Any thread; takes some milliseconds."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


class HeapKeeper:
    """Has memory that nobody uses given back when the process has grown large."""

    def __init__(
        self,
        own_bytes: Callable[[], int] = own_memory_bytes,
        give_back: Callable[[], None] = give_back,
    ) -> None:
        self._own_bytes = own_bytes
        self._give_back = give_back
        self._bytes_max = LARGE_BYTES

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            await trio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Have memory given back if there is much more of it than when that was last done."""
        own = self._own_bytes()
        if own > self._bytes_max:
            await trio.to_thread.run_sync(self._give_back)
            own = self._own_bytes()
            self._bytes_max = own + GROWN_BYTES
        self._bytes_max = max(LARGE_BYTES, min(self._bytes_max, own + GROWN_BYTES))
