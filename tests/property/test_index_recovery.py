"""Random operations, checkpoints, kills and losses on an index: what must be there, is there.

The model keeps the state after every operation by the operation's number. So after a loss it can
say which of these states the index must show, not only that it shows some.
"""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lmdb_index.check import check_rows
from lmdb_index.errors import JournalCorrupt
from lmdb_index.index import Index
from lmdb_index.journal_format import SEGMENT_HEADER, JournalRecord, RecordKind
from lmdb_index.records import RawRecord
from lmdb_index.schema import ORPHAN, XATTR
from tests.support.index_store import (
    UUID,
    State,
    flip_bit,
    killed,
    new_store,
    records_in,
    state_of,
    the_segment,
)

BLOCK_BYTES = 64  # a disk writes larger ones; with these a record spans several
TABLES = st.sampled_from([XATTR, ORPHAN])
KEYS = st.sampled_from([b"a", b"b", b"ab", b"c" * 300])
VALUES = st.binary(max_size=9) | st.integers(0, 2000).map(bytes)
PUTS = st.tuples(st.just("put"), TABLES, KEYS, VALUES)
DELETES = st.tuples(st.just("delete"), TABLES, KEYS, st.just(b""))
COUNTS = st.tuples(
    st.just("count"), TABLES, st.sampled_from([b"files", b"bytes"]), st.integers(0, 3).map(bytes)
)
CHANGES = st.lists(st.one_of(PUTS, PUTS, DELETES, COUNTS), max_size=5)
SHARES = st.floats(0, 1)


