"""Chunks that are stored as they are, brought by threads of an extension before they are asked for.

The threads never take the interpreter's lock, which is held while the kernel copies an answer: so
reading and checking go on while requests are answered (_filling.c). They work in the order in which
they were asked, and bytes may be used as soon as they are there and right, while the rest is still
on its way. Who waits for bytes is told by a descriptor.

Where the extension is missing nothing can be begun, and workers bring what is wanted.
"""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from fsmodel.buffers import Buffer
from fsmodel.ids import PackId
from fsmodel.store.frames import KERNELS, ChunkFacts

if TYPE_CHECKING:
    from fsmodel.store._read_ahead import Filling
    from fsmodel.store._read_ahead import ReadAhead as Threads

THREADS_MAX: Final = 4


class OpenPack(Protocol):
    """What is needed of a pack."""

    descriptor: int
    seed: int


class Ahead(NamedTuple):
    """Chunks of a pack that are on their way into a buffer, or were."""

    pack: PackId
    filling: "Filling"


class ReadAhead:
    """Has chunks brought. Owner: the thread that owns the index.

    `opened` gives a pack, or raises OSError.
    """

    def __init__(self, opened: Callable[[PackId], OpenPack]) -> None:
        self._opened = opened
        self._threads: Threads | None = None
        self._closed = not extension_is_usable()

    def begin(
        self, place: tuple[PackId, int], chunks: Sequence[ChunkFacts], into: Buffer
    ) -> Ahead | None:
        """Bring chunks whose frames lie one behind the other, the first at an offset of a pack.

        They go into a buffer that has room for them, one behind the other. None where no thread
        can.
        """
        return self._begin(place[0], place[1], chunks, into, None, again=False)

    def go_on(
        self, before: Ahead, chunks: Sequence[ChunkFacts], into: Buffer, *, again: bool
    ) -> Ahead | None:
        """Bring chunks that lie behind others, which may still be on their way.

        `again`: the first is the last of those, once more. None where no thread can.
        """
        return self._begin(before.pack, 0, chunks, into, before.filling, again=again)

    def reaches(self, ahead: Ahead, count: int) -> bool:
        """Whether the first `count` bytes are there; if not, there will be news when they are."""
        return self._threads is not None and self._threads.reaches(ahead.filling, count)

    def found(self, ahead: Ahead) -> int | None:
        """How many bytes are there, from the first on, once there will be no more; None before.

        Those behind them lie elsewhere, or are damaged, or were dropped. 0 when this is closed.
        """
        return 0 if self._threads is None else self._threads.found(ahead.filling)

    def drop(self, ahead: Ahead) -> None:
        """Nobody wants what is still on its way."""
        if self._threads is not None:
            self._threads.drop(ahead.filling)

    def fileno(self) -> int:
        """A descriptor that can be read when bytes are there that were asked for, or none will be.

        Only to be asked for once something was begun.
        """
        assert self._threads is not None
        return self._threads.fileno()

    def acknowledge(self) -> None:
        """The news were heard: the descriptor cannot be read until there are others."""
        if self._threads is not None:
            self._threads.acknowledge()

    def counts(self) -> tuple[int, int]:
        """How many frames, and how many bytes of packs, were read and were right."""
        return (0, 0) if self._threads is None else self._threads.counts()

    def close(self) -> None:
        """Give up what is under way. Nothing can be begun any more."""
        self._closed = True
        if self._threads is not None:
            self._threads.close()
            self._threads = None

    def _begin(
        self,
        pack: PackId,
        offset: int,
        chunks: Sequence[ChunkFacts],
        into: Buffer,
        after: "Filling | None",
        *,
        again: bool,
    ) -> Ahead | None:
        if self._closed:
            return None
        try:
            opened = self._opened(pack)
            filling = self._running().begin(
                opened, opened.descriptor, opened.seed, offset, chunks, into, after, again
            )
        except (OSError, OverflowError):  # whoever reads the chunks finds out what is wrong
            return None
        return Ahead(pack, filling)

    def _running(self) -> "Threads":
        if self._threads is None:
            from fsmodel.store._read_ahead import ReadAhead as Threads

            self._threads = Threads(threads_for(len(os.sched_getaffinity(0))))
        return self._threads


def threads_for(processors: int) -> int:
    """How many threads read ahead: one processor is left to who answers."""
    return min(max(processors - 1, 1), THREADS_MAX)


def extension_is_usable() -> bool:
    """Whether the extension is there, and hashes rightly on this processor."""
    try:
        import fsmodel.store._read_ahead  # noqa: F401  # is it there?
    except ModuleNotFoundError:
        return False
    return "native" in KERNELS
