"""Keeping the index small: rows are packed when nobody is writing, and free pages given back.

Neither is seen by anybody, nor lost work if it ends early: what a sweep has not come to is packed
by a later one.
"""

import logging
from time import monotonic
from typing import Final

from fsmodel.durability import Durability
from fsmodel.errors import CairnError
from fsmodel.index_border import index_errors_translated
from fsmodel.steps import PAUSE, Steps, Work
from lmdb_index.room import Room

_log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 10.0  # without a change; then a few new rows are reason enough
IDLE_ROWS_MIN: Final = 256
BUSY_ROWS_MIN: Final = 100_000  # on a store that is never idle, if they are also the most
CLOSE_SECONDS_MAX: Final = 3.0  # of packing while a store is being closed
CLOSE_COPY_BYTES_MAX: Final = 256 << 20  # a larger file is made smaller while it is in use
COPY_COST_BYTES: Final = 1 << 20  # waits for the disk, so a worker does it


class IndexUpkeep:
    """Packs rows of one index. Owner: the thread that owns the index."""

    def __init__(self, room: Room, durability: Durability) -> None:
        self._room = room
        self._durability = durability
        self._left_rows = 0  # by the last sweep, as packing them would not have paid
        self._kept_bytes = 0  # size of the file when it could not be made smaller

    def is_due(self, idle_seconds: float) -> bool:
        """Whether it is time for `tidy`, when nothing has changed for so long.

        Raises StoreDamaged.
        """
        room = self._room
        with index_errors_translated():
            new_rows = room.unpacked_rows - self._left_rows
            if idle_seconds >= IDLE_SECONDS:
                return new_rows >= IDLE_ROWS_MIN or self._is_wasteful()
            return new_rows >= max(BUSY_ROWS_MIN, room.packed_rows)

    def tidy(self) -> Steps[None]:
        """Pack what is worth it, in steps of about 5 ms, and give free pages back.

        Raises NoSpace, BackendError, StoreDamaged; then a later time may succeed.
        """
        room = self._room
        with index_errors_translated():
            while room.pack_step().more:
                yield PAUSE
            self._left_rows = room.unpacked_rows
            yield from self._durability.checkpoint()
            if self._is_wasteful():
                self._kept_bytes = room.file_bytes  # until the copy has taken its place
                copy = yield Work(room.compact_copy(), COPY_COST_BYTES)
                room.take_copy(copy)

    def _is_wasteful(self) -> bool:
        return self._room.is_wasteful and self._room.file_bytes != self._kept_bytes

    def finish(self) -> None:
        """The same while a store is being closed: no more than takes a few seconds.

        The next mount goes on with what is left. What fails is logged: the index is whole without
        it.
        """
        room, end = self._room, monotonic() + CLOSE_SECONDS_MAX
        try:
            with index_errors_translated():
                while room.pack_step().more and monotonic() < end:
                    pass
                self._durability.checkpoint_now()
                if room.is_wasteful and room.file_bytes <= CLOSE_COPY_BYTES_MAX:
                    room.take_copy(room.compact_copy()())
        except CairnError as error:
            _log.warning("the index stays larger than it need be: %s", error)
