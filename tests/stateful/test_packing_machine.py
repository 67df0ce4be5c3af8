"""Random changes to rows that may be packed, and packing at any moment, against a dictionary.

Nobody may see whether a row is packed: not by reading, scanning or counting, not after a kill, a
replay or a commit that fails.
"""

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Any

import lmdb
import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lmdb_index.check import check_rows
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.packed import Packed
from lmdb_index.packed_records import ID_BYTES, SHORT_BYTES
from lmdb_index.records import InodeRecord, ObjectRecord, RawRecord
from lmdb_index.rows import Rows
from lmdb_index.schema import INODE, OBJECT, ORPHAN, XATTR, Table
from tests.support.index_store import UUID, killed, new_store
from tests.support.small_blocks import pack_all, small_blocks

TABLES: tuple[Table[Any], ...] = (INODE, OBJECT, XATTR, ORPHAN)
IDS = [bytes([number % 7, 5, 5, 5, number % 4]) + bytes([number]) * 27 for number in range(60)]
REFS = [b"", b"\1", b"\2abcde", *(b"\1" + found for found in IDS)]
TREES = [b"", b"short", *IDS]
PICKS = st.lists(st.integers(0, 59), min_size=1, max_size=12, unique=True)
SEEDS = st.integers(0, 9999)
NOT_SHOWN = {"parent", "birth_ns", "content_size"}  # by what stat shows of an inode

HeldRows = dict[str, dict[bytes, msgspec.Struct]]  # by the table's name, and by key


class GivenUp(Exception):
    """An operation is given up in the middle, on purpose."""


def inode(draw: Random) -> InodeRecord:
    """Times are near to each other, as they mostly are, or ages apart."""
    size = draw.randrange(10)
    times = [draw.choice([0, 2**62, -(2**62), 2**63 - 1, *range(9)]) for _ in range(4)]
    return InodeRecord(
        mode=0o100644,
        uid=0,
        gid=0,
        nlink=1,
        size=size,
        rdev=0,
        atime_ns=times[0],
        mtime_ns=times[1],
        ctime_ns=times[2],
        birth_ns=times[3],
        parent=draw.choice([1, 2, 2**60]),
        cookie=draw.randrange(99),
        content=draw.choice(REFS),
        content_size=draw.choice([size, 3]),
        tree=draw.choice(TREES),
    )


def record(table: Table[Any], draw: Random) -> msgspec.Struct:
    """Any record of a table."""
    if table is INODE:
        return inode(draw)
    if table is OBJECT:
        return ObjectRecord(1, 1, 1, draw.randrange(99), 1, 1, base=draw.choice(TREES))
    return RawRecord(draw.randbytes(draw.choice([0, 3, 30, 300, 900])))


def key_of(table: Table[Any], number: int) -> bytes:
    """Sixty keys of each table; some of another size than its blocks have."""
    if table is INODE:
        return number_key(number) if number < 55 else b"odd%d" % number
    if table is OBJECT:
        return IDS[number] if number < 58 else b"odd%d" % number
    return b"%o" % number


def is_named(rows: HeldRows, key: bytes) -> bool:
    """Whether any row names an object."""
    named = [
        getattr(row, field)[-32:]
        for table, field in ((INODE, "content"), (INODE, "tree"), (OBJECT, "base"))
        for row in rows[table.name.decode()].values()
    ]
    return key in named


def whole(outline: msgspec.Struct | None, row: msgspec.Struct | None) -> msgspec.Struct | None:
    """An outline with what it need not have of a row: some numbers, and ids but for their start."""
    if outline is None or row is None:
        return outline
    hidden = {field: getattr(row, field) for field in NOT_SHOWN & set(row.__struct_fields__)}
    ids = {
        field: getattr(row, field)
        for field in {"content", "tree", "base"} & set(row.__struct_fields__)
        if getattr(row, field).startswith(getattr(outline, field))
        and len(getattr(row, field)) - len(getattr(outline, field)) == ID_BYTES - SHORT_BYTES
    }
    return msgspec.structs.replace(outline, **hidden, **ids)


