"""Tells the kernel of changes it has not asked for.

It trusts the entries it knows for long, as all changes come through it: but for those that a
command asks for over the control socket.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

import pyfuse3
import trio

from fsmodel.ids import InodeId

# Threads of their own: what the kernel waits for meanwhile may need those that sync the store.
_forgetting_bytes: Final = trio.CapacityLimiter(4)
_forgetting_names: Final = trio.CapacityLimiter(4)


def entry_changed(directory: InodeId, name: bytes) -> None:
    """A name stands for something else, or for nothing, or for the first time something.

    The kernel hears of it soon, from a thread: it may be waiting for us just now.
    """
    parent = pyfuse3.InodeT(directory)
    with suppress(OSError):  # it does not know the directory
        pyfuse3.invalidate_inode(parent, attr_only=True)
    pyfuse3.invalidate_entry_async(parent, pyfuse3.FileNameT(name), ignore_enoent=True)


def entries_changed(
    touched: Sequence[tuple[InodeId, bytes]], relinked: Collection[InodeId]
) -> None:
    """The same of several names, in a thread of its own: when this returns, the kernel knows.

    Also of files that have more or fewer names than before, which it shows under all of them. It
    may have to wait for a request about the directory, which only the event loop can answer.
    """
    for directory, name in touched:
        with suppress(OSError):  # it does not know the name
            pyfuse3.invalidate_entry(pyfuse3.InodeT(directory), pyfuse3.FileNameT(name))
    for inode in relinked:
        with suppress(OSError):  # it has forgotten the file
            pyfuse3.invalidate_inode(pyfuse3.InodeT(inode), attr_only=True)


async def forget_bytes(inode: InodeId) -> None:
    """The kernel forgets the bytes it has of a file, and sends those that we have not got yet.

    In a thread, as it asks us for what it writes and reads meanwhile. While a program goes on to
    append to the file, this may go on, too.
    """
    await trio.to_thread.run_sync(
        _forget_bytes, inode, abandon_on_cancel=True, limiter=_forgetting_bytes
    )


async def forget_names(names: Sequence[tuple[InodeId, bytes]]) -> None:
    """As `entries_changed`, for who does not wait for that in a thread of his own."""
    await trio.to_thread.run_sync(
        entries_changed, names, (), abandon_on_cancel=True, limiter=_forgetting_names
    )


def _forget_bytes(inode: InodeId) -> None:
    with suppress(OSError):  # it does not know the inode any more
        pyfuse3.invalidate_inode(pyfuse3.InodeT(inode))


def directory_changed(directory: InodeId) -> None:
    """A directory has other entries, of those that the kernel asks for every time."""
    with suppress(OSError):  # it does not know the directory
        pyfuse3.invalidate_inode(pyfuse3.InodeT(directory), attr_only=True)
