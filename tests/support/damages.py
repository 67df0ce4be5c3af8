"""Faults planted in a closed store, one function each, and what a store must still show after them.

Each takes an open index of the store, or its folder, and dice, and may plant nothing when there is
nothing to plant it on.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import REGULAR, kind_of
from fsmodel.steps import run_inline
from fsmodel.store.format_file import read_format
from fsmodel.store.layout import StoreLayout
from fsmodel.volume import Volume
from lmdb_index.index import Index
from lmdb_index.keys import named_key, number_key, number_of, pair_key, triple_key
from lmdb_index.operation import Operation
from lmdb_index.records import (
    DamagedRecord,
    DigestRecord,
    DirentOrderRecord,
    DirentRecord,
    ExtentRecord,
    InodeFlag,
    PackRecord,
    PackState,
    RawRecord,
    ScrubRecord,
)
from lmdb_index.schema import (
    DAMAGED,
    DIGEST,
    DIRENT,
    DIRENT_ORDER,
    EXTENT,
    INODE,
    LINK,
    META,
    OBJECT,
    ORPHAN,
    PACK,
    SCRUB,
    SKETCH,
    SNAPSHOT,
    TABLES,
    UNREFERENCED,
    UNSETTLED,
    XATTR,
    Table,
)

Dice = random.Random
Plant = Callable[[Index, Operation, Dice], None]
NONE: Final = RawRecord()
DIRECTORY: Final = 0o040000 >> 12


def a_row(index: Index, table: Table[Any], dice: Dice) -> tuple[bytes, Any]:
    """Any row of a table that has some; never the root directory's."""
    rows = [row for row in index.scan(table) if not (table is INODE and number_of(row[0]) == 1)]
    return dice.choice(rows)


def an_inode(index: Index, dice: Dice, kind: int) -> tuple[bytes, Any]:
    rows = [
        (key, row)
        for key, row in index.scan(INODE)
        if row.mode >> 12 == kind and number_of(key) != ROOT_INODE
    ]
    return dice.choice(rows)


# Rows that are gone


def deletes(table: Table[Any]) -> Plant:
    """A row of a table is gone."""

    def plant(index: Index, operation: Operation, dice: Dice) -> None:
        if index.count(table):
            operation.delete(table, a_row(index, table, dice)[0])

    plant.__name__ = f"{table.name.decode()}_row_gone"
    return plant


def both_entry_rows_gone(index: Index, operation: Operation, dice: Dice) -> None:
    key, entry = a_row(index, DIRENT_ORDER, dice)
    operation.delete(DIRENT_ORDER, key)
    operation.delete(DIRENT, named_key(number_of(key), entry.name))


# Rows that say something else


def references_wrong(index: Index, operation: Operation, dice: Dice) -> None:
    key, row = a_row(index, OBJECT, dice)
    row.references = dice.choice([0, row.references + 1, max(row.references - 1, 0), 1000])
    operation.put(OBJECT, key, row)


def object_past_the_end(index: Index, operation: Operation, dice: Dice) -> None:
    key, row = a_row(index, OBJECT, dice)
    row.offset += 1 << 40
    operation.put(OBJECT, key, row)


def object_in_no_pack(index: Index, operation: Operation, dice: Dice) -> None:
    key, row = a_row(index, OBJECT, dice)
    row.pack = 7_000_000
    operation.put(OBJECT, key, row)


def base_of_itself(index: Index, operation: Operation, dice: Dice) -> None:
    """A delta loop, as only a damaged index can have one."""
    key, row = a_row(index, OBJECT, dice)
    row.base, row.depth = key, 5
    operation.put(OBJECT, key, row)


def depth_wrong(index: Index, operation: Operation, dice: Dice) -> None:
    deltas = [row for row in index.scan(OBJECT) if row[1].base]
    if deltas:
        key, row = dice.choice(deltas)
        row.depth = 0
        operation.put(OBJECT, key, row)


def inode_field_wrong(index: Index, operation: Operation, dice: Dice) -> None:
    key, row = a_row(index, INODE, dice)
    field = dice.choice(["nlink", "parent", "cookie", "flags"])
    value = {"flags": row.flags ^ InodeFlag.HAS_XATTRS, "nlink": dice.randrange(9)}
    setattr(row, field, value.get(field, dice.randrange(40)))
    operation.put(INODE, key, row)


def directory_field_wrong(index: Index, operation: Operation, dice: Dice) -> None:
    key, row = an_inode(index, dice, DIRECTORY)
    setattr(row, dice.choice(["nlink", "size", "next_cookie"]), dice.randrange(9))
    operation.put(INODE, key, row)


