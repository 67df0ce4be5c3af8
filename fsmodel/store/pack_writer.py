"""Appends frames to packs.

Concurrency: any thread may call anything. `_lock` guards all state and is held while bytes go to
the page cache, never while the disk is waited for. `_syncing` admits one sync at a time and is
always taken before `_lock`; whoever waited for it finds little left to do.

Invariants:
  * a location is handed out only when every byte of its frame has been taken by the kernel
  * a failed append leaves no byte behind, or else its pack is never appended to again: what
    stands behind the last frame of a pack can be a torn tail, and never hides a frame
  * a file of an earlier run is never appended to, for the same reason
  * a pack number is never given out twice
  * once a sync has failed nothing is promised any more: the kernel may have dropped the bytes and
    would report the next sync as a success
"""

import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.errors import BackendError
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.host_files import (
    SyncFailed,
    host_failure,
    host_failures,
    start_writeback,
    sync_descriptor,
    sync_file,
    sync_folder,
    write_at,
)
from fsmodel.store.layout import FOLDER_MODE, StoreLayout
from fsmodel.store.pack_format import (
    PACK_HEADER,
    Location,
    NewFrame,
    encode_pack_header,
    pack_seed,
)
from fsmodel.store.raw_frames import frame_bytes, write_chunks

PACK_BYTES_MAX: Final = 64 << 20
PAGE_BYTES: Final = 4096
AT_ONCE_BYTES: Final = 512 << 10  # half of what the second cache of most processors holds
WRITEBACK_BYTES: Final = 4 << 20  # appended to a pack; then the disk is given them
UNSYNCED_PACKS_MAX: Final = 32  # each holds a descriptor; one more append then syncs them first


@dataclass(frozen=True, slots=True)
class WriterStatistics:
    """What a writer has done since it was opened."""

    appended_frames: int
    appended_bytes: int
    packs_made: int
    unsynced_packs: int
    syncs: int


class _OpenPack:
    """A pack this writer made: its descriptor, its end, and how far it is durable."""

    __slots__ = ("descriptor", "end", "number", "path", "seed", "started_end", "synced_end")

    def __init__(self, number: PackId, path: Path, descriptor: int, seed: int) -> None:
        self.number = number
        self.path = path
        self.descriptor = descriptor
        self.seed = seed
        self.end = PACK_HEADER.size
        self.synced_end = 0
        self.started_end = 0  # up to where the disk has been given the bytes, or has them


