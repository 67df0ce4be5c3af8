"""Objects become groups of neighbours, and each can be read from where its row says."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import DataError, FrameCorrupt, HashMismatch
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.drafts import NewObject
from fsmodel.store.epochs import Epoch
from fsmodel.store.group_format import GROUP_MEMBERS_MAX, group_bytes
from fsmodel.store.group_writer import GroupLimits, append_grouped, split_into_runs
from fsmodel.store.layout import StoreLayout
from fsmodel.store.object_reader import Located, ObjectReader, locate
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.read_back import require_stored
from lmdb_index.records import ObjectRecord
from tests.support.packs import STORE, with_bit_flipped

EPOCH = Epoch()
DATA = [b"page %d of a tree, " % number * 40 for number in range(30)]


def new_object(data: bytes, kind: ObjectKind = ObjectKind.TREE) -> NewObject:
    return NewObject(kind, object_id(data), data)


class Packs:
    """Groups in packs, with the rows that point at them."""

    def __init__(self, layout: StoreLayout) -> None:
        self.writer = PackWriter(layout, STORE)
        self.packs = PackReader(layout, STORE)
        self.cache = ByteCache(1 << 20)
        self.reader = ObjectReader(self.packs, self.cache)
        self.rows: dict[ObjectId, ObjectRecord] = {}

    def append(self, data: list[bytes], plain_bytes: int = 8_000) -> list[ObjectRecord]:
        new = [new_object(each) for each in data]
        records = append_grouped(self.writer, new, GroupLimits(3, plain_bytes))
        self.rows |= {each.id: record for each, record in zip(new, records, strict=True)}
        return records

    def locate(self, data: bytes) -> Located:
        return locate(self.rows.get, object_id(data), EPOCH)

    def read(self, data: bytes) -> bytes:
        return self.reader.read(self.locate(data))


@pytest.fixture
def packs(layout: StoreLayout) -> Iterator[Packs]:
    made = Packs(layout)
    yield made
    made.writer.close()
    made.packs.close()


def test_every_member_is_read_and_brings_those_in_front_of_it(packs: Packs) -> None:
    packs.append(DATA)
    assert packs.read(DATA[4]) == DATA[4]
    for number in range(4):
        assert packs.reader.read_nowait(packs.locate(DATA[number])) == DATA[number]
    assert packs.reader.read_nowait(packs.locate(DATA[5])) is None
    assert [packs.read(data) for data in DATA] == DATA
    groups = {record.offset for record in packs.rows.values()}
    assert packs.packs.statistics().frames_read == len(groups) > 1


def test_shares_are_what_was_appended(packs: Packs) -> None:
    records = packs.append(DATA)
    assert sum(record.stored for record in records) == packs.writer.statistics().appended_bytes


def test_a_single_object_and_one_too_large_stand_alone(packs: Packs) -> None:
    (alone,) = packs.append([b"alone"])
    _, large, _ = packs.append([b"a" * 400, b"b" * 9_000, b"c" * 400])
    for record in (alone, large):
        assert record.codec != Codec.GROUP
        assert record.frame == 0
    assert packs.read(b"b" * 9_000) == b"b" * 9_000


def test_no_group_is_made_of_more_members_than_bytes(packs: Packs) -> None:
    new = [new_object(b"x")] * 500
    records = append_grouped(packs.writer, new, GroupLimits(3))
    assert {record.codec for record in records} == {Codec.RAW}


def test_a_read_without_waiting_does_not_decode_a_group(packs: Packs) -> None:
    packs.append(DATA)
    packs.read(DATA[-1])  # opens the pack
    assert packs.reader.read_nowait(packs.locate(DATA[0])) is None


def test_a_row_that_names_another_member_is_noticed(packs: Packs) -> None:
    packs.append(DATA)
    row = packs.rows[object_id(DATA[0])]
    row.member = 1
    with pytest.raises(HashMismatch):
        packs.read(DATA[0])
    packs.cache.drop(object_id(DATA[0]))
    row.member = 1000
    with pytest.raises(FrameCorrupt, match="member 1000 of"):
        packs.read(DATA[0])


def test_what_is_at_hand_of_a_group_is_verified_too(packs: Packs) -> None:
    packs.append(DATA)
    packs.read(DATA[4])
    packs.rows[object_id(DATA[2])].member = 3
    with pytest.raises(HashMismatch):
        packs.reader.read_nowait(packs.locate(DATA[2]))
    assert object_id(DATA[2]) not in packs.cache


def test_a_group_that_was_damaged_is_read_again(packs: Packs, layout: StoreLayout) -> None:
    packs.append(DATA)
    row = packs.rows[object_id(DATA[0])]
    path = layout.pack(PackId(row.pack))
    whole = path.read_bytes()
    path.write_bytes(with_bit_flipped(whole, 8 * (row.offset + row.frame) - 1))
    with pytest.raises(FrameCorrupt):
        packs.read(DATA[0])
    path.write_bytes(whole)
    assert packs.read(DATA[0]) == DATA[0]


def test_a_row_that_mistakes_an_object_for_a_group_or_the_other_way_is_noticed(
    packs: Packs,
) -> None:
    packs.append([b"alone"])
    packs.append(DATA[:2])
    alone, member = packs.rows[object_id(b"alone")], packs.rows[object_id(DATA[0])]
    alone.codec, alone.frame = Codec.GROUP, alone.stored
    member.codec, member.stored, member.frame = Codec.ZSTD, member.frame, 0
    for data in (b"alone", DATA[0]):
        with pytest.raises(FrameCorrupt):
            packs.read(data)
        with pytest.raises(DataError):
            packs.reader.verify(packs.locate(data))


def test_what_was_written_is_read_back(packs: Packs) -> None:
    new = [new_object(data) for data in [*DATA, b"large" * 3_000]]
    records = append_grouped(packs.writer, new, GroupLimits(3, 8_000))
    require_stored(packs.packs, [each.id for each in new], records)
    records[0], records[1] = records[1], records[0]
    with pytest.raises(HashMismatch):
        require_stored(packs.packs, [each.id for each in new], records)


@given(sizes=st.lists(st.integers(0, 5_000)), limit=st.integers(100, 9_000))
def test_runs_are_all_objects_in_order_and_fit(sizes: list[int], limit: int) -> None:
    runs = list(split_into_runs(sizes, limit))
    assert [at for run in runs for at in run] == list(range(len(sizes)))
    for run in runs:
        held = sizes[run.start : run.stop]
        assert len(run) == 1 or group_bytes(held) <= limit


def test_a_run_has_a_bounded_number_of_members() -> None:
    assert [len(run) for run in split_into_runs([0] * 1500, 1 << 20)] == [GROUP_MEMBERS_MAX, 476]
