"""`fsck --repair` of a store that is mounted: what can be put right beside normal use.

That is what users and the kernel do not hold on to: references, packs, trees, hints and counters.
They are derived from a snapshot, in a worker, and corrected by differences, in small changes
(derived.py). Manifests and trees that cannot be read are noted as damaged. Names, contents, the
journal, and objects that are to be looked for in all packs wait until the store is unmounted.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fsmodel.ids import ObjectId
from fsmodel.repair.derived import (
    Corrections,
    apply_corrections,
    apply_counters,
    find_corrections,
    wrong_counters,
)
from fsmodel.repair.repairs import Repair, RepairReport
from fsmodel.steps import Steps, Work
from fsmodel.store.epochs import Epoch
from fsmodel.store.object_reader import locate
from fsmodel.store.placement import placement_of
from fsmodel.upkeep.damage import DamageNotes, Unreadable
from fsmodel.upkeep.findings import Part
from fsmodel.upkeep.fsck import FsckReport
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.store_parts import StoreParts
from lmdb_index.schema import OBJECT

COST_BYTES: Final = 1 << 30  # never worth doing on the owner thread
ROUNDS_MAX: Final = 4  # of what follows from each other; one is enough as a rule


def repair_in_use(parts: StoreParts, check: Callable[[], Steps[FsckReport]]) -> Steps[RepairReport]:
    """Put right what fsck finds and what can be now. No collection or scrub may run meanwhile.

    Raises NoSpace, BackendError.
    """
    repaired: list[Repair] = []
    left = yield from check()
    if not left.clean:
        yield from _repair(parts, lambda part, text: repaired.append(Repair(part, text)))
        left = yield from check()
    return RepairReport(left.inodes, left.objects, left.findings, tuple(repaired), ())


def _repair(parts: StoreParts, note: Callable[[Part, str], None]) -> Steps[None]:
    damage = DamageNotes(parts.index, parts.changes, parts.objects, parts.layout)
    for _ in range(ROUNDS_MAX):
        found: Corrections = yield from _on_snapshot(parts, _find(parts))
        yield from damage.note(
            [
                Unreadable(each.id, placement_of(each.row).location, each.error)
                for each in found.unreadable
            ]
        )
        for each in found.unreadable:
            note(Part.OBJECTS, f"object {each.id.hex()} is damaged: {each.error}")
        if not found:
            break
        yield from apply_corrections(parts.changes, found, note)
    counters: dict[str, int] = yield from _on_snapshot(
        parts, lambda view, epoch: wrong_counters(view)
    )
    apply_counters(parts.changes, counters, note)


def _find(parts: StoreParts) -> Callable[[IndexView, Epoch], Corrections]:
    def find(view: IndexView, epoch: Epoch) -> Corrections:
        def load(wanted: ObjectId) -> bytes:
            return parts.objects.read(locate(partial(view.get, OBJECT), wanted, epoch))

        return find_corrections(view, load, parts.layout.pack_size)

    return find


def _on_snapshot(parts: StoreParts, look: Callable[[IndexView, Epoch], Any]) -> Steps[Any]:
    """What somebody finds on a snapshot of the index as it is now, in a worker."""
    epoch = parts.objects.epochs.current  # while held, no pack of the snapshot is deleted
    yield from parts.durability.checkpoint()

    def work() -> Any:
        with parts.index.snapshot() as view:
            return look(view, epoch)

    return (yield Work(work, COST_BYTES))