def directory_in_itself(index: Index, operation: Operation, dice: Dice) -> None:
    key, row = an_inode(index, dice, DIRECTORY)
    inode = number_of(key)
    listed = index.get(DIRENT_ORDER, pair_key(row.parent, row.cookie))
    if listed is None:
        return
    operation.delete(DIRENT_ORDER, pair_key(row.parent, row.cookie))
    operation.delete(DIRENT, named_key(row.parent, listed.name))
    operation.put(DIRENT, named_key(inode, b"loop"), DirentRecord(inode, 900, DIRECTORY))
    operation.put(DIRENT_ORDER, pair_key(inode, 900), DirentOrderRecord(inode, DIRECTORY, b"loop"))
    row.parent, row.cookie = inode, 900
    operation.put(INODE, key, row)


def unsettled_flag_wrong(index: Index, operation: Operation, dice: Dice) -> None:
    key, row = an_inode(index, dice, REGULAR)
    row.flags ^= InodeFlag.UNSETTLED
    operation.put(INODE, key, row)


def entry_of_another(index: Index, operation: Operation, dice: Dice) -> None:
    """A name leads to another inode than the listing says."""
    key, row = a_row(index, DIRENT, dice)
    operation.put(DIRENT, key, DirentRecord(dice.randrange(1, 30), row.cookie, row.kind))


def listed_as_another(index: Index, operation: Operation, dice: Dice) -> None:
    key, row = a_row(index, DIRENT_ORDER, dice)
    operation.put(DIRENT_ORDER, key, DirentOrderRecord(dice.randrange(1, 30), row.kind, row.name))


def kind_wrong(index: Index, operation: Operation, dice: Dice) -> None:
    key, row = a_row(index, DIRENT_ORDER, dice)
    operation.put(DIRENT_ORDER, key, DirentOrderRecord(row.inode, row.kind ^ 4, row.name))


def counters_wrong(index: Index, operation: Operation, dice: Dice) -> None:
    names = ["files", "inodes", "chunks", "stored_bytes", "garbage_bytes", "logical_bytes"]
    operation.add(dice.choice(names), dice.choice([-7, 1, 1_000_000]))


def last_inode_behind(index: Index, operation: Operation, dice: Dice) -> None:
    operation.add("last_inode", -2)


def pack_row_wrong(index: Index, operation: Operation, dice: Dice) -> None:
    key, _ = a_row(index, PACK, dice)
    state = dice.choice([PackState.SEALED, PackState.RETIRED, 77])
    operation.put(PACK, key, PackRecord(state, dice.randrange(1000), dice.randrange(1000)))


def tree_wrong(index: Index, operation: Operation, dice: Dice) -> None:
    rows = list(index.scan(INODE))
    directories = [row for row in rows if row[1].mode >> 12 == DIRECTORY]
    (key, row), (_, other) = dice.choice(directories), dice.choice(directories)
    row.tree = dice.choice([b"", other.tree, os.urandom(32)])
    operation.put(INODE, key, row)


def root_row_gone(index: Index, operation: Operation, dice: Dice) -> None:
    operation.delete(META, b"root")


# Rows too many


def surplus_rows(index: Index, operation: Operation, dice: Dice) -> None:
    """One more row somewhere that nothing speaks of."""
    number, some_id = dice.randrange(2, 60), dice.randbytes(32)
    known_id, _ = a_row(index, OBJECT, dice)
    rows: list[tuple[Table[Any], bytes, Any]] = [
        (UNREFERENCED, dice.choice([some_id, known_id]), NONE),
        (DIRENT, named_key(number, b"surplus"), DirentRecord(dice.randrange(1, 30), 99, 8)),
        (DIRENT_ORDER, pair_key(number, 99), DirentOrderRecord(dice.randrange(1, 30), 8, b"s")),
        (LINK, triple_key(number, dice.randrange(1, 30), 99), NONE),
        (XATTR, named_key(number, b"user.surplus"), RawRecord(b"value")),
        (ORPHAN, number_key(number), NONE),
        (UNSETTLED, number_key(number), NONE),
        (EXTENT, pair_key(1_000_000 + number, 0), ExtentRecord(0, b"nobody's")),
        (DAMAGED, some_id, DamagedRecord("nothing", 1)),
        (DAMAGED, known_id, DamagedRecord("nothing", 1)),
        (DIGEST, b"\x01" + some_id, DigestRecord(some_id, some_id)),
        (DIGEST, b"\x01" + known_id, DigestRecord(some_id, some_id)),
        (SKETCH, number_key(1 << 40), RawRecord(b"no sketch")),
        (SCRUB, b"progress", ScrubRecord(b"more", 1, 1, 1, ended_ns=1)),
        (PACK, number_key(9_000_000), PackRecord(PackState.OPEN)),
    ]
    operation.put(*dice.choice(rows))


