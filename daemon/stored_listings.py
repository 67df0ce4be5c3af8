"""Listing stored directories for the kernel, and making ready what it will ask for next.

While the kernel goes through the entries of one answer, which takes it about as long as it takes to
make one, those that follow are read and their attributes filled in. They count only if nothing
in the index has changed by the time they are asked for, and up to the first file that is open,
whose size nobody but the file knows. Who changes what he lists, as `rm -r` does, is not waited for
a second time.

Owner: the event-loop thread. No checkpoints.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import chain, takewhile
from typing import Final

import pyfuse3
from pyfuse3 import FileNameT, ReaddirToken

from daemon.attributes import CACHE_SECONDS, attributes_of, blank_attributes, fill_attributes
from daemon.handles import DirectoryHandle
from daemon.ready_entries import ReadyEntries, ReadyEntry
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.volume import Volume

DOT_COOKIE: Final = 1  # those of real entries begin behind these two
DOT_DOT_COOKIE: Final = 2

StartTask = Callable[[Callable[..., Awaitable[None]], DirectoryHandle], None]


class StoredListings:
    """Lists directories."""

    def __init__(self, volume: Volume, start: StartTask) -> None:
        """`start` has something done beside the requests."""
        self._volume = volume
        self._start = start

    def tell(self, handle: DirectoryHandle, after: int, token: ReaddirToken) -> bool:
        """List entries behind a cookie; False when the kernel's buffer is full before the end."""
        for name, inode, cookie in self._dots(handle.inode, after):
            attributes = attributes_of(inode, *self._volume.shown_attributes(inode))
            if not pyfuse3.readdir_reply(token, name, attributes, cookie):
                return False  # the kernel does not count these two as lookups
        told: list[InodeId] = []
        handle.told_to = max(after, DOT_DOT_COOKIE)
        fits = True
        for name, attributes, cookie, inode in self._entries(handle):
            fits = pyfuse3.readdir_reply(token, name, attributes, cookie)
            if not fits:
                break
            told.append(inode)
            handle.told_to = cookie
        self._volume.hold_each(told)
        handle.expected = len(told) + (not fits)
        if told and not fits and self._may_be_ready(handle):
            self._start(self._make_ready, handle)
        return fits

    def _entries(self, handle: DirectoryHandle) -> Iterable[ReadyEntry]:
        """The entries that the kernel has not got yet, those first that are ready."""
        ready, handle.ready = handle.ready, None
        if ready is None:
            return self._read(handle, handle.told_to)
        handle.spent = ready
        if (ready.after, ready.generation) != (handle.told_to, self._volume.generation):
            handle.in_vain = True
            return self._read(handle, handle.told_to)
        entries = self._up_to_open(ready.entries)
        behind = entries[-1][2] if entries else ready.after
        return chain(entries, self._read(handle, behind))

    def _up_to_open(self, entries: list[ReadyEntry]) -> list[ReadyEntry]:
        contents = self._volume.contents
        if not contents.any_open:
            return entries
        return list(takewhile(lambda each: not contents.is_open(each[3]), entries))

    def _read(self, handle: DirectoryHandle, after: int) -> Iterator[ReadyEntry]:
        """The entries behind a cookie, each to be used before the next is asked for."""
        directory, volume, attributes = handle.inode, self._volume, blank_attributes()
        is_asked = volume.has_volatile_names(directory)
        limit, expected = handle.cookie_limit, handle.expected
        for found, size in volume.list_attributes(directory, after, limit, expected):
            fill_attributes(attributes, found.inode, found.record, size)
            if is_asked:
                volatile = volume.is_volatile(directory, found.name)
                attributes.entry_timeout = 0 if volatile else CACHE_SECONDS
            yield FileNameT(found.name), attributes, found.cookie, found.inode

    def _may_be_ready(self, handle: DirectoryHandle) -> bool:
        """Whether the next entries may be made ready: not if some of them come and go, or hide."""
        if handle.in_vain or handle.inode == ROOT_INODE:
            return False
        return not self._volume.has_volatile_names(handle.inode)

    async def _make_ready(self, handle: DirectoryHandle) -> None:
        """Make as many entries ready as the kernel has asked for; who asks finds what fails."""
        after = handle.told_to
        try:
            found = self._volume.read_entries(
                handle.inode, after, handle.cookie_limit, handle.expected
            )
        except Exception:  # noqa: BLE001  # it must not end the daemon
            return
        blanks = [each[1] for each in handle.spent.entries] if handle.spent else []
        blanks += [blank_attributes() for _ in range(len(found) - len(blanks))]
        entries: list[ReadyEntry] = []
        for (name, inode, cookie, record), attributes in zip(found, blanks, strict=False):
            fill_attributes(attributes, inode, record, record.size)
            entries.append((FileNameT(name), attributes, cookie, inode))
        handle.ready = ReadyEntries(after, self._volume.generation, entries)

    def _dots(self, directory: InodeId, start: int) -> Iterator[tuple[FileNameT, InodeId, int]]:
        if start < DOT_COOKIE:
            yield FileNameT(b"."), directory, DOT_COOKIE
        if start < DOT_DOT_COOKIE:
            parent = self._volume.lookup(directory, b"..")
            yield FileNameT(b".."), parent, DOT_DOT_COOKIE
