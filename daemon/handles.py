"""Open handles: what each number the kernel holds stands for."""

import os
from collections import Counter
from typing import Final, TypeVar

from msgspec import Struct, field

from daemon.read_streams import ReadStream
from daemon.ready_entries import ReadyEntries
from fsmodel.ids import InodeId

FIRST_HANDLE: Final = 1


class FileHandle(Struct, eq=False):
    """One open file description of a regular file."""

    inode: InodeId
    writable: bool
    privileged: bool  # its opener may keep set-user and set-group bits when writing
    access_is_due: bool = False  # the next read moves the access time
    stream: ReadStream = field(default_factory=ReadStream)


class DirectoryHandle(Struct, eq=False):
    """One open directory. Entries made after it was opened may be left out of its listing."""

    inode: InodeId
    cookie_limit: int  # entries with this cookie or a later one are not listed
    expected: int = 0  # how many entries one request of the kernel asks for, as far as is known
    told_to: int = 0  # the cookie of the last entry that the kernel has got
    ready: ReadyEntries | None = None  # those it will ask for next
    spent: ReadyEntries | None = None  # the last that were, for what they are made of
    in_vain: bool = False  # entries were made ready once, and something changed meanwhile


Handle = TypeVar("Handle", FileHandle, DirectoryHandle)


class Handles:
    """Numbers for open files and directories. Owner: the event-loop thread."""

    def __init__(self) -> None:
        self._next = FIRST_HANDLE
        self._files: dict[int, FileHandle] = {}
        self._directories: dict[int, DirectoryHandle] = {}
        self._unprivileged_writers: Counter[InodeId] = Counter()

    def open_file(self, inode: InodeId, flags: int, uid: int) -> int:
        """A number for a file newly opened by a user."""
        handle = FileHandle(inode, flags & os.O_ACCMODE != os.O_RDONLY, privileged=uid == 0)
        self._count_writer(handle, 1)
        return self._add(self._files, handle)

    def open_directory(self, inode: InodeId, cookie_limit: int) -> int:
        """A number for a newly opened directory."""
        return self._add(self._directories, DirectoryHandle(inode, cookie_limit))

    def file(self, number: int) -> FileHandle:
        """The open file a number stands for."""
        return self._files[number]

    def directory(self, number: int) -> DirectoryHandle:
        """The open directory a number stands for."""
        return self._directories[number]

    def close_file(self, number: int) -> FileHandle:
        """End a file's number."""
        handle = self._files.pop(number)
        self._count_writer(handle, -1)
        return handle

    def only_privileged_write(self, inode: InodeId) -> bool:
        """Whether no one but privileged users has a file open for writing.

        Dirty pages may arrive through any writable handle, not the one that wrote.
        """
        return inode not in self._unprivileged_writers

    def is_open(self, inode: InodeId) -> bool:
        """Whether anybody has a file open."""
        return any(handle.inode == inode for handle in self._files.values())

    def close_directory(self, number: int) -> None:
        """End a directory's number."""
        del self._directories[number]

    def open_files(self) -> tuple[FileHandle, ...]:
        """Every open file."""
        return tuple(self._files.values())

    def _count_writer(self, handle: FileHandle, change: int) -> None:
        if handle.writable and not handle.privileged:
            self._unprivileged_writers[handle.inode] += change
            if not self._unprivileged_writers[handle.inode]:
                del self._unprivileged_writers[handle.inode]

    def _add(self, table: dict[int, Handle], handle: Handle) -> int:
        number = self._next
        self._next += 1
        table[number] = handle
        return number
