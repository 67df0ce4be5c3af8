"""Environments that another thread lets go than the one that writes to them.

LMDB's write lock belongs to a thread. The C library has the locks that a thread holds in a list,
whose links lie in the locks themselves. A write transaction that another thread gives up stays in
that list, and closing its environment takes the memory away: the next lock that its thread takes or
gives back, of another index, is written through such a link. That ends the process, or changes what
lies there by then. The binding does not keep anybody from it; and what a program has forgotten is
collected by whichever thread happens to be running.

So such an environment stays open until its thread opens or begins another, or has ended: a thread
that has ended has no list.
"""

from threading import Lock, Thread, current_thread
from typing import Final, NamedTuple

import lmdb


class Writer(NamedTuple):
    """The last write transaction of an environment, and the thread it belongs to."""

    thread: Thread
    transaction: "lmdb.Transaction[bytes]"


_left: Final[list[tuple[lmdb.Environment, Writer]]] = []
_closing: Final = Lock()


def let_go(environment: lmdb.Environment, writer: Writer | None) -> None:
    """Close it, if not now then later; transactions that are still open are given up."""
    if writer is None or _may_close(writer):
        _close(environment, writer)
    else:
        _left.append((environment, writer))


def close_forgotten() -> None:
    """Close those of this thread, and of threads that have ended."""
    if not _left:
        return
    with _closing:  # others may be left meanwhile, also by this thread
        for entry in _left.copy():
            if _may_close(entry[1]):
                _left.remove(entry)
                _close(*entry)


def _may_close(writer: Writer) -> bool:
    return writer.thread is current_thread() or not writer.thread.is_alive()


def _close(environment: lmdb.Environment, writer: Writer | None) -> None:
    if writer is not None:
        writer.transaction.abort()  # closing waits for that of another thread, even of an ended one
    environment.close()
