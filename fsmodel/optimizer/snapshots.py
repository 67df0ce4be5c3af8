"""Work on the index as it is at one moment, in a worker, while requests go on."""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from fsmodel.ids import ObjectId
from fsmodel.optimizer.jobs import LoadObject, Read
from fsmodel.steps import Steps, Work
from fsmodel.store.object_reader import locate
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.store_parts import StoreParts
from lmdb_index.schema import OBJECT

COST_BYTES: Final = 1 << 30  # goes through the index: never on the owner thread

Found = TypeVar("Found")


def on_snapshot(
    parts: StoreParts, read: Read, look: Callable[[IndexView, LoadObject], Found]
) -> Steps[Found]:
    """What `look` finds in the index as of now, with the bytes of the objects that it asks for.

    What a dry volume has replayed is committed nowhere, so there the open index is looked at.
    """
    epoch = parts.objects.epochs.current  # while held, no pack of the snapshot is deleted

    def at(view: IndexView) -> Found:
        find = partial(view.get, OBJECT)

        def load(wanted: ObjectId) -> bytes:
            return read(locate(find, wanted, epoch))

        return look(view, load)

    if parts.dry:
        return at(parts.index)
    yield from parts.durability.checkpoint()

    def looked() -> Found:
        with parts.index.snapshot() as view:
            return at(view)

    found: Found = yield Work(looked, COST_BYTES)
    return found
