"""The reader: the frame the index speaks of, verified, or an error that names the place."""

import os
from collections.abc import Callable, Iterator
from errno import EAGAIN, EIO, EMFILE, EOPNOTSUPP
from typing import NamedTuple

import pytest

from fsmodel.encoding.hashing import object_id
from fsmodel.errors import BackendError, FrameCorrupt, HashMismatch
from fsmodel.ids import ObjectId, PackId
from fsmodel.store import pack_reader
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import FRAME_BYTES_MAX, PACK_HEADER, Location
from fsmodel.store.pack_reader import PackReader, RawChunk, ReaderStatistics, verify_plain
from fsmodel.store.pack_writer import PackWriter
from tests.support.descriptors import open_below
from tests.support.packs import OTHER_STORE, STORE, failing, raw_frame, with_bit_flipped

DESCRIPTORS_EACH = 2  # of an open pack: to read on, and here and there


class Stored(NamedTuple):
    """An object in a pack."""

    data: bytes
    id: ObjectId
    location: Location


def store_objects(layout: StoreLayout, *batches: list[bytes]) -> list[Stored]:
    """Write each batch to a pack of its own."""
    writer = PackWriter(layout, STORE, pack_bytes_max=PACK_HEADER.size + 1)
    stored = []
    for batch in batches:
        locations = writer.append([raw_frame(data) for data in batch])
        stored += [Stored(d, object_id(d), at) for d, at in zip(batch, locations, strict=True)]
    writer.close()
    return stored


@pytest.fixture
def reader(layout: StoreLayout) -> Iterator[PackReader]:
    reader = PackReader(layout, STORE)
    yield reader
    reader.close()


@pytest.fixture
def stored(layout: StoreLayout) -> list[Stored]:
    return store_objects(layout, [b"first", b"second" * 100, b""])


Read = Callable[[PackReader, Location, ObjectId], bytes | None]


def read(reader: PackReader, location: Location, expected: ObjectId) -> bytes | None:
    return bytes(reader.read_frame(location, expected).payload)


def read_nowait(reader: PackReader, location: Location, expected: ObjectId) -> bytes | None:
    frame = reader.read_frame_nowait(location, expected)
    return bytes(frame.payload) if frame is not None else None


@pytest.mark.parametrize("how", [read, read_nowait])
def test_frames_come_back(reader: PackReader, stored: list[Stored], how: Read) -> None:
    reader.read_frame(stored[0].location, stored[0].id)  # opens the pack
    assert [how(reader, one.location, one.id) for one in stored] == [one.data for one in stored]


def test_nowait_never_opens_a_pack(reader: PackReader, stored: list[Stored]) -> None:
    assert reader.read_frame_nowait(stored[0].location, stored[0].id) is None
    assert reader.statistics().open_packs == 0


@pytest.mark.parametrize("how", [read, read_nowait])
def test_every_flipped_bit_hurts_only_its_own_frame(
    layout: StoreLayout, reader: PackReader, how: Read
) -> None:
    stored = store_objects(layout, [b"first", b"second", b"third"])
    reader.read_frame(stored[0].location, stored[0].id)
    path = layout.pack(stored[0].location.pack)
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        path.write_bytes(with_bit_flipped(whole, bit))
        for one in stored:
            hurt = one.location.offset <= bit // 8 < one.location.offset + one.location.stored
            if hurt:
                with pytest.raises(FrameCorrupt, match=str(one.location)):
                    how(reader, one.location, one.id)
            else:
                assert how(reader, one.location, one.id) == one.data


def test_a_pack_cut_short_is_a_corrupt_frame(
    layout: StoreLayout, reader: PackReader, stored: list[Stored]
) -> None:
    last = stored[1]
    path = layout.pack(last.location.pack)
    whole = path.read_bytes()
    end = last.location.offset + last.location.stored
    reader.read_frame(last.location, last.id)
    for length in range(end):
        path.write_bytes(whole[:length])
        with pytest.raises(FrameCorrupt, match=f"{last.location}: the pack ends after"):
            reader.read_frame(last.location, last.id)
        assert reader.read_frame_nowait(last.location, last.id) is None