class PackWriter:
    """Appends batches of frames, and makes them durable on demand.

    known    pack numbers that are never to be given out again, whether their files exist or not
    durable  packs of earlier runs that are known to have been synced; every other pack file that
             is found counts as unsynced, as a run that was killed may have left it so
    """

    def __init__(
        self,
        layout: StoreLayout,
        store: bytes,
        known: Iterable[PackId] = (),
        *,
        durable: Container[int] = frozenset(),
        pack_bytes_max: int = PACK_BYTES_MAX,
    ) -> None:
        present = sorted(layout.pack_numbers())
        self._layout = layout
        self._store = store
        self._pack_bytes_max = pack_bytes_max
        self._next = max(chain(known, present), default=0) + 1
        self._current: _OpenPack | None = None
        self._unsynced: dict[PackId, _OpenPack] = {}
        self._inherited = [pack for pack in present if pack not in durable]
        self._failure: OSError | None = None
        self._lock = Lock()
        self._syncing = Lock()
        self._frames = self._bytes = self._packs = self._syncs = 0

    @property
    def unsynced(self) -> bool:
        """Whether a power loss now could take frames that were appended."""
        return bool(self._unsynced or self._inherited)

    @property
    def unsynced_bytes(self) -> int:
        """How many bytes the next sync has to write; packs of earlier runs count as full ones."""
        if not self.unsynced:
            return 0
        with self._lock:
            grown = sum(pack.end - pack.synced_end for pack in self._unsynced.values())
            return grown + len(self._inherited) * self._pack_bytes_max

    @property
    def failure(self) -> str | None:
        """Why nothing is appended any more; None while it is."""
        return str(self._failure) if self._failure is not None else None

    @property
    def current(self) -> PackId | None:
        """The pack that may still grow; None before the first append and after a failure."""
        pack = self._current
        return pack.number if pack is not None else None

    @property
    def next_pack(self) -> PackId:
        """No append from now on goes to a pack with a smaller number."""
        with self._lock:
            return self._current.number if self._current is not None else PackId(self._next)

    @property
    def growing(self) -> dict[PackId, int]:
        """Packs that may grow, and how many bytes of each hold whole frames at this moment."""
        with self._lock:
            pack = self._current
            return {} if pack is None else {pack.number: pack.end}

    def end_pack(self) -> None:
        """Never append to the current pack again, so that it can be compacted."""
        with self._syncing, self._lock:
            self._retire_current()

    @property
    def durable_below(self) -> PackId:
        """Every pack with a smaller number is complete and survives a power loss.

        A checkpoint that keeps this number spares the next run's first sync all those packs:
        it gives `range(number)` as `durable`.
        """
        with self._lock:
            changing = [*self._unsynced, *self._inherited]
            if self._current is not None:
                changing.append(self._current.number)
            return min(changing, default=PackId(self._next))

    def append(self, frames: Sequence[NewFrame]) -> list[Location]:
        """Append a batch to one pack, and say where each frame lies.

        All of them, or none: raises NoSpace, BackendError.
        """
        return self._append([frame.size for frame in frames], partial(_write_frames, frames))

    def append_chunks(self, chunks: Sequence[tuple[ObjectId, Buffer, bytes]]) -> list[Location]:
        """The same for chunks that are to be stored as they are, with the values of sections."""
        ids = b"".join([chunk for chunk, _, _ in chunks])
        bodies = tuple([body for _, body, _ in chunks])
        values = tuple([each for _, _, each in chunks])
        sizes = list(map(frame_bytes, bodies, values))
        return self._append(sizes, partial(_write_raw, ids, bodies, values))

    def _append(self, sizes: Sequence[int], write: Callable[[_OpenPack], None]) -> list[Location]:
        """Have frames of these sizes written behind the end of a pack."""
        if not sizes:
            return []
        if len(self._unsynced) > UNSYNCED_PACKS_MAX:
            self.sync()
        size = sum(sizes)
        with self._lock:
            self._check_usable()
            pack = self._pack_for(size)
            self._write(pack, write)
            self._unsynced[pack.number] = pack
            locations = _locations(sizes, pack.number, pack.end)
            pack.end += size
            self._frames += len(sizes)
            self._bytes += size
            descriptor, start, count = self._writeback_due(pack)
        if descriptor is not None:
            start_writeback(descriptor, start, count)
            os.close(descriptor)
        return locations

    def sync(self) -> None:
        """Return once every frame appended before this call survives a power loss.

        Raises BackendError, and from then on every call does if it was the sync that failed;
        NoSpace, BackendError when it did not come to that.
        """
        with self._syncing:
            with self._lock:
                self._check_usable()
                grown = [(pack, pack.end) for pack in self._unsynced.values()]
            try:
                self._sync_inherited()
                self._sync_packs(grown)
            except SyncFailed as error:
                self._failure = error
                self._check_usable()
            except OSError as error:  # no descriptor left, say: a later sync may succeed
                raise host_failure(self._layout.packs, error) from error
            with self._lock:
                self._syncs += 1
                for pack, end in grown:
                    self._note_synced(pack, end)

    def statistics(self) -> WriterStatistics:
        """Figures since the writer was opened."""
        return WriterStatistics(
            self._frames, self._bytes, self._packs, len(self._unsynced), self._syncs
        )

    def close(self) -> None:
        """Let go of all files. What was not synced stays so."""
        with self._syncing, self._lock:
            packs = {**self._unsynced}
            if self._current is not None:
                packs[self._current.number] = self._current
            for pack in packs.values():
                _close(pack)
            self._unsynced.clear()
            self._current = None
            self._failure = OSError("the store was closed")

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise BackendError(str(self._layout.packs), self._failure) from self._failure

    def _pack_for(self, size: int) -> _OpenPack:
        """The pack a batch goes to: the current one, or a new one when it would get too big."""
        pack = self._current
        if pack is not None and pack.end + size > self._pack_bytes_max:
            self._retire_current()
            pack = None
        if pack is None:
            pack = self._current = self._make_pack()
        return pack

    def _retire_current(self) -> None:
        """Never append to the current pack again; it stays open until it is durable."""
        pack, self._current = self._current, None
        if pack is not None and pack.number not in self._unsynced:
            _close(pack)

    def _make_pack(self) -> _OpenPack:
        number = PackId(self._next)
        self._next += 1
        path = self._layout.pack(number)
        with host_failures(path):
            path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try:
                write_at(descriptor, [encode_pack_header(self._store, number)], 0)
            except OSError:
                os.close(descriptor)
                with suppress(OSError):
                    os.unlink(path)
                raise
        self._packs += 1
        return _OpenPack(number, path, descriptor, pack_seed(self._store, number))

    def _write(self, pack: _OpenPack, write: Callable[[_OpenPack], None]) -> None:
        """Write frames behind the pack's end; after a failure nothing is there."""
        try:
            write(pack)
        except OSError as error:
            try:
                os.ftruncate(pack.descriptor, pack.end)
            except OSError:
                self._retire_current()
            raise host_failure(pack.path, error) from error

    def _writeback_due(self, pack: _OpenPack) -> tuple[int | None, int, int]:
        """Offset and count of the bytes to write back now; no descriptor when they are few.

        The disk works while a stream goes on, and its sync is short. The descriptor is a copy, as a
        sync may close the pack's meanwhile. A page that is going to grow is left out.
        """
        start, pages_end = pack.started_end, pack.end & -PAGE_BYTES
        if pages_end - start < WRITEBACK_BYTES:
            return None, 0, 0
        pack.started_end = pages_end
        with suppress(OSError):  # no descriptor left: the sync will do it all
            return os.dup(pack.descriptor), start, pages_end - start
        return None, 0, 0

    def _sync_inherited(self) -> None:
        """Sync what an earlier run may have left unsynced when it was killed."""
        folders = set()
        for number in self._inherited:
            path = self._layout.pack(number)
            with suppress(FileNotFoundError):  # deleted since: nothing refers to it
                sync_file(path)
                folders.add(path.parent)
        self._sync_folders(folders)
        self._inherited = []

    def _sync_packs(self, grown: Sequence[tuple[_OpenPack, int]]) -> None:
        for pack, _ in grown:
            sync_descriptor(pack.descriptor)
        self._sync_folders({pack.path.parent for pack, _ in grown if not pack.synced_end})

    def _sync_folders(self, folders: set[Path]) -> None:
        """Make new packs findable: their names, and those of the folders they are in."""
        for folder in sorted(folders):
            sync_folder(folder)
        if folders:
            sync_folder(self._layout.packs)

    def _note_synced(self, pack: _OpenPack, end: int) -> None:
        pack.synced_end = end
        pack.started_end = max(pack.started_end, end & -PAGE_BYTES)
        if pack.end == end:
            del self._unsynced[pack.number]
            if pack is not self._current:
                _close(pack)


