"""What the index can report. The model gives these its own names at its border.

    IndexProblem
    |-- IndexCorrupt     a row, or the LMDB file, is not what was written
    |-- JournalCorrupt   the journal lacks or garbles what had been durable
    |-- JournalFailed    writing or syncing the journal failed; open the store again to go on
    |-- IndexTooNew      written by a later version of cairnfs
    `-- NoRoom           the host is full; nothing was changed, and it can be tried again

Each text is one line for a person: what, where, what to do.
"""

import errno
from typing import Final


class IndexProblem(Exception):
    """Anything the index reports on purpose."""


class IndexCorrupt(IndexProblem):
    """A row, by `table` and `key`, or the LMDB file (both empty) is not what was written."""

    def __init__(self, text: str, table: str = "", key: bytes = b"") -> None:
        super().__init__(text)
        self.table = table
        self.key = key


class JournalCorrupt(IndexProblem):
    """The journal lacks or garbles what had been durable. Nothing was changed."""


class JournalFailed(IndexProblem):
    """Writing or syncing the journal failed, so no operation is accepted until the next open.

    A failed sync is never repeated as if it could still succeed: the host may have dropped the
    bytes concerned and forgotten that it did.
    """


class IndexTooNew(IndexProblem):
    """Written by a later version of cairnfs. Nothing was changed."""


class NoRoom(IndexProblem):
    """The host is full. Nothing was changed; it can be tried again."""

    errno: Final = errno.ENOSPC
