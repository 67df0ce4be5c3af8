"""Rows are packed when that pays, and nobody sees it; tests/stateful has random cases."""

import random
from collections.abc import Iterator
from pathlib import Path

import lmdb
import msgspec
import pytest

from lmdb_index.block_format import Content, encode_block
from lmdb_index.block_keys import KeyForm
from lmdb_index.check import check_rows
from lmdb_index.environment import ENGINE
from lmdb_index.errors import IndexCorrupt, IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import named_key, number_key
from lmdb_index.packed import TOMBSTONE, block_place
from lmdb_index.packed_records import NO_OBJECT, SHORT_BYTES
from lmdb_index.packing import ABOVE_ROWS_MIN, TAIL_ROWS_MIN
from lmdb_index.records import DirentRecord, InodeRecord, ObjectRecord, RawRecord
from lmdb_index.schema import DIRENT, INODE, OBJECT, PACK, PACKED, TABLES, XATTR
from tests.support.index_store import UUID, killed, opened, put_packs, state_of
from tests.support.small_blocks import pack_all, small_blocks

MANY = 400
DECODE_OBJECT = msgspec.msgpack.Decoder(ObjectRecord).decode


@pytest.fixture
def in_small_blocks() -> Iterator[None]:
    with small_blocks():
        yield


def object_id(number: int) -> bytes:
    return number.to_bytes(SHORT_BYTES) + bytes([number % 251]) * (32 - SHORT_BYTES)


def an_object(number: int, base: bytes = b"") -> ObjectRecord:
    return ObjectRecord(1, 1, 1, number, 10, 20, references=1, base=base)


def an_inode(number: int, content: bytes = b"", tree: bytes = b"") -> InodeRecord:
    return InodeRecord(
        mode=0o100644,
        uid=1000,
        gid=1000,
        nlink=1,
        size=number,
        rdev=0,
        atime_ns=1_700_000_000_000_000_000 + number,
        mtime_ns=1_600_000_000_000_000_000,
        ctime_ns=1_700_000_000_000_000_001 + number,
        birth_ns=1_700_000_000_000_000_000 + number,
        parent=1,
        cookie=number,
        content=content,
        content_size=number,
        tree=tree,
    )


def fill(index: Index, count: int = MANY, first: int = 1) -> None:
    """Objects, and inodes that name them, in one operation."""
    with index.operation() as operation:
        for number in range(first, first + count):
            operation.put(OBJECT, object_id(number), an_object(number))
            operation.put(INODE, number_key(number), an_inode(number, b"\1" + object_id(number)))
            operation.put(XATTR, named_key(number, b"user.a"), RawRecord(b"value"))


def stored(index: Index, number: int) -> int:
    """How many values the own database of a table has."""
    current = index._current
    return int(current.transaction.stat(current.databases[number])["entries"])


def test_a_sweep_moves_nearly_all_rows_into_blocks(index: Index) -> None:
    fill(index)
    before = state_of(index)
    assert index.room.unpacked_rows == 3 * MANY
    pack_all(index)
    assert index.room.unpacked_rows == 0
    assert index.room.packed_rows == 3 * MANY
    assert state_of(index) == before
    assert (index.count(OBJECT), index.count(INODE), index.count(XATTR)) == (MANY, MANY, MANY)
    assert list(check_rows(index)) == []


def test_packed_rows_are_small(index: Index) -> None:
    fill(index, 2000)
    index.checkpoint()
    before = index.room.used_bytes
    pack_all(index)
    index.checkpoint()
    assert index.room.used_bytes < before / 4


def test_few_rows_are_not_packed(index: Index) -> None:
    fill(index, TAIL_ROWS_MIN - 1)
    put_packs(index, range(500))  # of a table that has no blocks
    pack_all(index)
    assert index.room.packed_rows == 0
    assert stored(index, PACK.number) == 500


def test_a_block_is_not_made_again_for_a_few_rows(index: Index) -> None:
    fill(index)
    pack_all(index)
    with index.operation() as operation:
        for number in range(1, ABOVE_ROWS_MIN):
            operation.put(XATTR, named_key(number, b"user.a"), RawRecord(b"new"))
    pack_all(index)
    assert stored(index, XATTR.number) == ABOVE_ROWS_MIN - 1
    with index.operation() as operation:
        for number in range(1, 60):
            operation.put(XATTR, named_key(number, b"user.a"), RawRecord(b"newer"))
    pack_all(index)
    assert stored(index, XATTR.number) == 0
    assert index.get(XATTR, named_key(7, b"user.a")) == RawRecord(b"newer")
    assert index.count(XATTR) == MANY


