"""How much room the host has. New data asks before it is written; deleting and reading never do.

A reserve stays free, so that when writers are refused there is still room for the journal records
of deletions and for the checkpoint that makes them count. Most of it may be used by who copies what
is needed in order to give back more: else a full host could stay so for ever. The file system is
not asked each time: between two looks, what was granted since is taken off, and at each look what
was granted before and is still in memory: else quick writers would use the reserve up.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from fsmodel.errors import NoSpace
from fsmodel.store.host_files import host_failures

RESERVE_BYTES_MAX: Final = 64 << 20
RESERVE_SHARE: Final = 20  # the reserve is at most one part in so many of the file system
UNTOUCHED_SHARE: Final = 4  # one part in so many of the reserve is not for who copies, either
AMPLE_SHARE: Final = 10  # there is room for haste while one part in so many is free
LOOK_AGAIN_BYTES: Final = 64 << 20
LOOK_AGAIN_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class SpaceStatistics:
    """The host's file system as last seen."""

    total_bytes: int
    free_bytes: int  # for new data: what is free, without the reserve
    reserve_bytes: int


def nothing_promised() -> int:
    """For who writes what he is granted at once."""
    return 0


class HostSpace:
    """The room on the file system that a folder is on.

    Raises BackendError, also while it is made, when the host does not answer.
    """

    def __init__(
        self,
        folder: Path,
        *,
        promised: Callable[[], int] = nothing_promised,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`promised` tells how many bytes have been granted and are not on the host yet."""
        self._folder = folder
        self._promised = promised
        self._monotonic = monotonic
        self._lock = Lock()
        self._answered_at = float("-inf")
        self._look()

    def require(self, size_bytes: int) -> None:
        """Raise NoSpace when so many more bytes would cut into the reserve, else count them."""
        with self._lock:
            if not (self._is_as_answered(size_bytes) or self._grants(size_bytes)):
                raise NoSpace(
                    f"{self._folder}: the host has {self._free:,} bytes free and "
                    f"{self._reserve:,} are held in reserve: make room, then try again"
                )
            self._granted += size_bytes

    def has_room(self, size_bytes: int) -> bool:
        """Whether `require` grants so many bytes now; a yes holds for as long as a look does.

        Else who asked, in order to make room first, might be refused a moment later.
        """
        with self._lock:
            grants = self._grants(size_bytes)
            if grants:
                self._answered_at = self._monotonic()
            return grants

    def has_room_to_copy(self, size_bytes: int) -> bool:
        """Whether so many bytes may be copied by somebody who gives back more."""
        with self._lock:
            self._look()
            return self._free - self._reserve // UNTOUCHED_SHARE >= size_bytes

    def is_ample(self) -> bool:
        """Whether what is stored may take more than it has to, for a while."""
        seen = self.statistics()
        return seen.free_bytes * AMPLE_SHARE >= seen.total_bytes

    def free_bytes(self) -> int:
        """Room for new data, as `require` would see it."""
        return self.statistics().free_bytes

    def statistics(self) -> SpaceStatistics:
        """Size, room and reserve."""
        with self._lock:
            if self._is_old():
                self._look()
            return SpaceStatistics(self._total, max(self._left(), 0), self._reserve)

    def _grants(self, size_bytes: int) -> bool:
        """Whether there is room; asked of the host if what is known says no, or is old."""
        if self._left() >= size_bytes and not self._is_old():
            return True
        self._look()
        return self._left() >= size_bytes

    def _is_as_answered(self, size_bytes: int) -> bool:
        """Whether it is not long since `has_room` said yes, and there is room by what it knew."""
        age = self._monotonic() - self._answered_at
        return age < LOOK_AGAIN_SECONDS and self._left() >= size_bytes

    def _left(self) -> int:
        return self._free - self._reserve - self._granted

    def _is_old(self) -> bool:
        age = self._monotonic() - self._looked_at
        return self._granted >= LOOK_AGAIN_BYTES or age >= LOOK_AGAIN_SECONDS

    def _look(self) -> None:
        with host_failures(self._folder):
            answer = os.statvfs(self._folder)
        self._total = answer.f_blocks * answer.f_frsize
        self._free = answer.f_bavail * answer.f_frsize
        self._reserve = min(RESERVE_BYTES_MAX, self._total // RESERVE_SHARE)
        self._granted = self._promised()
        self._looked_at = self._monotonic()