def _write_frames(frames: Sequence[NewFrame], pack: _OpenPack) -> None:
    """A few at a time: what a checksum was just taken of is in the processor's cache still."""
    end = pack.end
    for few in _few_at_a_time(frames):
        parts = [part for frame in few for part in frame.sealed(pack.seed)]
        write_at(pack.descriptor, parts, end)
        end += sum(frame.size for frame in few)


def _write_raw(
    ids: bytes, bodies: tuple[Buffer, ...], values: tuple[bytes, ...], pack: _OpenPack
) -> None:
    write_chunks(pack.descriptor, pack.end, pack.seed, ids, bodies, values)


def _few_at_a_time(frames: Sequence[NewFrame]) -> Iterator[Sequence[NewFrame]]:
    """The same frames, those together that have about AT_ONCE_BYTES."""
    start = size = 0
    for count, frame in enumerate(frames, 1):
        size += frame.size
        if size >= AT_ONCE_BYTES or count == len(frames):
            yield frames[start:count]
            start, size = count, 0


def _locations(sizes: Sequence[int], pack: PackId, offset: int) -> list[Location]:
    locations = []
    for size in sizes:
        locations.append(Location(pack, offset, size))
        offset += size
    return locations


def _close(pack: _OpenPack) -> None:
    with suppress(OSError):  # all that matters was synced, and the kernel lets go in any case
        os.close(pack.descriptor)
