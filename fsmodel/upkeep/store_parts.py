"""What upkeep works on: the parts of an open store that it looks after."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fsmodel.change import Changes
from fsmodel.durability import Durability
from fsmodel.ids import InodeId, ObjectId
from fsmodel.store.layout import StoreLayout
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.space import HostSpace
from lmdb_index.index import Index


@dataclass(frozen=True, slots=True)
class StoreParts:
    """The parts of one open store. Owner of all: the thread that owns the index."""

    layout: StoreLayout
    uuid: bytes
    index: Index
    changes: Changes
    objects: ObjectStore
    writer: PackWriter
    reader: PackReader
    durability: Durability
    space: HostSpace
    dry: bool  # nothing on disk may change
    paths_of: Callable[[InodeId], list[bytes]]
    named_in_memory: Callable[[], Iterator[ObjectId]]  # what files in use name and no row does