@pytest.mark.parametrize("how", [read, read_nowait])
def test_an_index_that_names_the_wrong_frame_is_noticed(
    reader: PackReader, stored: list[Stored], how: Read
) -> None:
    first, second, _ = stored
    assert read(reader, first.location, first.id) == first.data
    with pytest.raises(FrameCorrupt, match=f"{first.id.hex()} stand where the index says"):
        how(reader, first.location, second.id)
    longer = first.location._replace(stored=first.location.stored + 1)
    with pytest.raises(FrameCorrupt, match="69 bytes of object"):
        how(reader, longer, first.id)
    shorter = first.location._replace(stored=first.location.stored - 1)
    with pytest.raises(FrameCorrupt, match="body bytes"):
        how(reader, shorter, first.id)


@pytest.mark.parametrize(
    "location",
    [
        Location(PackId(1), -1, 100),
        Location(PackId(1), PACK_HEADER.size - 1, 100),
        Location(PackId(1), 1 << 63, 100),
        Location(PackId(1), 1 << 80, 100),
        Location(PackId(1), 48, 63),
        Location(PackId(1), 48, -1),
        Location(PackId(1), 48, FRAME_BYTES_MAX + 1),
        Location(PackId(-1), 48, 100),
        Location(PackId(1 << 64), 48, 100),
    ],
)
@pytest.mark.parametrize("how", [read, read_nowait])
def test_impossible_places_are_refused(
    reader: PackReader, stored: list[Stored], location: Location, how: Read
) -> None:
    with pytest.raises(FrameCorrupt, match="can lie there"):
        how(reader, location, stored[0].id)


def test_a_place_behind_the_pack_holds_no_frame(reader: PackReader, stored: list[Stored]) -> None:
    with pytest.raises(FrameCorrupt, match="ends after 0 of its 100 bytes"):
        reader.read_frame(Location(PackId(1), 1 << 40, 100), stored[0].id)


def test_another_store_cannot_read_the_frames(layout: StoreLayout, stored: list[Stored]) -> None:
    with pytest.raises(FrameCorrupt):
        PackReader(layout, OTHER_STORE).read_frame(stored[0].location, stored[0].id)


def test_a_missing_pack_is_named(
    layout: StoreLayout, reader: PackReader, stored: list[Stored]
) -> None:
    layout.pack(PackId(1)).unlink()
    with pytest.raises(BackendError, match="pack 0000000000000001 offset 48: No such file"):
        reader.read_frame(stored[0].location, stored[0].id)


@pytest.mark.parametrize(("call", "number"), [("open", EMFILE), ("pread", EIO)])
def test_a_host_that_cannot_read_is_reported(
    reader: PackReader,
    stored: list[Stored],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(number))
        with pytest.raises(BackendError, match="offset 48: injected") as caught:
            reader.read_frame(stored[0].location, stored[0].id)
        assert caught.value.errno == number
    assert read(reader, stored[0].location, stored[0].id) == stored[0].data


