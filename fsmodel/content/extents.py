"""Dirty extents: bytes an application wrote and nobody has chunked yet.

Reads ask here before the manifest. Settling turns extents into chunks and empties this.

Invariants:
  * extents are sorted by where they start and never overlap
  * the later write wins
  * a small write that continues or lies in an extent of small writes grows that one, so that a
    stream of them is a few extents and not thousands
  * a big write is an extent of its own and its bytes are kept as they came: not copying them is
    worth more than having few extents
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

GROWN_BYTES_MAX: Final = 1 << 20  # of an extent that grows by small writes
KEPT_BYTES_MIN: Final = 64 << 10  # writes from here on are kept as they came


class Extent(NamedTuple):
    """A run of written bytes and where in the file it starts."""

    start: int
    data: bytes | bytearray | memoryview

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.start + len(self.data)


class DirtyExtents:
    """The written, unchunked bytes of one file."""

    __slots__ = ("_blocks", "_starts", "size_bytes")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._blocks: list[bytes | bytearray] = []
        self.size_bytes = 0

    def __iter__(self) -> Iterator[Extent]:
        return map(Extent, self._starts, self._blocks)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def start(self) -> int:
        """Where the first extent starts. There has to be one, as for `end`."""
        return self._starts[0]

    @property
    def end(self) -> int:
        """The offset behind the last extent."""
        return self._starts[-1] + len(self._blocks[-1])

    def append(self, others: "DirtyExtents") -> None:
        """Have extents as well which all lie behind those there are."""
        assert not self or not others or others.start >= self.end
        self._starts += others._starts
        self._blocks += others._blocks
        self.size_bytes += others.size_bytes

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Put bytes at an offset, over whatever was written there before."""
        big = len(data) >= KEPT_BYTES_MIN
        if not data or (not big and self._grow(offset, data)):
            return
        self._carve(offset, offset + len(data))
        self._insert(offset, bytes(data) if big else bytearray(data))

    def write_below(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Put bytes at an offset where nothing is written yet: what is here is newer."""
        at, end = offset, offset + len(data)
        for extent in self.within(offset, end):
            if at < extent.start:
                self._insert(at, bytearray(data[at - offset : extent.start - offset]))
            at = extent.end
        if at < end:
            self._insert(at, bytearray(data[at - offset :]))

    def truncate(self, size: int) -> None:
        """Forget everything from an offset on."""
        if self._starts and self._starts[-1] + len(self._blocks[-1]) > size:
            self._carve(size, self._starts[-1] + len(self._blocks[-1]))

    def forget_before(self, offset: int) -> None:
        """Forget the extents that end at or before an offset."""
        gone = bisect_left(self._starts, offset)
        if gone and self._starts[gone - 1] + len(self._blocks[gone - 1]) > offset:
            gone -= 1
        self.size_bytes -= sum(map(len, self._blocks[:gone]))
        del self._starts[:gone], self._blocks[:gone]

    def within(self, start: int, end: int) -> list[Extent]:
        """The parts of extents inside a range, as copies, in order."""
        found: list[Extent] = []
        at = max(bisect_right(self._starts, start) - 1, 0)
        while at < len(self._starts) and self._starts[at] < end:
            first, block = self._starts[at], self._blocks[at]
            low, high = max(start, first), min(end, first + len(block))
            if low < high:
                found.append(Extent(low, bytes(memoryview(block)[low - first : high - first])))
            at += 1
        return found

    def _grow(self, offset: int, data: bytes | bytearray | memoryview) -> bool:
        """Write into, or onto the end of, the extent at the offset where that is all it takes."""
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            return False
        block, at = self._blocks[index], offset - self._starts[index]
        end = at + len(data)
        if not isinstance(block, bytearray) or at > len(block):
            return False
        if end > max(GROWN_BYTES_MAX, len(block)):
            return False
        limit = self._starts[index + 1] if index + 1 < len(self._starts) else None
        if end > len(block) and limit is not None and offset + len(data) > limit:
            return False
        self.size_bytes += max(end - len(block), 0)
        block[at:end] = data
        return True

    def _carve(self, start: int, end: int) -> None:
        """Remove a range, cutting the extents at its edges."""
        first = max(bisect_right(self._starts, start) - 1, 0)
        if first < len(self._starts) and self._starts[first] + len(self._blocks[first]) <= start:
            first += 1
        last = bisect_left(self._starts, end)
        if first >= last:
            return
        kept: list[Extent] = []
        head_start, head = self._starts[first], self._blocks[first]
        if head_start < start:
            kept.append(Extent(head_start, head[: start - head_start]))
        tail_start, tail = self._starts[last - 1], self._blocks[last - 1]
        if tail_start + len(tail) > end:
            kept.append(Extent(end, tail[end - tail_start :]))
        self.size_bytes -= sum(map(len, self._blocks[first:last]))
        self.size_bytes += sum(len(extent.data) for extent in kept)
        self._starts[first:last] = [extent.start for extent in kept]
        self._blocks[first:last] = [bytearray(extent.data) for extent in kept]  # may grow again

    def _insert(self, start: int, block: bytes | bytearray) -> None:
        index = bisect_left(self._starts, start)
        self._starts.insert(index, start)
        self._blocks.insert(index, block)
        self.size_bytes += len(block)