class IndexAgainstStates(RuleBasedStateMachine):
    """An index, and every state that it had since its last commit."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="index-"))
        self.store = new_store(self.folder / "0")
        self.lives = 0
        self.index = Index.open(self.store, UUID)
        self.states: dict[int, State] = {0: {}}
        self.durable_bytes = SEGMENT_HEADER.size  # of the segment: what a sync has covered

    def teardown(self) -> None:
        assert list(check_rows(self.index)) == []
        self.index.close()
        shutil.rmtree(self.folder)

    @property
    def position(self) -> int:
        return max(self.states)

    @property
    def segment(self) -> Path:
        return the_segment(self.store)

    @property
    def written_bytes(self) -> int:
        """Where the last record ends."""
        return max((each.end for each in records_in(self.segment)), default=SEGMENT_HEADER.size)

    # What a store does

    @rule(changes=CHANGES, give_up=st.sampled_from([False, False, False, True]))
    def operate(self, changes: list[tuple[str, object, bytes, bytes]], give_up: bool) -> None:
        state = dict(self.states[self.position])
        try:
            with self.index.operation() as operation:
                for kind, table, key, value in changes:
                    assert table in {XATTR, ORPHAN}
                    place = (table.name, key)
                    if kind == "put":
                        operation.put(table, key, RawRecord(value))
                        state[place] = (value,)
                    elif kind == "delete":
                        assert operation.delete(table, key) == (place in state)
                        state.pop(place, None)
                    else:
                        operation.add(key.decode(), len(value))
                        count = state.get(key.decode(), 0)
                        assert isinstance(count, int)
                        state[key.decode()] = count + len(value)
                if give_up:
                    raise NotImplementedError
        except NotImplementedError:
            return
        if self.index.journal_position > self.position:
            self.states[self.index.journal_position] = {
                name: value for name, value in state.items() if value != 0
            }

    @rule()
    def sync(self) -> None:
        covered = self.index.sync_journal()
        self.durable_bytes = self.written_bytes
        self.index.mark_synced(covered)
        assert not self.index.unsynced

    @rule()
    def checkpoint(self) -> None:
        changed = self.index.mutations_since_checkpoint > 0
        self.index.checkpoint()
        if changed:
            self.states = {self.position: self.states[self.position]}
            self.durable_bytes = SEGMENT_HEADER.size

    @rule()
    def reopen(self) -> None:
        self.index.close()
        self.open()

    # What befalls a store

    @rule()
    def kill(self) -> None:
        self.die()
        self.open()

    @rule(tail=st.binary(min_size=1, max_size=99) | st.integers(1, 9999).map(bytes))
    def kill_while_writing(self, tail: bytes) -> None:
        """What was being written is there in part: nobody had an answer yet."""
        self.die()
        with self.segment.open("r+b") as file:  # there may be zeros, which records are put over
            file.seek(self.written_bytes)
            file.write(tail)
        self.open()
        behind = len(tail.rstrip(b"\0"))  # zeros at the end are room for records
        assert self.index.statistics().unusable_bytes == behind

    @rule(length=SHARES, lost=st.sets(st.integers(0, 60)))
    def lose_power(self, length: float, lost: set[int]) -> None:
        """Of what was not synced, any blocks are lost, and the file may end anywhere."""
        self.die()
        data = bytearray(self.segment.read_bytes())
        synced = self.operations_up_to(self.durable_bytes)
        data = data[: self.durable_bytes + round(length * (len(data) - self.durable_bytes))]
        for block in lost:
            start = self.durable_bytes + block * BLOCK_BYTES
            data[start : start + BLOCK_BYTES] = bytes(len(data[start : start + BLOCK_BYTES]))
        self.segment.write_bytes(data)
        position = self.operations_up_to(len(data))
        assert position >= synced
        self.forget_behind(position)
        self.open()

    @rule(place=SHARES)
    def cut(self, place: float) -> None:
        """Somebody shortens the journal: what stands before the cut is there."""
        self.die()
        data = self.segment.read_bytes()
        size = SEGMENT_HEADER.size + round(place * (len(data) - SEGMENT_HEADER.size))
        self.forget_behind(self.operations_up_to(size))
        self.segment.write_bytes(data[:size])
        self.durable_bytes = min(self.durable_bytes, size)
        self.open()

    @precondition(lambda self: self.position > min(self.states))
    @rule(place=SHARES, bit=st.integers(0, 7))
    def flip_a_bit(self, place: float, bit: int) -> None:
        """The disk damages a record: refused if a sync marker behind it vouches for it."""
        self.die()
        records = records_in(self.segment)
        hit = records[round(place * (len(records) - 1))]
        byte = hit.offset + round(place * (hit.end - hit.offset - 1))
        before = self.operations_up_to(hit.offset)
        flip_bit(self.segment, 8 * byte + bit)
        if vouched_for(hit, records, before):
            with pytest.raises(JournalCorrupt, match=f"damaged at offset {hit.offset},"):
                Index.open(self.store, UUID)
            flip_bit(self.segment, 8 * byte + bit)
        else:
            self.forget_behind(before)
            self.durable_bytes = min(self.durable_bytes, hit.offset)
        self.open()

    # What must be so

    @invariant()
    def shows_the_last_state(self) -> None:
        assert state_of(self.index) == self.states[self.position]
        assert self.index.journal_position == self.position

    def open(self) -> None:
        self.index = Index.open(self.store, UUID)

    def die(self) -> None:
        """The process is killed; the store is what its files hold."""
        self.lives += 1
        old, self.store = self.store, killed(self.index, self.store, self.folder / str(self.lives))
        shutil.rmtree(old)

    def operations_up_to(self, end: int) -> int:
        """The number of the last operation whose record is whole within so many bytes."""
        return max(
            (
                record.sequence
                for record in records_in(self.segment)
                if record.kind is RecordKind.OPERATION and record.end <= end
            ),
            default=min(self.states),
        )

    def forget_behind(self, position: int) -> None:
        self.states = {number: state for number, state in self.states.items() if number <= position}


def vouched_for(hit: JournalRecord, records: list[JournalRecord], before: int) -> bool:
    """Whether a sync marker behind a record says that more than before it is durable."""
    return any(
        record.kind is RecordKind.SYNC_MARKER
        and record.offset > hit.offset
        and record.sequence > before
        for record in records
    )


TestIndexAgainstStates = IndexAgainstStates.TestCase
