"""Which chunks a store has: chosen by what their rows say, in an order, up to a limit.

A query goes through the rows of all objects on the owner thread, a stretch at a time, and keeps in
memory no more than it returns. What is stored and named by nothing yet has no row and is not found.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from heapq import nsmallest
from itertools import islice
from typing import Final

from fsmodel.encoding.codecs import Codec
from fsmodel.errors import InvalidArgument, NotFound
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId
from fsmodel.steps import PAUSE, Steps, Work
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import ObjectKind
from lmdb_index.index import Index
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT

STRETCH_ROWS: Final = 1024  # read before others have their turn
LIMIT_MAX: Final = 100_000
ID_DIGITS: Final = 2 * OBJECT_ID_BYTES

# The paths of the files that cannot be read without each of some objects.
PathsNeeding = Callable[[Sequence[ObjectId]], Steps[dict[ObjectId, tuple[bytes, ...]]]]


class ChunkOrder(Enum):
    """By what found chunks are ordered: the largest, the most or the latest first."""

    SIZE = "size"
    STORED = "stored"
    REFERENCES = "refs"
    READ = "read"


@dataclass(frozen=True, slots=True)
class ChunkInfo:
    """A chunk, as its row describes it."""

    id: ObjectId
    size: int  # bytes of the chunk itself
    stored: int  # bytes it takes in its pack; of a member of a group, its share
    codec: Codec
    references: int  # how many rows and objects name it; 0: garbage until it is named again
    base: ObjectId | None  # what it is a delta against
    depth: int  # of the chain of bases below it
    pack: int
    last_read_ns: int  # 0: not since the store was opened, as far as that is remembered


@dataclass(frozen=True, slots=True)
class ChunkQuery:
    """What is looked for; None leaves open. Bounds are inclusive, sizes are bytes."""

    min_size: int | None = None
    max_size: int | None = None
    has_base: bool | None = None
    codec: Codec | None = None
    min_references: int | None = None
    max_references: int | None = None
    order: ChunkOrder = ChunkOrder.SIZE
    reverse: bool = False  # the smallest, the fewest or the earliest first
    limit: int = 100

    def fits(self, row: ObjectRecord) -> bool:
        """Whether a row is that of a chunk that is looked for."""
        return (
            row.kind == ObjectKind.CHUNK
            and _within(row.plain, self.min_size, self.max_size)
            and _within(row.references, self.min_references, self.max_references)
            and self.has_base in (None, bool(row.base))
            and self.codec in (None, row.codec)
        )


class Chunks:
    """Finds chunks. Owner: the thread that owns the index."""

    def __init__(self, index: Index, objects: ObjectStore, paths_needing: PathsNeeding) -> None:
        self._index = index
        self._objects = objects
        self.paths_needing = paths_needing

    def find(self, query: ChunkQuery) -> Steps[list[ChunkInfo]]:
        """The chunks that fit, in order; those that are equal in it by id.

        Raises InvalidArgument for a limit out of range.
        """
        if not 1 <= query.limit <= LIMIT_MAX:
            raise InvalidArgument(f"limit {query.limit}: give one from 1 to {LIMIT_MAX}")
        key = _sort_key(query.order, reverse=query.reverse)
        best: list[ChunkInfo] = []
        start: bytes | None = b""
        while start is not None:
            rows = list(islice(self._index.scan(OBJECT, start), STRETCH_ROWS))
            fitting = [self._info(each, row) for each, row in rows if query.fits(row)]
            best = nsmallest(query.limit, [*best, *fitting], key=key) if fitting else best
            start = rows[-1][0] + b"\0" if len(rows) == STRETCH_ROWS else None
            yield PAUSE
        return best

    def resolve(self, text: str) -> ChunkInfo:
        """The chunk whose id is, or begins with, hexadecimal digits.

        Raises InvalidArgument for what is no id and for what begins several, NotFound.
        """
        found = list(islice(self._beginning_with(text.lower()), 2))
        if not found:
            raise NotFound(f"no chunk has the id {text}: see `cairnfs chunks list`")
        if len(found) > 1:
            raise InvalidArgument(f"chunk {text} is ambiguous: give more digits of its id")
        return found[0]

    def verify(self, wanted: ObjectId) -> Steps[None]:
        """Read one chunk from its pack and decode it, in a worker. Raises DataError."""
        located = self._objects.locate(wanted)
        yield Work(partial(self._objects.verify, located), located.work_bytes)

    def read(self, wanted: ObjectId) -> Steps[bytes]:
        """The bytes of a chunk, read in a worker. Raises ChunkNotFound, DataError."""
        located = self._objects.locate(wanted)
        data: bytes = yield Work(partial(self._objects.read, located), located.work_bytes)
        return data

    def _beginning_with(self, digits: str) -> Iterator[ChunkInfo]:
        low, high = _id_range(digits)
        for key, row in self._index.scan(OBJECT, low):
            if key > high:
                return
            if row.kind == ObjectKind.CHUNK:
                yield self._info(key, row)

    def _info(self, key: bytes, row: ObjectRecord) -> ChunkInfo:
        chunk = ObjectId(key)
        return ChunkInfo(
            chunk,
            row.plain,
            row.stored,
            Codec(row.codec),
            row.references,
            ObjectId(row.base) if row.base else None,
            row.depth,
            row.pack,
            self._objects.heat.last_read_ns(chunk),
        )


def _within(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _sort_key(order: ChunkOrder, *, reverse: bool) -> Callable[[ChunkInfo], tuple[int, ObjectId]]:
    figures: dict[ChunkOrder, Callable[[ChunkInfo], int]] = {
        ChunkOrder.SIZE: lambda each: each.size,
        ChunkOrder.STORED: lambda each: each.stored,
        ChunkOrder.REFERENCES: lambda each: each.references,
        ChunkOrder.READ: lambda each: each.last_read_ns,
    }
    figure, sign = figures[order], 1 if reverse else -1
    return lambda each: (sign * figure(each), each.id)


def _id_range(digits: str) -> tuple[bytes, bytes]:
    """The lowest and the highest id that begin with these digits. Raises InvalidArgument."""
    try:
        if not digits.isascii() or not 0 < len(digits) <= ID_DIGITS or " " in digits:
            raise ValueError
        return bytes.fromhex(digits.ljust(ID_DIGITS, "0")), bytes.fromhex(
            digits.ljust(ID_DIGITS, "f")
        )
    except ValueError:
        raise InvalidArgument(
            f"{digits!r} is no id of a chunk: give up to {ID_DIGITS} hexadecimal digits"
        ) from None