IN_ROWS: Final[tuple[Plant, ...]] = (
    *(deletes(table) for table in TABLES if table is not META),
    both_entry_rows_gone,
    references_wrong,
    object_past_the_end,
    object_in_no_pack,
    base_of_itself,
    depth_wrong,
    inode_field_wrong,
    directory_field_wrong,
    directory_in_itself,
    unsettled_flag_wrong,
    entry_of_another,
    listed_as_another,
    kind_wrong,
    counters_wrong,
    last_inode_behind,
    pack_row_wrong,
    tree_wrong,
    root_row_gone,
    surplus_rows,
)


def plant_in_rows(store: Path, plant: Plant, dice: Dice) -> None:
    """Let a fault be an operation of its own, committed."""
    index = Index.open(store, read_format(StoreLayout(store)).uuid.bytes)
    with index.operation() as operation:
        plant(index, operation, dice)
    index.checkpoint()
    index.close()


def garble_row(store: Path, table: Table[Any], dice: Dice) -> bool:
    """Flip a bit of a stored value; False when the table has none."""
    index = Index.open(store, read_format(StoreLayout(store)).uuid.bytes)
    values = list(index.scan_unpacked(table))
    if values:
        key, value = dice.choice(values)
        at = dice.randrange(len(value))
        garbled = value[:at] + bytes([value[at] ^ 1 << dice.randrange(8)]) + value[at + 1 :]
        current = index._current
        current.transaction.put(key, garbled, db=current.databases[table.number])
        with index.operation() as operation:  # something to commit
            operation.add("inodes", 0)
            operation.put(ORPHAN, number_key(1 << 50), NONE)
            operation.delete(ORPHAN, number_key(1 << 50))
        index.checkpoint()
    index.close()
    return bool(values)


# Packs


def packs_of(store: Path) -> list[Path]:
    return sorted((store / "packs").rglob("*.pack"), key=lambda path: path.name)


def pack_flipped(store: Path, dice: Dice) -> None:
    path = dice.choice(packs_of(store))
    block = bytearray(path.read_bytes())
    block[dice.randrange(len(block))] ^= 1 << dice.randrange(8)
    path.write_bytes(block)


def pack_cut(store: Path, dice: Dice) -> None:
    path = dice.choice(packs_of(store))
    os.truncate(path, dice.randrange(path.stat().st_size))


def pack_gone(store: Path, dice: Dice) -> None:
    dice.choice(packs_of(store)).unlink()


IN_PACKS: Final[tuple[Callable[[Path, Dice], None], ...]] = (pack_flipped, pack_cut, pack_gone)


# What a store shows


class Shown:
    """Everything about the files of a store, by inode."""

    def __init__(self, volume: Volume) -> None:
        self.inodes = dict(_survey(volume))
        index = volume._parts.index
        self.snapshots = {name: record.root for name, record in index.scan(SNAPSHOT)}

    def require(self, other: "Shown", *, hurt: bool, lost: int = 0) -> None:
        """Another store shows the same; with `hurt`, files may be unreadable, but not wrong.

        So many inodes may be gone, or have lost an attribute.
        """
        assert hurt or other.snapshots == self.snapshots
        differing = 0
        for inode, (facts, data) in self.inodes.items():
            found = other.inodes.get(inode)
            if found is None or found[0] != facts:
                differing += 1
                continue
            assert found[1] == data or (hurt and found[1] is None), f"inode {inode}: other bytes"
        assert differing <= lost, [
            (inode, self.inodes[inode][0], other.inodes.get(inode, [None])[0])
            for inode in self.inodes
            if other.inodes.get(inode, [None])[0] != self.inodes[inode][0]
        ]


def _survey(volume: Volume) -> Iterator[tuple[int, tuple[Any, bytes | None]]]:
    index = volume._parts.index
    for key, record in index.scan(INODE):
        inode = InodeId(number_of(key))
        xattrs = tuple((key[8:], row.value) for key, row in index.scan_prefix(XATTR, key))
        facts: tuple[Any, ...] = (record.mode, record.uid, record.gid, xattrs)
        if kind_of(record) != DIRECTORY:  # whose times a repair may move
            facts += (record.mtime_ns, record.target)
        data = None
        if kind_of(record) == REGULAR and record.nlink:
            data = _bytes_of(volume, inode)
        yield inode, (facts, data)


def _bytes_of(volume: Volume, inode: InodeId) -> bytes | None:
    try:
        file = volume.open_file(inode, writing=False)
    except DataError:
        return None
    try:
        return bytes(run_inline(volume.contents.read(inode, 0, file.size)))
    except DataError:
        return None
    finally:
        volume.close_file(inode)
