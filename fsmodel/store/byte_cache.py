"""Decoded objects kept in memory, the least recently used leaving first.

Bounded by bytes. Any thread may use it: worker threads put what they decode, the owner thread
looks up before it plans a read.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from fsmodel.buffers import Buffer
from fsmodel.ids import ObjectId


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """How a cache has done since it was made."""

    hits: int
    misses: int
    held_bytes: int
    limit_bytes: int


class ByteCache:
    """A bounded map from object ids to their plain bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._items: OrderedDict[ObjectId, Buffer] = OrderedDict()
        self._lock = Lock()
        self._held = self._hits = 0
        self.misses = 0  # whoever does not ask, but knows, adds his own

    def get(self, object_id: ObjectId) -> Buffer | None:
        """The bytes of an object, or None; they count as used now."""
        with self._lock:
            data = self._items.get(object_id)
            if data is None:
                self.misses += 1
                return None
            self._hits += 1
            self._items.move_to_end(object_id)
            return data

    def peek(self, object_id: ObjectId) -> Buffer | None:
        """The same, where an answer is no hit and no miss of a reader."""
        with self._lock:
            data = self._items.get(object_id)
            if data is not None:
                self._items.move_to_end(object_id)
            return data

    def __contains__(self, object_id: ObjectId) -> bool:
        return object_id in self._items

    def put(self, object_id: ObjectId, data: Buffer) -> None:
        """Keep the bytes of an object, which nobody may change any more.

        What is larger than a quarter of the cache is not kept.
        """
        if len(data) > self._limit // 4:
            return
        with self._lock:
            former = self._items.pop(object_id, None)
            self._items[object_id] = data
            self._held += len(data) - (len(former) if former is not None else 0)
            self._shrink()

    def drop(self, object_id: ObjectId) -> None:
        """Forget one object."""
        with self._lock:
            former = self._items.pop(object_id, None)
            self._held -= len(former) if former is not None else 0

    def resize(self, limit_bytes: int) -> None:
        """Hold at most so much from now on."""
        with self._lock:
            self._limit = limit_bytes
            self._shrink()

    def _shrink(self) -> None:
        """Let the least recently used go until the limit is kept. The lock is held."""
        while self._held > self._limit:
            _, dropped = self._items.popitem(last=False)
            self._held -= len(dropped)

    @property
    def limit_bytes(self) -> int:
        """How much it holds at most."""
        return self._limit

    def statistics(self) -> CacheStatistics:
        """Hits, misses and size so far."""
        return CacheStatistics(self._hits, self.misses, self._held, self._limit)
