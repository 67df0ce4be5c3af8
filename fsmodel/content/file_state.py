"""What is known in memory about the bytes of one file that is open or being changed.

The bytes of the file are, from the bottom up: `chunks` cut to `kept` bytes, zeros up to `size`,
then `frozen` (extents being settled), then `dirty` (extents written since).
"""

from typing import Final

from msgspec import Struct, field

from fsmodel.content.chunk_list import ChunkList
from fsmodel.content.extents import DirtyExtents, Extent
from fsmodel.content.lineage import Descent
from fsmodel.ids import InodeId

FILE_BYTES_MAX: Final = (1 << 63) - (1 << 20)  # offsets near 2**63 have no room for a page


class FileState(Struct, eq=False):
    """The contents of one file. Owner: the thread that owns the index."""

    inode: InodeId
    chunks: ChunkList
    kept: int  # bytes of `chunks` that count
    size: int
    recorded_size: int  # bytes of the content that the inode's row names
    dirty: DirtyExtents = field(default_factory=DirtyExtents)
    frozen: DirtyExtents = field(default_factory=DirtyExtents)
    settling: bool = False
    certain_end: int = -1  # size of `chunks` while its last cut does not depend on the file's end
    changed: bool = False  # differs from what the inode's row and its extent rows say
    chunks_recorded: bool = True  # `chunks` is what the inode's content ref names
    unlogged: list[tuple[int, int]] = field(default_factory=list)  # written, not in extent rows
    all_logged: bool = True  # what is neither in the row's content nor `unlogged` has extent rows
    first_row: int = 0  # the number of the first of them
    logged_rows: int = 0
    logged_bytes: int = 0
    frozen_rows: int = 0  # the first ones, whose bytes are being settled or older than those
    frozen_row_bytes: int = 0
    written_ns: int | None = None  # when bytes came that the inode's times do not tell of yet
    stamped_ns: int | None = None  # when the kernel took the last of them that it has told of
    former_times: tuple[int, int] | None = None  # mtime, ctime before `written_ns` was recorded
    descent: Descent | None = None  # what its first bytes may descend from; None: not asked yet
    hasty: bool = False  # a stream that comes faster than it can be compressed
    edits: int = 0  # how often its bytes were changed while it is in memory
    users: int = 0  # open handles and requests in progress

    @property
    def settled(self) -> bool:
        """Whether `chunks` holds all the bytes there are."""
        return self.kept == self.size == self.chunks.size and not self.dirty and not self.frozen

    @property
    def survives_a_kill(self) -> bool:
        """Whether the row's content and the extent rows tell of all the bytes there are."""
        return self.all_logged and not self.unlogged

    @property
    def dirty_bytes(self) -> int:
        """Bytes of unchunked data held in memory."""
        return self.dirty.size_bytes + self.frozen.size_bytes

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Put bytes at an offset; the file grows when they end behind its end."""
        self.dirty.write(offset, data)
        self.size = max(self.size, offset + len(data))
        self.changed = True
        self.edits += 1
        last = self.unlogged[-1] if self.unlogged else None
        if last is not None and last[1] == offset:
            self.unlogged[-1] = (last[0], offset + len(data))
        else:
            self.unlogged.append((offset, offset + len(data)))

    def truncate(self, size: int) -> None:
        """Cut the file, or let it grow by zeros. Not while it is being settled."""
        assert not self.settling
        self.dirty.truncate(size)
        self.kept = min(self.kept, size)
        self.size = size
        self.unlogged = [(low, min(high, size)) for low, high in self.unlogged if low < size]
        self.changed = True
        self.edits += 1

    def times_recorded(self, former: tuple[int, int] | None = None) -> None:
        """The inode's times tell of all bytes; `former` ones come back if the kernel says so."""
        self.written_ns = self.stamped_ns = None
        self.former_times = former

    def dirty_within(self, start: int, end: int) -> list[Extent]:
        """Unchunked bytes in a range, older ones first: the later ones win."""
        if not self.frozen:
            return self.dirty.within(start, end) if self.dirty else []
        return self.frozen.within(start, end) + self.dirty.within(start, end)

    def freeze(self) -> list[Extent]:
        """Begin settling: what is dirty now is set aside, newer writes go on top of it."""
        assert not self.settling and not self.frozen
        self.frozen, self.dirty = self.dirty, DirtyExtents()
        self.all_logged = self.all_logged and not self.unlogged
        self.unlogged = []
        self.frozen_rows, self.frozen_row_bytes = self.logged_rows, self.logged_bytes
        self.settling = True
        return list(self.frozen)

    def freeze_more(self) -> list[Extent]:
        """Amid settling: set aside what has been written since, if it goes on behind everything.

        Chunks behind what is being settled may be cut again with it, and are older than this.
        """
        behind = max(self.frozen.end if self.frozen else 0, self.chunks.size)
        if not self.dirty or self.dirty.start != behind or self.logged_rows != self.frozen_rows:
            return []
        more, self.dirty = self.dirty, DirtyExtents()
        self.all_logged = self.all_logged and not self.unlogged
        self.unlogged = []
        self.frozen.append(more)
        return list(more)

    def thaw(self, rest: list[Extent]) -> None:
        """End settling: what could not be settled is dirty again, below newer writes."""
        for extent in rest:
            self.dirty.write_below(extent.start, extent.data)
            if not self.all_logged:
                self.unlogged.append((extent.start, extent.end))
        self.all_logged = self.all_logged or self.chunks_recorded
        self.frozen = DirtyExtents()
        self.settling = False

    def logged(self, rows: int, size_bytes: int) -> None:
        """What was unlogged has extent rows now, behind those there were."""
        self.unlogged = []
        self.logged_rows += rows
        self.logged_bytes += size_bytes

    def recorded(self) -> None:
        """The inode's row names `chunks`; rows that were there when settling began are gone."""
        self.chunks_recorded = self.all_logged = True
        self.recorded_size = self.chunks.size
        self.changed = bool(self.dirty) or self.size != self.chunks.size
        self.first_row += self.frozen_rows
        self.logged_rows -= self.frozen_rows
        self.logged_bytes -= self.frozen_row_bytes
        self.frozen_rows = self.frozen_row_bytes = 0