def test_what_is_packed_is_committed_without_an_operation(store: Path) -> None:
    with opened(store) as index:
        fill(index)
        index.checkpoint()
        segments = sorted((store / "journal").iterdir())
        pack_all(index)
        index.checkpoint()
        assert sorted((store / "journal").iterdir()) == segments
        state = state_of(index)
    with opened(store) as index:
        assert index.room.unpacked_rows == 0
        assert state_of(index) == state


def test_a_kill_undoes_packing_and_nothing_else(store: Path, tmp_path: Path) -> None:
    index = Index.open(store, UUID)
    fill(index)
    index.checkpoint()
    pack_all(index)
    with index.operation() as operation:
        assert operation.delete(XATTR, named_key(3, b"user.a"))
        operation.put(INODE, number_key(5), an_inode(500))
    state = state_of(index)
    with opened(killed(index, store, tmp_path / "killed")) as index:
        assert index.room.packed_rows == 0
        assert state_of(index) == state


def test_a_replay_onto_packed_rows_gives_the_same_rows(store: Path, tmp_path: Path) -> None:
    index = Index.open(store, UUID)
    fill(index)
    pack_all(index)
    index.checkpoint()
    with index.operation() as operation:
        assert operation.delete(XATTR, named_key(3, b"user.a"))
        assert not operation.delete(XATTR, named_key(3, b"user.a"))
        operation.put(XATTR, named_key(4, b"user.a"), RawRecord(b"other"))
        operation.put(XATTR, named_key(4, b"user.b"), RawRecord(b"new"))
    state = state_of(index)
    with opened(killed(index, store, tmp_path / "killed")) as index:
        assert index.room.packed_rows > 0
        assert state_of(index) == state
        assert index.count(XATTR) == MANY
        assert list(check_rows(index)) == []


def test_rows_that_were_read_are_read_anew_once_they_are_packed_anew(index: Index) -> None:
    """Rows around one that was asked for are kept; those of a block that is gone are not."""

    def sizes(*numbers: int) -> list[int | None]:
        rows = [index.get(INODE, number_key(number)) for number in numbers]
        return [None if row is None else row.size for row in rows]

    fill(index)
    pack_all(index)
    assert sizes(1, 2, 3) == [1, 2, 3]
    with index.operation() as operation:
        for number in range(1, MANY):
            operation.put(INODE, number_key(number), an_inode(number + 7))
        operation.delete(INODE, number_key(2))
    assert sizes(1, 2, 3) == [8, None, 10]
    pack_all(index)
    assert stored(index, INODE.number) == 0
    assert sizes(1, 2, 3) == [8, None, 10]