class TestNowait:
    """Reads on the event loop: at once or not at all."""

    @pytest.fixture(autouse=True)
    def opened(self, reader: PackReader, stored: list[Stored]) -> None:
        reader.read_frame(stored[0].location, stored[0].id)

    def test_bytes_that_are_not_in_memory_are_left_to_a_thread(
        self, reader: PackReader, stored: list[Stored], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "preadv", failing(EAGAIN))
            assert read_nowait(reader, stored[0].location, stored[0].id) is None
        assert read_nowait(reader, stored[0].location, stored[0].id) == stored[0].data

    def test_half_a_frame_is_left_to_a_thread(
        self, reader: PackReader, stored: list[Stored], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "preadv", lambda *_: 10)
        assert read_nowait(reader, stored[0].location, stored[0].id) is None

    def test_a_host_without_nowait_is_asked_once(
        self, reader: PackReader, stored: list[Stored], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "preadv", failing(EOPNOTSUPP))
            assert read_nowait(reader, stored[0].location, stored[0].id) is None
        monkeypatch.setattr(os, "preadv", failing(EIO))
        assert read_nowait(reader, stored[0].location, stored[0].id) is None

    def test_other_failures_are_reported(
        self, reader: PackReader, stored: list[Stored], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "preadv", failing(EIO))
        with pytest.raises(BackendError, match="offset 48: injected"):
            read_nowait(reader, stored[0].location, stored[0].id)

    def test_it_never_waits(
        self, reader: PackReader, stored: list[Stored], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []
        preadv = os.preadv

        def logged(descriptor: int, buffers: list[bytearray], offset: int, flags: int) -> int:
            seen.append(flags)
            return preadv(descriptor, buffers, offset, flags)

        monkeypatch.setattr(os, "preadv", logged)
        read_nowait(reader, stored[0].location, stored[0].id)
        assert seen == [os.RWF_NOWAIT]


class TestOpenPacks:
    """The bounded cache of descriptors."""

    @pytest.fixture
    def stored(self, layout: StoreLayout) -> list[Stored]:
        return store_objects(layout, *([bytes([number])] for number in range(5)))

    def test_only_so_many_stay_open(self, layout: StoreLayout, stored: list[Stored]) -> None:
        reader = PackReader(layout, STORE, open_packs_max=3)
        before = len(open_below(layout.folder))
        for one in stored * 2:
            assert read(reader, one.location, one.id) == one.data
        assert reader.statistics().open_packs == 3
        assert len(open_below(layout.folder)) == before + 3 * DESCRIPTORS_EACH
        reader.close()
        assert len(open_below(layout.folder)) == before

    @pytest.mark.parametrize("how", [read, read_nowait])
    def test_the_least_recently_used_leaves_first(
        self, layout: StoreLayout, stored: list[Stored], how: Read
    ) -> None:
        reader = PackReader(layout, STORE, open_packs_max=2)
        first, second, third, *_ = stored
        read(reader, first.location, first.id)
        read(reader, second.location, second.id)
        how(reader, first.location, first.id)
        read(reader, third.location, third.id)
        assert read_nowait(reader, second.location, second.id) is None
        assert read_nowait(reader, first.location, first.id) == first.data

    def test_a_pack_that_leaves_during_a_read_is_read_to_the_end(
        self, reader: PackReader, stored: list[Stored], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = stored[0]
        pread = os.pread

        def closed_meanwhile(descriptor: int, size: int, offset: int) -> bytes:
            reader.close()
            return pread(descriptor, size, offset)

        monkeypatch.setattr(os, "pread", closed_meanwhile)
        assert read(reader, one.location, one.id) == one.data

    def test_two_threads_that_open_one_pack_share_it(
        self,
        layout: StoreLayout,
        reader: PackReader,
        stored: list[Stored],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        one = stored[0]
        before = len(open_below(layout.folder))
        real_open = os.open

        def opened_by_another_meanwhile(*arguments: object) -> int:
            monkeypatch.setattr(os, "open", real_open)
            reader.read_frame(one.location, one.id)
            return real_open(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "open", opened_by_another_meanwhile)
        assert read(reader, one.location, one.id) == one.data
        assert len(open_below(layout.folder)) == before + DESCRIPTORS_EACH

    def test_a_forgotten_pack_is_opened_anew(
        self, layout: StoreLayout, reader: PackReader, stored: list[Stored]
    ) -> None:
        one = stored[0]
        read(reader, one.location, one.id)
        layout.pack(one.location.pack).unlink()
        assert read(reader, one.location, one.id) == one.data
        reader.forget(one.location.pack)
        reader.forget(one.location.pack)
        with pytest.raises(BackendError):
            read(reader, one.location, one.id)


def test_the_statistics_count(reader: PackReader, stored: list[Stored]) -> None:
    for one in stored:
        reader.read_frame(one.location, one.id)
    size = sum(one.location.stored for one in stored)
    assert reader.statistics() == ReaderStatistics(1, frames_read=3, bytes_read=size)


def test_bytes_are_held_against_their_id() -> None:
    verify_plain(object_id(b"right"), memoryview(b"right"), "here")
    with pytest.raises(HashMismatch, match="at pack 0000000000000003 offset 48"):
        verify_plain(object_id(b"right"), b"wrong", Location(PackId(3), 48, 100))


THREE = [b"first", b"second" * 100, b"third"]
CHECKSUM = range(8, 16)  # of a frame's header: covers the body, as the id does


def raw_chunks(reader: PackReader, stored: list[Stored]) -> tuple[int, bytes]:
    """How many chunks are read by one call, and what stands in the buffer then."""
    wanted = [RawChunk(one.id, len(one.data)) for one in stored]
    buffer = bytearray(sum(chunk.size for chunk in wanted))
    return reader.read_raw_chunks(stored[0].location, wanted, memoryview(buffer)), bytes(buffer)


def test_neighbours_are_read_by_one_call(layout: StoreLayout, reader: PackReader) -> None:
    stored = store_objects(layout, THREE)
    assert raw_chunks(reader, stored) == (3, b"".join(THREE))
    assert reader.statistics().frames_read == 3
    assert reader.statistics().bytes_read == sum(one.location.stored for one in stored)
    assert raw_chunks(reader, stored[1:]) == (2, b"".join(THREE[1:]))


def test_a_chunk_that_lies_elsewhere_ends_what_is_read(
    layout: StoreLayout, reader: PackReader
) -> None:
    stored = store_objects(layout, THREE)
    count, buffer = raw_chunks(reader, [stored[0], stored[2]])
    assert (count, buffer[:5]) == (1, b"first")
    assert raw_chunks(reader, [stored[1]._replace(location=stored[0].location)])[0] == 0


def test_every_flipped_bit_ends_what_is_read_of_neighbours(
    layout: StoreLayout, reader: PackReader
) -> None:
    stored = store_objects(layout, [b"first", b"second", b"third"])
    raw_chunks(reader, stored)
    path = layout.pack(stored[0].location.pack)
    whole = path.read_bytes()
    for bit in range(8 * stored[0].location.offset, 8 * len(whole)):
        path.write_bytes(with_bit_flipped(whole, bit))
        hurt = max(n for n, one in enumerate(stored) if one.location.offset <= bit // 8)
        if bit // 8 - stored[hurt].location.offset in CHECKSUM:
            assert raw_chunks(reader, stored) == (3, b"firstsecondthird")
        else:
            assert raw_chunks(reader, stored)[0] == hurt


def test_neighbours_of_a_pack_cut_short(layout: StoreLayout, reader: PackReader) -> None:
    stored = store_objects(layout, [b"first", b"second", b"third"])
    raw_chunks(reader, stored)
    path = layout.pack(stored[0].location.pack)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        ends = [one.location.offset + one.location.stored for one in stored]
        assert raw_chunks(reader, stored)[0] == sum(end <= length for end in ends)


@pytest.mark.parametrize("number", [EIO, EMFILE])
def test_neighbours_that_the_host_cannot_read(
    layout: StoreLayout, reader: PackReader, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    stored = store_objects(layout, THREE)
    monkeypatch.setattr(pack_reader, "read_chunks", failing(number))
    assert raw_chunks(reader, stored)[0] == 0


def test_no_neighbours_where_no_frame_can_lie(reader: PackReader, stored: list[Stored]) -> None:
    nowhere = stored[0].location._replace(offset=0)
    assert raw_chunks(reader, [stored[0]._replace(location=nowhere)])[0] == 0


def raw_part(reader: PackReader, one: Stored, low: int, high: int) -> bytes | None:
    chunk = RawChunk(one.id, len(one.data))
    return reader.read_raw_part_nowait(one.location[:2], chunk, low, high)


def test_a_part_of_a_chunk_is_read_at_once(layout: StoreLayout, reader: PackReader) -> None:
    stored = store_objects(layout, THREE)
    assert raw_part(reader, stored[1], 3, 9) is None  # the pack is not open
    reader.read_frame(stored[0].location, stored[0].id)
    parts = [raw_part(reader, one, 2, 5) for one in (stored[1], stored[0], stored[2])]
    assert parts == [THREE[1][2:5], b"rst", b"ird"]
    assert raw_part(reader, stored[1], 0, len(THREE[1])) == THREE[1]
    assert parts[1] == b"rst"  # what is read later goes through the same memory


def test_the_host_brings_no_more_of_a_large_chunk_than_it_is_asked_for(
    layout: StoreLayout, reader: PackReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would read ahead of what looks like a stream, as it may of small chunks in a row."""
    advised: dict[int, int] = {}
    used: list[int] = []

    def advise(descriptor: int, start: int, length: int, advice: int) -> None:
        assert start == length == 0
        advised[descriptor] = advice

    def note(descriptor: int, *_: object) -> bytes:
        used.append(descriptor)
        return b"part"

    monkeypatch.setattr(os, "posix_fadvise", advise)
    monkeypatch.setattr(pack_reader, "read_part", note)
    monkeypatch.setattr(pack_reader, "bring_part", note)
    small, large = store_objects(layout, [b"small", bytes(range(256)) * 1024])
    reader.read_frame(small.location, small.id)
    for one in (small, large):
        chunk = RawChunk(one.id, len(one.data))
        reader.read_raw_part_nowait(one.location[:2], chunk, 0, 1)
        reader.read_raw_part(one.location, chunk, 0, 1)
    assert [advised.get(each) for each in used] == [None, None, *2 * [os.POSIX_FADV_RANDOM]]


def test_parts_are_counted_as_the_frames_they_are_of(
    layout: StoreLayout, reader: PackReader
) -> None:
    stored = store_objects(layout, THREE)
    reader.read_frame(stored[0].location, stored[0].id)
    before = reader.statistics()
    assert [raw_part(reader, one, 0, len(one.data)) for one in stored] == THREE
    after = reader.statistics()
    assert after.frames_read - before.frames_read == 3
    assert after.bytes_read - before.bytes_read == sum(one.location.stored for one in stored)
    assert raw_part(reader, stored[0]._replace(location=stored[1].location), 0, 1) is None
    assert reader.statistics() == after


@pytest.mark.parametrize("number", [EAGAIN, EIO, EOPNOTSUPP])
def test_no_part_of_what_is_not_in_memory(
    layout: StoreLayout, reader: PackReader, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (stored,) = store_objects(layout, [b"only"])
    reader.read_frame(stored.location, stored.id)
    monkeypatch.setattr(pack_reader, "read_part", failing(number))
    assert raw_part(reader, stored, 0, 1) is None


def test_no_part_of_a_damaged_chunk_is_given(layout: StoreLayout, reader: PackReader) -> None:
    (stored,) = store_objects(layout, [b"only"])
    reader.read_frame(stored.location, stored.id)
    path = layout.pack(stored.location.pack)
    whole = path.read_bytes()
    for bit in range(8 * stored.location.offset, 8 * len(whole)):
        path.write_bytes(with_bit_flipped(whole, bit))
        in_checksum = bit // 8 - stored.location.offset in CHECKSUM
        assert raw_part(reader, stored, 0, 1) == (b"o" if in_checksum else None)
    path.write_bytes(whole[:-1])
    assert raw_part(reader, stored, 0, 1) is None


def test_a_descriptor_stays_open_though_its_pack_is_forgotten(
    reader: PackReader, stored: list[Stored]
) -> None:
    first = stored[0]
    with reader.descriptor(first.location.pack) as descriptor:
        reader.forget(first.location.pack)
        reader.close()
        frame = os.pread(descriptor, first.location.stored, first.location.offset)
        assert frame.endswith(first.data)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_pack_that_is_not_there_has_no_descriptor(reader: PackReader) -> None:
    with reader.descriptor(PackId(77)) as descriptor:
        assert descriptor == -1
