"""Last step: everything that can be derived again is made to say what was derived.

References, packs, trees, hints and counters. What is wrong is found on a view of the index, which
may be a snapshot of a store in use, and corrected as a difference: what was counted less what was
said. Changes that came meanwhile are right by themselves, so the difference stays what it is.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from fsmodel.change import Change, Changes
from fsmodel.errors import Stale
from fsmodel.history.snapshots import printable
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.series.configs import CONFIG_ATTRIBUTE
from fsmodel.series.series_document import SeriesConfig
from fsmodel.steps import PAUSE, Steps
from fsmodel.upkeep.check_counters import true_counters
from fsmodel.upkeep.check_hints import wrong_hints
from fsmodel.upkeep.check_indexes import wrong_indexes
from fsmodel.upkeep.check_objects import depth_needed
from fsmodel.upkeep.check_packs import PackSize, WrongPack, wrong_packs
from fsmodel.upkeep.check_series import (
    artifact_text,
    is_artifact,
    lost_configs,
    missing_artifacts,
    surplus_artifacts,
)
from fsmodel.upkeep.check_snapshots import WrongSnapshot, wrong_snapshots
from fsmodel.upkeep.check_trees import WrongTree, wrong_trees
from fsmodel.upkeep.findings import Part, WrongHint
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.reference_counts import (
    LoadObject,
    Unreadable,
    WrongCount,
    count_references,
    rounds,
    wrong_counts,
)
from lmdb_index.keys import named_key, number_key, number_of
from lmdb_index.meta import LISTED_KEY
from lmdb_index.records import InodeFlag, PackRecord, PackState, RawRecord
from lmdb_index.schema import (
    ARTIFACT,
    DAMAGED,
    INDEX_ENTRY,
    INDEXED,
    INODE,
    META,
    OBJECT,
    PACK,
    SNAPSHOT,
    UNREFERENCED,
    USER_INDEX,
    XATTR,
    Table,
)

BATCH: Final = 256  # corrections in one change
_PRESENT: Final = RawRecord()
Note = Callable[[Part, str], None]


@dataclass(slots=True)
class Corrections:
    """What a view has that is not as it must be. Memory grows with what is wrong."""

    counts: list[WrongCount] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)  # parents that are not noted yet
    surplus: list[ObjectId] = field(default_factory=list)  # listed as unreferenced, and not stored
    shallow: list[ObjectId] = field(default_factory=list)  # not said to be as deep as they are
    packs: list[WrongPack] = field(default_factory=list)
    trees: list[WrongTree] = field(default_factory=list)
    snapshots: list[WrongSnapshot] = field(default_factory=list)
    hints: list[WrongHint] = field(default_factory=list)
    artifacts: list[bytes] = field(default_factory=list)  # keys of rows that lack or are too many
    indexes: list[int] = field(default_factory=list)  # user-defined ones that are wrong somewhere
    configs: list[tuple[InodeId, SeriesConfig]] = field(default_factory=list)  # of output, lost

    def __bool__(self) -> bool:
        """Whether there is anything to correct."""
        objects = (self.counts, self.surplus, self.shallow, self.packs)
        rows = (self.hints, self.artifacts, self.indexes, self.configs)
        return any((*objects, self.trees, self.snapshots, *rows))


def find_corrections(view: IndexView, load: LoadObject, pack_size: PackSize) -> Corrections:
    """Derive everything but the counters. Any thread may do it if `view` allows it."""
    found = Corrections()
    for number, first in enumerate(rounds(view)):
        counted = count_references(view, load, first)
        if number == 0:
            found.unreadable = [
                each for each in counted.unreadable if view.get(DAMAGED, each.id) is None
            ]
        found.counts += wrong_counts(view, counted, first)
    live_bytes: Counter[int] = Counter()
    for key, row in view.scan(OBJECT):
        live_bytes[row.pack] += row.stored
        if depth_needed(view, row) != row.depth and view.get(DAMAGED, key) is None:
            found.shallow.append(ObjectId(key))
    found.surplus = [
        ObjectId(key) for key, _ in view.scan(UNREFERENCED) if view.get(OBJECT, key) is None
    ]
    found.packs = list(wrong_packs(view, live_bytes, pack_size))
    found.trees = list(wrong_trees(view, load))
    found.snapshots = list(wrong_snapshots(view, load))
    found.hints = list(wrong_hints(view))
    found.indexes = sorted({index for index, _ in wrong_indexes(view)})
    found.artifacts = [*missing_artifacts(view), *surplus_artifacts(view)]
    found.configs = list(lost_configs(view, load))
    return found


def apply_corrections(changes: Changes, found: Corrections, note: Note) -> Steps[None]:
    """Correct what was found, in small changes. Raises NoSpace, BackendError."""
    work: list[Callable[[Change, Note], None]] = [
        *(partial(_correct_count, each) for each in found.counts),
        *(partial(_correct_surplus, each) for each in found.surplus),
        *(partial(_correct_depth, each) for each in found.shallow),
        *(partial(_correct_pack, each) for each in found.packs),
        *(partial(_correct_tree, each) for each in found.trees),
        *(partial(_correct_snapshot, each) for each in found.snapshots),
        *(partial(_correct_hint, each) for each in found.hints),
        *(partial(_correct_artifact, each) for each in found.artifacts),
        *(partial(_correct_index, each) for each in found.indexes),
        *(partial(_correct_config, *each) for each in found.configs),
    ]
    for start in range(0, len(work), BATCH):
        with changes.begin() as change:
            for correct in work[start : start + BATCH]:
                correct(change, note)
        yield PAUSE


def wrong_counters(view: IndexView) -> dict[str, int]:
    """By how much each counter is wrong: what has to be added to it."""
    wrong = {name: value - view.counter(name) for name, value in true_counters(view).items()}
    last = max((number_of(key) for key, _ in view.scan(INODE)), default=0)
    wrong["last_inode"] = max(last - view.counter("last_inode"), 0)
    return {name: change for name, change in wrong.items() if change}


def apply_counters(changes: Changes, wrong: dict[str, int], note: Note) -> None:
    """Correct the counters. Raises NoSpace, BackendError."""
    if not wrong:
        return
    with changes.begin() as change:
        for name, add in wrong.items():
            change.operation.add(name, add)
            note(Part.COUNTERS, f"counter {name} was changed by {add:+}")


def _correct_count(wrong: WrongCount, change: Change, note: Note) -> None:
    """References, and the list of those without any."""
    operation = change.operation
    row = operation.get(OBJECT, wrong.id)
    if row is None:
        return  # collected meanwhile
    row.references = max(row.references + wrong.found - wrong.said, 0)
    operation.put(OBJECT, wrong.id, row)
    if row.references:
        operation.delete(UNREFERENCED, wrong.id)
    else:
        operation.put(UNREFERENCED, wrong.id, _PRESENT)
    note(Part.OBJECTS, f"object {wrong.id.hex()} has {row.references} references")


def _correct_surplus(unwanted: ObjectId, change: Change, note: Note) -> None:
    if change.operation.get(OBJECT, unwanted) is None:
        change.operation.delete(UNREFERENCED, unwanted)
        note(Part.OBJECTS, f"object {unwanted.hex()} is not listed as unreferenced any more")


def _correct_depth(shallow: ObjectId, change: Change, note: Note) -> None:
    row = change.operation.get(OBJECT, shallow)
    if row is not None:
        row.depth = depth_needed(change.operation, row)
        change.operation.put(OBJECT, shallow, row)
        note(Part.OBJECTS, f"object {shallow.hex()} is {row.depth} bases deep")


def _correct_pack(wrong: WrongPack, change: Change, note: Note) -> None:
    key = number_key(wrong.pack)
    row, right = change.operation.get(PACK, key), wrong.right
    if row is not None and wrong.former is not None and right.state == PackState.SEALED:
        dead = row.dead + right.dead - wrong.former.dead
        right = PackRecord(PackState.SEALED, right.size, dead)
    change.operation.put(PACK, key, right)
    note(Part.PACKS, f"pack {wrong.pack:016x} has the right size and state in its row")


def _correct_tree(wrong: WrongTree, change: Change, note: Note) -> None:
    """The next root shows a directory, and those above it, as they are then."""
    at, seen = wrong.directory, set[InodeId]()
    change.trusts_trees = False  # none of its pages is to be kept
    while at and at not in seen:
        seen.add(at)
        try:
            record = change.edit(at)
        except Stale:
            break  # removed meanwhile
        record.tree = b""
        at = InodeId(record.parent)
    note(Part.TREES, f"directory {wrong.directory} will be written to the packs again")


def _correct_snapshot(wrong: WrongSnapshot, change: Change, note: Note) -> None:
    """Its row, and the next root, say what is right; references are counted in the next round."""
    if wrong.right is None:
        change.operation.delete(SNAPSHOT, wrong.name)
    else:
        change.operation.put(SNAPSHOT, wrong.name, wrong.right)
    change.operation.delete(META, LISTED_KEY)
    change.edit(ROOT_INODE).tree = b""
    state = "is forgotten" if wrong.right is None else "has the right row"
    note(Part.TREES, f"snapshot {printable(wrong.name)} {state}")


def _correct_hint(wrong: WrongHint, change: Change, note: Note) -> None:
    change.operation.delete(wrong.table, wrong.key)
    note(Part.HINTS, f"{wrong.text}: forgotten")


def _correct_artifact(key: bytes, change: Change, note: Note) -> None:
    """What is listed by its address, as the names are by now."""
    operation = change.operation
    if is_artifact(operation, key):
        operation.put(ARTIFACT, key, _PRESENT)
        note(Part.SERIES, f"artifact {artifact_text(key)} is listed by its address again")
    elif operation.delete(ARTIFACT, key):
        note(Part.SERIES, f"artifact {artifact_text(key)} is not listed any more")


def _correct_index(index: int, change: Change, note: Note) -> None:
    """It is empty, and is built anew when the store is served next."""
    operation, prefix = change.operation, number_key(index)
    tables: tuple[Table[Any], ...] = (INDEX_ENTRY, INDEXED, USER_INDEX)
    for table in tables:
        for key, _ in operation.scan_prefix(table, prefix):
            operation.delete(table, key)
    note(Part.INDEXES, f"user-defined index {index} is built anew, in a mount or by index rebuild")


def _correct_config(output: InodeId, config: SeriesConfig, change: Change, note: Note) -> None:
    """What its document says of a series stands beside its output again."""
    key = named_key(output, CONFIG_ATTRIBUTE)
    with suppress(Stale):  # removed meanwhile
        record = change.edit(output)
        if change.operation.get(XATTR, key) is None:
            record.flags |= InodeFlag.HAS_XATTRS
            change.operation.put(XATTR, key, RawRecord(config.encoded()))
            note(Part.SERIES, f"series folder {output} is configured as its document says")
