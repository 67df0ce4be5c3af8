"""What the index can report. The model gives these its own names at its border.

IndexProblem
|-- IndexCorrupt     a row, or LMDB's own files, fail their checks
|-- JournalCorrupt   the journal is damaged where it had been durable
|-- JournalFailed    the host failed to write or sync it; nothing more is accepted
|-- NoRoom           the host is full; nothing was changed, and it can be tried again
`-- IndexTooNew      written by a later version
"""


class IndexProblem(Exception):
    """Anything the index reports on purpose. Its text is one line for a person."""


class IndexCorrupt(IndexProblem):
    """A row, or LMDB's own files, fail their checks."""


class JournalCorrupt(IndexProblem):
    """The journal is damaged at a place that had been durable, so acknowledged changes are lost."""


class JournalFailed(IndexProblem):
    """The host failed to write or to sync the journal: the store must be opened again."""


class NoRoom(IndexProblem):
    """The host is full. Nothing was changed."""


class IndexTooNew(IndexProblem):
    """Written by a later version of cairnfs."""