def test_rows_are_found_in_any_order_however_few_are_kept(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmdb_index.block_cache.NEAR_ROWS_MAX", 40)
    fill(index)
    pack_all(index)
    draw = random.Random(1)
    for number in draw.choices(range(-3, MANY + 5), k=3 * MANY):
        row = index.get(INODE, number_key(max(number, 0)))
        assert (row is not None) == (1 <= number <= MANY)
        assert row is None or row == an_inode(number, b"\1" + object_id(number))


def test_a_snapshot_shows_its_commit_while_rows_are_packed(index: Index) -> None:
    fill(index)
    pack_all(index)
    index.checkpoint()
    with index.snapshot() as snapshot:
        fill(index, 200, first=MANY + 1)
        with index.operation() as operation:
            operation.delete(INODE, number_key(1))
        pack_all(index)
        index.checkpoint()
        assert snapshot.count(INODE) == MANY
        assert len(list(snapshot.scan(INODE))) == MANY
        assert snapshot.get(INODE, number_key(1)) is not None
        assert list(check_rows(snapshot)) == []
    assert index.count(INODE) == MANY + 199


def test_a_dry_index_packs_nothing(store: Path) -> None:
    with opened(store) as index:
        fill(index)
    with opened(store, dry=True) as index:
        assert index.room.pack_step() == (0, False)
        assert index.room.packed_rows == 0


def test_ids_are_shortened_and_completed(index: Index) -> None:
    with index.operation() as operation:
        for number in range(MANY):
            base = object_id(number - 1) if number else b""
            operation.put(OBJECT, object_id(number), an_object(number, base))
    pack_all(index)
    with index.operation() as operation:
        for number in range(MANY):
            ref = b"\2" + object_id(number)
            operation.put(INODE, number_key(number), an_inode(1, ref, object_id(number)))
        operation.put(INODE, number_key(MANY), an_inode(1, b"\1" + b"?" * 32))
    pack_all(index)
    for number in range(MANY):
        found = index.get(INODE, number_key(number))
        assert found is not None
        assert (found.content, found.tree) == (b"\2" + object_id(number), object_id(number))
    block = index.packed_block(INODE, number_key(7))
    assert block is not None
    (row,) = block.rows(7, 8)
    assert object_id(7)[: SHORT_BYTES + 1] not in bytes(row)
    lost = index.get(INODE, number_key(MANY))
    assert lost is not None
    assert lost.content == b"\1" + b"?" * 32  # named, and no object: it stays whole


@pytest.mark.usefixtures("in_small_blocks")
def test_an_object_whose_new_row_cannot_be_packed_is_still_found_by_its_beginning(
    index: Index,
) -> None:
    fill(index, 40)
    pack_all(index)
    with index.operation() as operation:
        for number in range(1, 41):
            odd = b"short" if number == 9 else b""
            operation.put(OBJECT, object_id(number), an_object(number + 1, odd))
    pack_all(index)
    assert 1 <= stored(index, OBJECT.number) < 10
    found = index.get(INODE, number_key(9))
    assert found is not None
    assert found.content == b"\1" + object_id(9)
    assert list(check_rows(index)) == []


def test_an_id_whose_object_is_deleted_stays_whole(index: Index) -> None:
    fill(index)
    pack_all(index)
    with index.operation() as operation:
        for number in range(1, 5):  # too few to make their block again
            operation.delete(OBJECT, object_id(number))
        for number in range(1, 200):
            operation.put(INODE, number_key(number), an_inode(1, b"\1" + object_id(1)))
    pack_all(index)
    with index.operation() as operation:
        for number in range(5, 200):
            operation.delete(OBJECT, object_id(number))
    pack_all(index)
    found = index.get(INODE, number_key(9))
    assert found is not None
    assert found.content == b"\1" + object_id(1)


def bases_told_whole(index: Index) -> int:
    told = 0
    for end in index.packed_ends(OBJECT):
        block = index.packed_block(OBJECT, end)
        assert block is not None
        rows = map(DECODE_OBJECT, block.rows(0, block.count))
        told += sum(len(row.base) > SHORT_BYTES for row in rows)
    return told


def test_objects_that_name_objects_do_so_briefly_when_all_are_packed(index: Index) -> None:
    with index.operation() as operation:
        for number in range(3000):
            base = object_id(number * 7 % 3000)
            operation.put(OBJECT, object_id(number), an_object(number, base))
    state = state_of(index)
    pack_all(index)
    assert bases_told_whole(index) < 300
    assert state_of(index) == state
    assert list(check_rows(index)) == []
    used = index.room.used_bytes
    pack_all(index)
    assert index.room.used_bytes <= used


def test_an_id_whose_beginning_is_taken_stays_as_it_is(index: Index) -> None:
    twin = object_id(7)[:SHORT_BYTES] + b"twin" * 6 + b"bro"
    fill(index)
    pack_all(index)
    with index.operation() as operation:
        operation.put(OBJECT, twin, an_object(1))
    fill(index, 300, first=MANY + 1)
    with index.operation() as operation:
        for number in range(1, 200):
            operation.put(INODE, number_key(number), an_inode(2, b"\1" + object_id(number)))
        operation.put(INODE, number_key(8), an_inode(2, b"\1" + twin))
    pack_all(index)
    pack_all(index)
    assert stored(index, OBJECT.number) == 1
    assert index.get(OBJECT, twin) == an_object(1)
    for number, content in ((7, object_id(7)), (8, twin)):
        found = index.get(INODE, number_key(number))
        assert found is not None
        assert found.content == b"\1" + content
    assert list(check_rows(index)) == []


@pytest.mark.usefixtures("in_small_blocks")
def test_an_id_that_is_gone_is_that_of_no_object(index: Index) -> None:
    fill(index, 40)
    pack_all(index)
    with index.operation() as operation:
        for number in range(1, 41):
            operation.delete(OBJECT, object_id(number))
    pack_all(index)
    assert index.count(OBJECT) == 0
    found = index.get(INODE, number_key(9))
    assert found is not None
    assert found.content == b"\1" + object_id(9)[:SHORT_BYTES] + NO_OBJECT


def test_a_row_that_is_damaged_is_left_for_the_check(index: Index) -> None:
    fill(index)
    current = index._current
    damaged = named_key(9, b"user.a")
    current.transaction.put(damaged, b"damaged value", db=current.databases[XATTR.number])
    pack_all(index)
    assert stored(index, XATTR.number) == 1
    (finding,) = check_rows(index)
    assert (finding.table, finding.key) == ("xattr", damaged)


def test_a_step_that_fails_packs_nothing(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(index)
    state = state_of(index)

    def fail(*_: object) -> None:
        raise lmdb.MapFullError("full")

    with monkeypatch.context() as patch:
        patch.setattr(type(index._current.packed), "note_moved", fail)
        with pytest.raises(IndexProblem):
            index.room.pack_step()
    assert index.room.packed_rows == 0
    assert state_of(index) == state
    pack_all(index)
    assert state_of(index) == state


def test_a_step_that_fails_leaves_what_was_counted_since_the_last_commit(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(index)
    pack_all(index)
    with index.operation() as operation:
        for number in range(1, MANY, 2):
            operation.delete(XATTR, named_key(number, b"user.a"))
            operation.put(INODE, number_key(number), an_inode(number))
    packed_rows = index.room.packed_rows

    def fail(*_: object) -> None:
        raise lmdb.MapFullError("full")

    with monkeypatch.context() as patch:
        patch.setattr(type(index._current.packed), "note_moved", fail)
        with pytest.raises(IndexProblem):
            pack_all(index)
    assert index.room.packed_rows == packed_rows
    assert index.count(INODE) == MANY
    assert index.count(XATTR) == MANY // 2
    assert list(check_rows(index)) == []


# Damage


def change_packed(store: Path, place: bytes, value: bytes | None) -> None:
    """Put a value past all checks, into an index that nothing has open."""
    with (
        lmdb.Environment(str(store / "index"), max_dbs=64, lib_version=ENGINE) as environment,
        environment.begin(write=True, db=environment.open_db(PACKED)) as transaction,
    ):
        if value is None:
            transaction.delete(place)
        else:
            transaction.put(place, value)


@pytest.fixture
def packed(store: Path) -> Path:
    with opened(store) as index:
        fill(index, 800)
        pack_all(index)
        index.checkpoint()
    return store


def first_place(store: Path, number: int) -> bytes:
    with opened(store) as index:
        table = next(table for table in TABLES if table.number == number)
        return block_place(number, next(index.packed_ends(table)))


def test_a_damaged_block_costs_its_rows(packed: Path) -> None:
    place = first_place(packed, XATTR.number)
    change_packed(packed, place, b"no block at all")
    with opened(packed) as index:
        with pytest.raises(IndexCorrupt, match=r"fsck --repair$"):
            index.get(XATTR, named_key(1, b"user.a"))
        with pytest.raises(IndexCorrupt):
            list(index.scan(XATTR))
        assert index.get(XATTR, named_key(800, b"user.a")) == RawRecord(b"value")
        (finding,) = check_rows(index)
        assert (finding.table, finding.key) == ("xattr", b"")
        assert place[1:].hex() in finding.text
        with index.operation() as operation:  # what is in its way can be changed
            operation.put(XATTR, named_key(1, b"user.a"), RawRecord(b"new"))
            assert operation.delete(XATTR, named_key(2, b"user.a"))
        assert index.get(XATTR, named_key(1, b"user.a")) == RawRecord(b"new")
        assert index.get(XATTR, named_key(2, b"user.a")) is None
        pack_all(index)


def test_a_damaged_block_of_objects_is_found_and_not_the_inodes_that_name_them(
    packed: Path,
) -> None:
    change_packed(packed, first_place(packed, OBJECT.number), b"no block at all")
    with opened(packed) as index:
        assert [finding.table for finding in check_rows(index)] == ["object"]
        with pytest.raises(IndexCorrupt):
            index.get(INODE, number_key(1))


def test_a_sweep_leaves_a_block_whose_rows_are_none(packed: Path) -> None:
    """Its checksum is right, so this is not found before a row is decoded."""
    place = first_place(packed, OBJECT.number)
    content = Content(OBJECT.version, KeyForm.FIXED, [], [place[1:]], [["no", "object"]])
    change_packed(packed, place, encode_block(place, content))
    with opened(packed) as index:
        fill(index, MANY, 1000)  # so many objects that ids are shortened again
        pack_all(index)
        assert index.room.packed_rows > 3 * MANY
        with pytest.raises(IndexCorrupt):
            index.get(OBJECT, place[1:])


def test_a_replay_onto_a_damaged_block_succeeds(packed: Path, tmp_path: Path) -> None:
    change_packed(packed, first_place(packed, XATTR.number), b"no block at all")
    index = Index.open(packed, UUID)
    with index.operation() as operation:
        operation.put(XATTR, named_key(1, b"user.a"), RawRecord(b"new"))
        operation.delete(XATTR, named_key(2, b"user.a"))
    with opened(killed(index, packed, tmp_path / "killed")) as index:
        assert index.get(XATTR, named_key(1, b"user.a")) == RawRecord(b"new")


def test_a_lost_block_is_noticed_by_its_rows_being_too_few(packed: Path) -> None:
    change_packed(packed, first_place(packed, XATTR.number), None)
    with opened(packed) as index:
        (finding,) = check_rows(index)
    assert finding.text.startswith("index table xattr: has ")
    assert finding.text.endswith("rows, and says 800")


def test_a_tombstone_over_nothing_is_found(packed: Path) -> None:
    with opened(packed) as index:
        current = index._current
        database = current.databases[XATTR.number]
        current.transaction.put(b"\0nothing", TOMBSTONE, db=database)
        assert [finding.key for finding in check_rows(index)] == [b"\0nothing"]
        with index.operation() as operation:
            operation.delete(XATTR, b"\0nothing")
        assert list(check_rows(index)) == []


def test_damaged_counts_are_told_at_once(packed: Path) -> None:
    change_packed(packed, b"\0", b"damaged counts")
    with pytest.raises(IndexCorrupt, match="number of packed rows"):
        Index.open(packed, UUID)


def test_tables_with_blocks_of_ids_are_those_that_others_shorten() -> None:
    assert [table for table in TABLES if table.packed_keys is KeyForm.FIXED] == [OBJECT]


def test_a_sweep_ends_where_rows_of_unlike_size_meet(tmp_path: Path) -> None:
    """A small block of many short rows is made again with long ones, of which none fits in."""
    source = random.Random(0)
    Index.create(tmp_path, UUID)
    with opened(tmp_path) as index:
        with index.operation() as operation:
            for number in range(1000):
                key = named_key(2, b"%d" % number)
                operation.put(DIRENT, key, DirentRecord(1003 + number, 3 + number, 8))
            for number in range(1000):
                folder, name = 3 + number // 4, source.randbytes(32).hex().encode()
                record = DirentRecord(3000 + number, 3 + number % 4, 8)
                operation.put(DIRENT, named_key(folder, name), record)
        pack_all(index)
        assert index.count(DIRENT) == 2000


def test_what_was_looked_for_in_vain_is_found_once_it_is_there(index: Index) -> None:
    """Whether its row stands by itself or is packed."""

    def put_inodes(numbers: range) -> None:
        with index.operation() as operation:
            for number in numbers:
                operation.put(INODE, number_key(number), an_inode(number))
            assert operation.get(INODE, number_key(numbers[-1])) == an_inode(numbers[-1])

    put_inodes(range(2, 2 * MANY, 2))
    pack_all(index)
    missed = number_key(MANY + 1)
    assert index.get(INODE, missed) is None
    put_inodes(range(3, MANY + 2, 2))
    assert list(check_rows(index)) == []
    pack_all(index)
    assert index.room.unpacked_rows == 0
    assert index.get(INODE, missed) == an_inode(MANY + 1)
    with index.operation() as operation:
        assert operation.delete(INODE, missed)
    assert index.get(INODE, missed) is None
    assert list(check_rows(index)) == []
