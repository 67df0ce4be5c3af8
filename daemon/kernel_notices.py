"""Tells the kernel of changes it has not asked for.

It trusts the entries it knows for long, as all changes come through it: but for those that a
command asks for over the control socket.
"""

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress

import pyfuse3
import trio

from fsmodel.ids import InodeId

_log = logging.getLogger(__name__)


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


async def bytes_refused(inode: InodeId) -> None:
    """The kernel took bytes from a program that we do not take from it: it forgets them.

    In a thread, as it asks us for what it writes and reads meanwhile.
    """
    await trio.to_thread.run_sync(_forget_bytes, inode, abandon_on_cancel=True)


def _forget_bytes(inode: InodeId) -> None:
    with suppress(OSError):  # it does not know the inode any more
        pyfuse3.invalidate_inode(pyfuse3.InodeT(inode))


def directory_changed(directory: InodeId) -> None:
    """A directory has other entries, of those that the kernel asks for every time."""
    with suppress(OSError):  # it does not know the directory
        pyfuse3.invalidate_inode(pyfuse3.InodeT(directory), attr_only=True)