class PackingAgainstRows(RuleBasedStateMachine):
    """An index, and what it must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(small_blocks())
        self.folder = Path(tempfile.mkdtemp(prefix="packing-"))
        self.store = new_store(self.folder / "0")
        self.lives = self.looks = 0
        self.rows: HeldRows = {}
        for table in TABLES:
            self.rows[table.name.decode()] = {}
        self.index = Index.open(self.store, UUID)

    def teardown(self) -> None:
        self.index.close()
        shutil.rmtree(self.folder)
        self.stack.close()

    # What a store does

    @initialize(seed=SEEDS, counts=st.tuples(*[st.sampled_from([0, 20, 60])] * len(TABLES)))
    def fill(self, seed: int, counts: tuple[int, ...]) -> None:
        """Enough to make blocks of."""
        for table, count in zip(TABLES, counts, strict=True):
            self.put(table, range(count), seed, give_up=False)

    @rule(table=st.sampled_from(TABLES), picks=PICKS, seed=SEEDS, give_up=st.booleans())
    def put(self, table: Table[Any], picks: Iterable[int], seed: int, give_up: bool) -> None:
        draw = Random(seed)
        new = {key_of(table, number): record(table, draw) for number in picks}
        try:
            with self.index.operation() as operation:
                for key, row in new.items():
                    operation.put(table, key, row)
                    assert operation.get(table, key) == row
                if give_up:
                    raise GivenUp
        except GivenUp:
            return
        self.rows_of(table).update(new)

    @rule(table=st.sampled_from(TABLES), picks=PICKS, seed=SEEDS, give_up=st.booleans())
    def put_what_is_new(
        self, table: Table[Any], picks: Iterable[int], seed: int, give_up: bool
    ) -> None:
        """Of some keys, those that have no row, all at once."""
        draw, rows = Random(seed), self.rows_of(table)
        keys = [key_of(table, number) for number in picks]
        present = {key for key in keys if key in rows}
        assert self.index.present(table, keys) == present
        new = {key: record(table, draw) for key in keys if key not in present}
        try:
            with self.index.operation() as operation:
                operation.put_new(table, new)
                assert operation.present(table, keys) == set(keys)
                assert [operation.get(table, key) for key in new] == list(new.values())
                assert operation.count(table) == len(rows) + len(new)
                if give_up:
                    raise GivenUp
        except GivenUp:
            return
        rows.update(new)

    @rule(
        table=st.sampled_from(TABLES),
        picks=PICKS | st.just(range(60)) | st.integers(0, 59).map(range),
        give_up=st.booleans(),
    )
    def delete(self, table: Table[Any], picks: Iterable[int], give_up: bool) -> None:
        """Objects only if nothing names them, as a store does."""
        rows = self.rows_of(table)
        gone = [key_of(table, number) for number in picks]
        gone = [key for key in gone if table is not OBJECT or not self.is_named(key)]
        try:
            with self.index.operation() as operation:
                for key in gone:
                    assert operation.delete(table, key) == (key in rows)
                    assert operation.get(table, key) is None
                    assert not operation.delete(table, key)
                if give_up:
                    raise GivenUp
        except GivenUp:
            return
        for key in gone:
            rows.pop(key, None)

    @rule(seed=SEEDS, count=st.integers(1, 30), give_up=st.booleans())
    def change(self, seed: int, count: int, give_up: bool) -> None:
        """Rows of all tables are put and deleted, some of them again and again."""
        draw, rows = Random(seed), {name: dict(held) for name, held in self.rows.items()}
        try:
            with self.index.operation() as operation:
                for _ in range(count):
                    table = draw.choice(TABLES)
                    held = rows[table.name.decode()]
                    key = key_of(table, draw.randrange(60) // 4 * 4)
                    if draw.randrange(2):
                        held[key] = record(table, draw)
                        operation.put(table, key, held[key])
                    elif table is not OBJECT or not is_named(rows, key):
                        assert operation.delete(table, key) == (held.pop(key, None) is not None)
                    assert operation.get(table, key) == held.get(key)
                    assert operation.count(table) == len(held)
                if give_up:
                    raise GivenUp
        except GivenUp:
            return
        self.rows = rows

    @rule(table=st.sampled_from(TABLES), first=st.integers(0, 59), seed=SEEDS)
    def put_and_pack(self, table: Table[Any], first: int, seed: int) -> None:
        """Keys that were looked for in vain may be packed when they are looked for again."""
        numbers = range(first, min(first + 6, 60))
        self.put(table, numbers, seed, give_up=False)
        pack_all(self.index)
        for key in (key_of(table, number) for number in reversed(numbers)):
            assert self.index.get(table, key) == self.rows_of(table)[key]

    @rule(table=st.sampled_from(TABLES), number=st.integers(0, 59), seed=SEEDS)
    def replace(self, table: Table[Any], number: int, seed: int) -> None:
        """As what makes a row again does that there is."""
        key, row = key_of(table, number), record(table, Random(seed))
        if key in self.rows_of(table):
            self.index.replace(table, key, row)
            self.rows_of(table)[key] = row

    @rule(steps=st.integers(1, 5))
    def pack_some(self, steps: int) -> None:
        for _ in range(steps):
            self.index.room.pack_step()

    @rule()
    def pack_everything(self) -> None:
        pack_all(self.index)

    @rule()
    def checkpoint(self) -> None:
        self.index.checkpoint()

    @rule()
    def snapshot(self) -> None:
        self.index.checkpoint()
        with self.index.snapshot() as snapshot:
            self.index.room.pack_step()
            self.shows_the_rows(snapshot)

    @rule(
        seed=SEEDS,
        table=st.sampled_from(TABLES),
        bounds=st.tuples(st.integers(0, 59), st.integers(0, 59)) | st.none(),
        reverse=st.booleans(),
    )
    def scan_and_change(
        self,
        seed: int,
        table: Table[Any],
        bounds: tuple[int, int] | None,
        reverse: bool,
    ) -> None:
        """Each key comes once, in order, as it is when its turn has come."""
        start, stop = (key_of(table, number) for number in bounds or (0, 0))
        seen: list[bytes] = []
        draw = Random(seed)
        scan = self.index.scan(
            table, start if bounds else b"", stop if bounds else None, reverse=reverse
        )
        for key, row in scan:
            assert not seen or (key < seen[-1] if reverse else key > seen[-1])
            seen.append(key)
            assert self.rows_of(table)[key] == row
            if draw.randrange(9) == 0:
                self.index.room.pack_step()
            if draw.randrange(9) == 0 and not (table is OBJECT and self.is_named(key)):
                with self.index.operation() as operation:
                    assert operation.delete(table, key)
                del self.rows_of(table)[key]
        inside = {key for key in self.rows_of(table) if bounds is None or start <= key < stop}
        assert inside <= set(seen)

    @rule(late=st.booleans(), in_use=st.booleans())
    def shrink(self, late: bool, in_use: bool) -> None:
        """The file is made again, unless something was committed since it was copied."""
        self.index.checkpoint()
        copy = self.index.room.compact_copy()()
        if late:
            with self.index.operation() as operation:
                operation.put(ORPHAN, b"late", RawRecord())
            self.rows_of(ORPHAN)[b"late"] = RawRecord()
        if in_use:
            with self.index.snapshot():
                assert not self.index.room.take_copy(copy)
        else:
            assert self.index.room.take_copy(copy) != late

    # What befalls a store

    @rule()
    def reopen(self) -> None:
        self.index.close()
        self.index = Index.open(self.store, UUID)

    @rule()
    def kill(self) -> None:
        """What was packed since the last commit is not packed any more."""
        self.lives += 1
        old, self.store = self.store, killed(self.index, self.store, self.folder / str(self.lives))
        shutil.rmtree(old)
        self.index = Index.open(self.store, UUID)

    @rule(steps=st.integers(1, 5), call=st.sampled_from(["put_block", "drop_block", "note_moved"]))
    def fail_to_pack(self, steps: int, call: str) -> None:
        """A step that cannot be ended is as if it had not begun."""
        with pytest.MonkeyPatch.context() as patch:

            def fail(*_: object) -> None:
                raise lmdb.MapFullError("full")

            patch.setattr(Packed, call, fail)
            for _ in range(steps):
                with suppress(IndexProblem):
                    self.index.room.pack_step()

    @rule()
    def fail_to_commit(self) -> None:
        with pytest.MonkeyPatch.context() as patch:

            def fail(*_: object) -> None:
                raise lmdb.MapFullError("full")

            patch.setattr("lmdb_index.checkpoints.put_meta", fail)
            self.index.room.pack_step()
            try:
                self.index.checkpoint()
            except IndexProblem:
                return

    # What must be so

    @invariant()
    def shows_its_rows(self) -> None:
        self.shows_the_rows(self.index)

    def shows_the_rows(self, rows: Rows) -> None:
        assert list(check_rows(rows)) == []
        for table in TABLES:
            held = self.rows_of(table)
            found = list(rows.scan(table))
            assert found == sorted(held.items())
            assert list(rows.scan(table, reverse=True)) == found[::-1]
            assert rows.count(table) == len(held)
            keys = [key_of(table, number) for number in range(self.looks % 7, 60, 7)]
            for key in keys:
                assert rows.get(table, key) == held.get(key)
            outlines = rows.outlines(table, keys)
            assert [whole(row, held.get(key)) for key, row in zip(keys, outlines, strict=True)] == [
                held.get(key) for key in keys
            ]
            start, stop = min(keys), max(keys)
            some, _ = rows.first_outlines(table, start, stop, 60)
            assert [(key, whole(row, held[key])) for key, row in some] == [
                row for row in found if start <= row[0] < stop
            ]
        self.shows_some_in_a_row(rows, range(self.looks % 50, self.looks % 50 + 5))
        self.looks += 1

    def shows_some_in_a_row(self, rows: Rows, numbers: range) -> None:
        """That is not to be had where they are not all packed."""
        found = rows.outlines_in_a_row(INODE, numbers.start, len(numbers))
        if found is not None:
            held = [self.rows_of(INODE)[number_key(number)] for number in numbers]
            assert [whole(row, other) for row, other in zip(found, held, strict=True)] == held

    def rows_of(self, table: Table[Any]) -> dict[bytes, msgspec.Struct]:
        return self.rows[table.name.decode()]

    def is_named(self, key: bytes) -> bool:
        return is_named(self.rows, key)


TestPackingAgainstRows = PackingAgainstRows.TestCase
TestPackingAgainstRows.settings = settings(stateful_step_count=25)
