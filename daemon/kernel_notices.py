"""Tells the kernel of changes it has not asked for.

It trusts the entries it knows for long, as all changes come through it: but for those that a
command asks for over the control socket.
"""

import logging
from contextlib import suppress

import pyfuse3

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


def directory_changed(directory: InodeId) -> None:
    """A directory has other entries, of those that the kernel asks for every time."""
    with suppress(OSError):  # it does not know the directory
        pyfuse3.invalidate_inode(pyfuse3.InodeT(directory), attr_only=True)
