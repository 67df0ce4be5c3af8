"""What the kernel has open in views, and what it believes of the files there.

With its writeback cache on, the kernel takes sizes and times of a regular file it knows from
nobody: it is the writer, as far as it can tell. A file of a view may change by itself. So we keep
account of what the kernel believes, and when that is wrong we give the file a new generation: the
kernel then drops what it has and takes the file for another one with the same number. Descriptors
of the old one would fail from then on, so this waits until there are none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fsmodel.ids import InodeId
from fsmodel.views.nodes import VIEW_BIT, ViewAttributes, ViewDirectory, ViewFile
from fsmodel.views.views import Found


@dataclass(slots=True)
class Belief:
    """What the kernel takes a regular file for."""

    generation: int
    size: int
    mtime_ns: int
    handles: int = 0  # open descriptions


class Beliefs:
    """Regular files of views that the kernel knows. Owner: the event-loop thread."""

    def __init__(self) -> None:
        self._known: dict[InodeId, Belief] = {}

    def generation(self, inode: InodeId, found: ViewAttributes, *, made: bool = False) -> int:
        """The generation to answer a lookup with; a file just `made` is no former one."""
        known = self._known.get(inode)
        if known is None:
            return 0
        is_right = (known.size, known.mtime_ns) == (found.size, found.mtime_ns)
        return known.generation + (made or not (is_right or known.handles))

    def told(self, inode: InodeId, generation: int, found: ViewAttributes) -> None:
        """The kernel has been answered."""
        known = self._known.get(inode)
        if known is None or known.generation != generation:
            self._known[inode] = Belief(generation, found.size, found.mtime_ns)

    def forget(self, inode: InodeId) -> None:
        """The kernel knows the file no longer."""
        self._known.pop(inode, None)

    def opened(self, inode: InodeId, change: int) -> None:
        """One more descriptor, or one less."""
        if inode in self._known:
            self._known[inode].handles += change

    def written(self, inode: InodeId, end: int) -> None:
        """The kernel has written up to an offset."""
        if inode in self._known:
            self._known[inode].size = max(self._known[inode].size, end)

    def set(self, inode: InodeId, *, size: int | None = None, mtime_ns: int | None = None) -> None:
        """The kernel has set size or time itself."""
        known = self._known.get(inode)
        if known is None:
            return
        known.size = known.size if size is None else size
        known.mtime_ns = known.mtime_ns if mtime_ns is None else mtime_ns


@dataclass(slots=True)
class ViewFileHandle:
    """One open file description of a file in a view."""

    node: ViewFile
    writable: bool


@dataclass(slots=True)
class ViewDirectoryHandle:
    """One open directory of a view, and its entries as they were when the listing began."""

    node: ViewDirectory
    entries: Sequence[tuple[bytes, Found]]


FIRST_HANDLE: Final = VIEW_BIT + 1


class ViewHandles:
    """Numbers for what is open in views, apart from all others. Owner: the event-loop thread."""

    def __init__(self) -> None:
        self._next = FIRST_HANDLE
        self._files: dict[int, ViewFileHandle] = {}
        self._directories: dict[int, ViewDirectoryHandle] = {}

    def open_file(self, handle: ViewFileHandle) -> int:
        """A number for an open file."""
        self._files[self._next] = handle
        self._next += 1
        return self._next - 1

    def open_directory(self, handle: ViewDirectoryHandle) -> int:
        """A number for an open directory."""
        self._directories[self._next] = handle
        self._next += 1
        return self._next - 1

    def file(self, number: int) -> ViewFileHandle:
        """The open file a number stands for."""
        return self._files[number]

    def directory(self, number: int) -> ViewDirectoryHandle:
        """The open directory a number stands for."""
        return self._directories[number]

    def close_file(self, number: int) -> ViewFileHandle:
        """End a file's number."""
        return self._files.pop(number)

    def close_directory(self, number: int) -> None:
        """End a directory's number."""
        del self._directories[number]
