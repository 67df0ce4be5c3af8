"""Collection: the rows of objects that nothing names are deleted, in small operations.

A manifest page that goes drops the references to all it lists, which may free these in turn; so
passes over the table of unreferenced objects are repeated until one frees nothing. A page is read
in a worker before the operation that dismantles it, and looked at again then: a write may have
found it and named it meanwhile.

Each operation is bounded by the rows it changes. Memory: the pages of one batch, and the ids that
files in use name.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.errors import DataError
from fsmodel.ids import ObjectId
from fsmodel.steps import PAUSE, Steps, Work
from fsmodel.store.dead_bytes import count_dead
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import ObjectKind
from fsmodel.upkeep.liveness import NamedInMemory, children_of, forget_unwanted, kept_objects
from fsmodel.upkeep.object_rows import remove_object
from lmdb_index.index import Index
from lmdb_index.keys import after_prefix
from lmdb_index.schema import OBJECT, UNREFERENCED

BATCH_OBJECTS: Final = 64
OPERATION_ROWS: Final = 512  # after so many changed rows the operation ends; one page may exceed it
LEAF_KINDS: Final = frozenset({ObjectKind.CHUNK, ObjectKind.DOCUMENT})

Children = dict[ObjectId, list[ObjectId]]


@dataclass(slots=True)
class Collected:
    """What a collection has freed so far, or would free."""

    objects: int = 0
    by_pack: Counter[int] = field(default_factory=Counter)  # bytes of their frames


Progress = Callable[[Collected], None]


class Collector:
    """Deletes what nothing names. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        changes: Changes,
        objects: ObjectStore,
        named_in_memory: NamedInMemory,
    ) -> None:
        self._index = index
        self._changes = changes
        self._objects = objects
        self._named_in_memory = named_in_memory

    def collect(
        self, progress: Progress, keep_small: Callable[[], Steps[None]]
    ) -> Steps[Collected]:
        """Delete everything that nothing names, as of now.

        `keep_small` is run between operations, to checkpoint when that is due. Raises NoSpace.
        """
        collected = Collected()
        forget_unwanted(self._objects, self._named_in_memory)
        before = -1
        while collected.objects != before:
            before = collected.objects
            start: bytes | None = b""
            while start is not None:
                batch, start = self._batch(start)
                children = yield from self._children(batch)
                while batch:
                    batch = self._remove_some(batch, children, collected)
                    progress(collected)
                    yield PAUSE
                yield from keep_small()
        return collected

    def dismantle(self) -> Steps[None]:
        """Delete pages that have lost their last reference, so that what they name is counted.

        The chunks stay, and can be named again. Raises NoSpace.
        """
        fallen = self._objects.fallen
        while fallen:
            batch = [fallen.popleft() for _ in range(min(len(fallen), BATCH_OBJECTS))]
            children = yield from self._children(list(dict.fromkeys(batch)))
            while batch:
                batch = self._remove_some(batch, children, Collected())
                yield PAUSE

    def preview(self, progress: Progress) -> Steps[Collected]:
        """What `collect` would free; changes nothing. Memory grows with what is found."""
        found = Collected()
        drops: Counter[ObjectId] = Counter()
        start: bytes | None = b""
        while start is not None:
            batch, start = self._batch(start)
            while batch:
                children = yield from self._children(batch)
                freed = self._count_freed(children, drops, found)
                batch = [child for child in freed if self._is_last_drop(child, drops)]
                progress(found)
                yield PAUSE
        return found

    def _batch(self, start: bytes) -> tuple[list[ObjectId], bytes | None]:
        """Some unreferenced objects, and where the next ones begin if there are more."""
        rows = self._index.scan(UNREFERENCED, start)
        batch = [ObjectId(key) for key, _ in islice(rows, BATCH_OBJECTS)]
        return batch, after_prefix(batch[-1]) if batch else None

    def _count_freed(
        self, children: Children, drops: Counter[ObjectId], found: Collected
    ) -> set[ObjectId]:
        """Count objects as freed; return what would lose references by that."""
        losing: set[ObjectId] = set()
        for freed, named in children.items():
            record = self._objects.find(freed)
            if record is None:
                continue  # a deletion was followed up meanwhile: what it named has lost that
            found.objects += 1
            found.by_pack[record.pack] += record.stored
            base = [ObjectId(record.base)] if record.base else []
            drops.update([*named, *base])
            losing.update(named, base)
        return losing

    def _is_last_drop(self, child: ObjectId, drops: Counter[ObjectId]) -> bool:
        record = self._index.get(OBJECT, child)
        return record is not None and record.references == drops[child] > 0

    def _children(self, batch: Sequence[ObjectId]) -> Steps[Children]:
        """What each object of a batch names; objects that cannot be read are left out."""
        kept = kept_objects(self._objects, self._named_in_memory)
        children: Children = {}
        parents: list[tuple[int, Located]] = []
        for each in batch:
            record = self._index.get(OBJECT, each)
            if record is None or each in kept:
                continue
            if record.kind in LEAF_KINDS or self._objects.names_nothing(each):
                children[each] = []
            else:
                parents.append((record.kind, self._objects.locate(each)))
        if parents:
            size = sum(located.work_bytes for _, located in parents)
            children |= yield Work(partial(self._read_children, parents), size)
        return children

    def _read_children(self, parents: Sequence[tuple[int, Located]]) -> Children:
        found: Children = {}
        for kind, located in parents:
            try:
                named = children_of(kind, self._objects.read(located))
            except DataError:
                continue  # what it names is not known, so neither is what would be free: it stays
            if named is not None:
                found[located.id] = named
        return found

    def _remove_some(
        self, batch: list[ObjectId], children: Children, collected: Collected
    ) -> list[ObjectId]:
        """Remove the first objects of a batch in one operation; return the others."""
        kept = kept_objects(self._objects, self._named_in_memory)
        dead: Counter[int] = Counter()
        rows = done = freed = 0
        with self._changes.begin() as change:
            for done, each in enumerate(batch, 1):  # noqa: B007  # how far it came is asked below
                if each in children and each not in kept and _is_unnamed(change, each):
                    record = remove_object(change, self._objects, each)
                    for child in children[each]:
                        self._objects.drop_reference(change, child)
                    dead[record.pack] += record.stored
                    freed += 1
                    rows += 3 + len(children[each])
                if rows >= OPERATION_ROWS:
                    break
            for pack, size_bytes in dead.items():
                count_dead(change, pack, size_bytes)
        collected.objects += freed
        collected.by_pack += dead
        return batch[done:]


def _is_unnamed(change: Change, unwanted: ObjectId) -> bool:
    """Whether an object is still there and nothing names it."""
    record = change.operation.get(OBJECT, unwanted)
    return record is not None and record.references == 0
