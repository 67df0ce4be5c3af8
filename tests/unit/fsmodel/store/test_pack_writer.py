"""The writer: batches whole or not at all, durable when it says so, and never twice in a place."""

import os
import resource
import threading
from collections.abc import Callable, Iterator
from errno import EDQUOT, EFBIG, EIO, EMFILE, ENOMEM, ENOSPC
from pathlib import Path

import pytest

from fsmodel.encoding.hashing import object_id
from fsmodel.errors import BackendError, NoSpace
from fsmodel.ids import PackId
from fsmodel.store import pack_writer
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import (
    FRAME_HEADER,
    PACK_HEADER,
    Location,
    check_pack_header,
    pack_seed,
    parse_frame,
)
from fsmodel.store.pack_scan import Damage, FoundFrame, scan_pack
from fsmodel.store.pack_writer import WRITEBACK_BYTES, PackWriter, WriterStatistics
from fsmodel.store.sections import section_values
from tests.support.packs import STORE, failing, raw_frame

FIRST = PackId(1)
SECOND = PackId(2)


@pytest.fixture
def writer(layout: StoreLayout) -> Iterator[PackWriter]:
    writer = PackWriter(layout, STORE)
    yield writer
    writer.close()


def small_packs(layout: StoreLayout) -> PackWriter:
    """A writer with room for two frames of 100 bytes in a pack."""
    return PackWriter(layout, STORE, pack_bytes_max=PACK_HEADER.size + 2 * (64 + 100))


def append_one(writer: PackWriter, data: bytes) -> Location:
    (location,) = writer.append([raw_frame(data)])
    return location


def stored(layout: StoreLayout, location: Location) -> bytes:
    """The payload at a location, read from the file."""
    block = layout.pack(location.pack).read_bytes()
    seed = pack_seed(STORE, location.pack)
    frame = parse_frame(block, location.offset, seed, location)
    assert frame.size == location.stored
    return bytes(frame.payload)


def contents(layout: StoreLayout, pack: PackId) -> list[bytes]:
    """The payloads a scan finds in a pack, all of which must be whole."""
    found = list(scan_pack(layout, STORE, pack))
    assert all(isinstance(item, FoundFrame) for item in found)
    return [bytes(item.frame.payload) for item in found if isinstance(item, FoundFrame)]


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_chunks_as_they_are_lie_where_the_locations_say(
    layout: StoreLayout, writer: PackWriter
) -> None:
    data = [bytes(500), b"short", b"long" * 50_000]
    locations = writer.append_chunks(
        [(object_id(piece), piece, section_values(piece)) for piece in data]
    )
    assert [stored(layout, location) for location in locations] == data
    assert writer.append_chunks([]) == []
    assert contents(layout, FIRST) == data
    assert writer.statistics().appended_frames == len(data)


def test_a_batch_lies_where_the_locations_say(layout: StoreLayout, writer: PackWriter) -> None:
    data = [b"one", b"", b"three" * 1000]
    locations = writer.append([raw_frame(piece) for piece in data])
    assert [stored(layout, location) for location in locations] == data
    assert locations[0] == (FIRST, PACK_HEADER.size, FRAME_HEADER.size + 3)


def test_batches_follow_each_other_without_a_gap(layout: StoreLayout, writer: PackWriter) -> None:
    first = append_one(writer, b"first")
    second = append_one(writer, b"second")
    assert second.offset == first.offset + first.stored
    assert contents(layout, FIRST) == [b"first", b"second"]


def test_no_pack_is_made_before_it_is_needed(layout: StoreLayout, writer: PackWriter) -> None:
    assert writer.append([]) == []
    assert list(layout.pack_numbers()) == []
    assert (writer.unsynced, writer.current) == (False, None)


def test_a_pack_opens_with_its_header(layout: StoreLayout, writer: PackWriter) -> None:
    append_one(writer, b"x")
    check_pack_header(layout.pack(FIRST).read_bytes(), STORE, FIRST)


def test_packs_are_private(layout: StoreLayout, writer: PackWriter) -> None:
    append_one(writer, b"x")
    path = layout.pack(FIRST)
    assert path == layout.folder / "packs" / "01" / "0000000000000001.pack"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_full_pack_is_followed_by_the_next(layout: StoreLayout) -> None:
    writer = small_packs(layout)
    locations = [append_one(writer, bytes([number]) * 100) for number in range(5)]
    assert [location.pack for location in locations] == [1, 1, 2, 2, 3]
    assert writer.current == 3
    assert [stored(layout, place) for place in locations] == [bytes([n]) * 100 for n in range(5)]
    writer.close()


def test_a_batch_is_never_split_over_packs(layout: StoreLayout) -> None:
    writer = small_packs(layout)
    append_one(writer, bytes(100))
    batch = writer.append([raw_frame(bytes(100)) for _ in range(5)])
    assert {location.pack for location in batch} == {SECOND}
    writer.close()


def test_more_frames_than_one_system_call_takes(layout: StoreLayout, writer: PackWriter) -> None:
    data = [number.to_bytes(2, "little") for number in range(3000)]
    writer.append([raw_frame(piece) for piece in data])
    assert contents(layout, FIRST) == data


def writes_logged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many parts each write from now on has."""
    calls: list[int] = []
    pwritev = os.pwritev

    def logged(descriptor: int, parts: list[memoryview], offset: int) -> int:
        calls.append(len(parts))
        return pwritev(descriptor, parts, offset)

    monkeypatch.setattr(os, "pwritev", logged)
    return calls


def test_a_batch_is_one_write(writer: PackWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    append_one(writer, b"so that the pack exists")
    calls = writes_logged(monkeypatch)
    writer.append([raw_frame(b"a" * size) for size in (10, 20, 30)])
    assert calls == [6]


def test_a_long_batch_is_written_a_few_frames_at_a_time(
    layout: StoreLayout, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_writer, "AT_ONCE_BYTES", 1_000)
    append_one(writer, b"so that the pack exists")
    calls = writes_logged(monkeypatch)
    data = [bytes([number]) * 400 for number in range(8)]
    places = writer.append([raw_frame(piece) for piece in data])
    assert calls == [6, 6, 4]
    assert [stored(layout, place) for place in places] == data


def test_appends_from_several_threads(layout: StoreLayout) -> None:
    writer = PackWriter(layout, STORE, pack_bytes_max=64 << 10)
    found: dict[Location, bytes] = {}

    def append(name: int) -> None:
        for number in range(50):
            data = [bytes([name, number, part]) * 200 for part in range(3)]
            found.update(zip(writer.append([raw_frame(x) for x in data]), data, strict=True))
            if number % 20 == name:
                writer.sync()

    threads = [threading.Thread(target=append, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 * 50 * 3
    assert all(stored(layout, location) == data for location, data in found.items())
    assert all(contents(layout, pack) for pack in layout.pack_numbers())
    writer.close()


class TestEarlierRuns:
    """Pack files that were there before the writer."""

    def test_a_new_run_begins_a_new_pack(self, layout: StoreLayout, writer: PackWriter) -> None:
        append_one(writer, b"first run")
        before = layout.pack(FIRST).read_bytes()
        second = PackWriter(layout, STORE)
        assert append_one(second, b"second run").pack == SECOND
        assert layout.pack(FIRST).read_bytes() == before
        second.close()

    def test_known_numbers_are_not_used_again(self, layout: StoreLayout) -> None:
        writer = PackWriter(layout, STORE, known=[PackId(3), PackId(40)])
        assert append_one(writer, b"x").pack == 41
        writer.close()

    def test_files_count_even_when_nobody_knows_them(self, layout: StoreLayout) -> None:
        path = layout.pack(PackId(0x1FF))
        path.parent.mkdir()
        path.write_bytes(b"torn")
        writer = PackWriter(layout, STORE, known=[PackId(3)])
        assert append_one(writer, b"x").pack == 0x200
        assert path.read_bytes() == b"torn"
        writer.close()

    def test_their_packs_are_synced_once(
        self, layout: StoreLayout, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_one(writer, b"killed before it was synced")
        second = PackWriter(layout, STORE)
        assert second.unsynced
        log = SyncLog(monkeypatch)
        second.sync()
        assert log.names == ["0000000000000001.pack", "01", "packs"]
        second.sync()
        assert len(log.names) == 3
        assert not second.unsynced
        second.close()

    def test_packs_known_to_be_durable_are_left_alone(
        self, layout: StoreLayout, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_one(writer, b"synced long ago")
        log = SyncLog(monkeypatch)
        second = PackWriter(layout, STORE, durable={FIRST})
        second.sync()
        assert (second.unsynced, log.names) == (False, [])
        second.close()

    def test_a_pack_deleted_before_the_first_sync_is_no_failure(
        self, layout: StoreLayout, writer: PackWriter
    ) -> None:
        append_one(writer, b"collected")
        second = PackWriter(layout, STORE)
        layout.pack(FIRST).unlink()
        second.sync()
        assert not second.unsynced
        second.close()


class SyncLog:
    """The names of files and folders in the order they are synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, self._logged(getattr(os, name)))

    def _logged(self, call: Callable[[int], None]) -> Callable[[int], None]:
        def logged(descriptor: int) -> None:
            self.names.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
            call(descriptor)

        return logged


class TestSync:
    """What is made durable, and when."""

    def test_a_new_pack_is_synced_with_the_folders_that_name_it(
        self, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = SyncLog(monkeypatch)
        append_one(writer, b"x")
        assert writer.unsynced
        writer.sync()
        assert log.names == ["0000000000000001.pack", "01", "packs"]
        assert not writer.unsynced

    def test_later_only_the_pack_is_synced(
        self, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_one(writer, b"x")
        writer.sync()
        log = SyncLog(monkeypatch)
        append_one(writer, b"y")
        writer.sync()
        assert log.names == ["0000000000000001.pack"]

    def test_nothing_new_means_nothing_to_sync(
        self, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_one(writer, b"x")
        writer.sync()
        log = SyncLog(monkeypatch)
        writer.sync()
        assert log.names == []

    def test_every_pack_that_grew_is_synced(
        self, layout: StoreLayout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer = small_packs(layout)
        for _ in range(5):
            append_one(writer, bytes(100))
        log = SyncLog(monkeypatch)
        writer.sync()
        assert [name for name in log.names if name.endswith(".pack")] == [
            f"{number:016x}.pack" for number in (1, 2, 3)
        ]
        writer.close()

    def test_the_disk_is_given_whole_pages_long_before_a_sync(
        self, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[tuple[str, int, int]] = []

        def note(descriptor: int, offset: int, count: int) -> None:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            begun.append((os.path.basename(path), offset, count))

        monkeypatch.setattr(pack_writer, "start_writeback", note)
        descriptors = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            append_one(writer, bytes(WRITEBACK_BYTES // 2))
        first = FIRST.to_bytes(8).hex() + ".pack"
        assert begun == [
            (first, 0, WRITEBACK_BYTES),
            (first, WRITEBACK_BYTES, WRITEBACK_BYTES),
        ]
        writer.sync()
        append_one(writer, bytes(WRITEBACK_BYTES // 2))
        assert len(begun) == 2  # what was synced is not given once more
        append_one(writer, bytes(WRITEBACK_BYTES // 2))
        assert begun[2:] == [(first, WRITEBACK_BYTES * 5 // 2, WRITEBACK_BYTES)]
        assert len(os.listdir("/proc/self/fd")) == descriptors + 1  # the pack's own

    def test_an_append_needs_no_second_descriptor(
        self, layout: StoreLayout, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_one(writer, b"before")
        monkeypatch.setattr(os, "dup", failing(EMFILE))
        last = append_one(writer, bytes(WRITEBACK_BYTES))
        assert stored(layout, last) == bytes(WRITEBACK_BYTES)

    def test_what_is_appended_during_a_sync_is_left_for_the_next(
        self, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_one(writer, b"before")
        fdatasync = os.fdatasync

        def append_meanwhile(descriptor: int) -> None:
            fdatasync(descriptor)
            append_one(writer, b"meanwhile")

        monkeypatch.setattr(os, "fdatasync", append_meanwhile)
        writer.sync()
        assert writer.unsynced
        monkeypatch.setattr(os, "fdatasync", fdatasync)
        writer.sync()
        assert not writer.unsynced

    def test_durable_below_follows_what_is_synced(self, layout: StoreLayout) -> None:
        writer = small_packs(layout)
        assert writer.durable_below == 1
        for _ in range(5):
            append_one(writer, bytes(100))
        assert writer.durable_below == 1
        writer.sync()
        assert writer.durable_below == writer.current == 3
        writer.close()
        assert PackWriter(layout, STORE).durable_below == 1
        assert PackWriter(layout, STORE, durable=range(3)).durable_below == 3
        assert PackWriter(layout, STORE, durable=range(4)).durable_below == 4

    def test_full_packs_close_once_they_are_durable(self, layout: StoreLayout) -> None:
        writer = small_packs(layout)
        before = open_descriptors()
        for _ in range(9):
            append_one(writer, bytes(100))
        assert open_descriptors() == before + 5
        writer.sync()
        assert open_descriptors() == before + 1
        for _ in range(2):
            append_one(writer, bytes(100))
        writer.sync()
        assert open_descriptors() == before + 1
        writer.close()
        assert open_descriptors() == before

    def test_unsynced_packs_are_bounded(
        self, layout: StoreLayout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pack_writer, "UNSYNCED_PACKS_MAX", 3)
        writer = small_packs(layout)
        for _ in range(40):
            append_one(writer, bytes(100))
            assert writer.statistics().unsynced_packs <= 4
        assert writer.statistics().syncs > 0
        writer.close()

    def test_a_failed_sync_is_final(
        self, layout: StoreLayout, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The kernel drops dirty pages it could not write and then reports success."""
        append_one(writer, b"perhaps lost")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", failing(EIO))
            with pytest.raises(BackendError, match="packs: injected"):
                writer.sync()
        for _ in range(2):
            with pytest.raises(BackendError, match="packs: injected"):
                writer.sync()
            with pytest.raises(BackendError, match="packs: injected"):
                append_one(writer, b"x")
        assert writer.unsynced
        assert contents(layout, FIRST) == [b"perhaps lost"]

    def test_a_folder_that_cannot_be_synced_is_a_failed_sync(
        self, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_one(writer, b"x")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", failing(ENOSPC))
            with pytest.raises(BackendError):
                writer.sync()
        with pytest.raises(BackendError):
            writer.sync()

    @pytest.mark.parametrize("number", [EMFILE, ENOMEM])
    def test_a_folder_that_cannot_even_be_opened_is_synced_later(
        self, writer: PackWriter, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """Nothing was tried, so nothing is lost: there is no reason to refuse all that follows."""
        append_one(writer, b"x")
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", failing(number))
            with pytest.raises(BackendError):
                writer.sync()
        assert writer.unsynced
        append_one(writer, b"y")
        writer.sync()
        assert not writer.unsynced


class FaultyWrites:
    """pwritev that takes only so many bytes in all, and then fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, number: int) -> None:
        self._pwritev = os.pwritev
        self._room = room
        self._number = number
        monkeypatch.setattr(os, "pwritev", self)

    def __call__(self, descriptor: int, parts: list[memoryview], offset: int) -> int:
        taken = b"".join(parts)[: self._room]
        if not taken:
            raise OSError(self._number, "injected")
        self._room -= len(taken)
        return self._pwritev(descriptor, [taken], offset)


class TestFailingHost:
    """Every call that can fail, failing."""

    @pytest.mark.parametrize("number", [ENOSPC, EDQUOT, EIO])
    @pytest.mark.parametrize("room", [0, 1, 63, 64, 70, 500])
    @pytest.mark.parametrize("at_once", [1, 1 << 20])
    def test_a_failed_append_leaves_nothing(
        self,
        layout: StoreLayout,
        writer: PackWriter,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        room: int,
        at_once: int,
    ) -> None:
        monkeypatch.setattr(pack_writer, "AT_ONCE_BYTES", at_once)
        append_one(writer, b"before")
        size = layout.pack(FIRST).stat().st_size
        with monkeypatch.context() as patch:
            FaultyWrites(patch, room, number)
            expected = BackendError if number == EIO else NoSpace
            with pytest.raises(expected, match=r"0000000000000001\.pack: injected"):
                writer.append([raw_frame(bytes(300)), raw_frame(bytes(300))])
        assert layout.pack(FIRST).stat().st_size == size
        assert append_one(writer, b"after").offset == size
        assert contents(layout, FIRST) == [b"before", b"after"]

    def test_chunks_as_they_are_leave_nothing_either(
        self, layout: StoreLayout, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(descriptor: int, offset: int, *_: object) -> None:
            os.pwrite(descriptor, bytes(100), offset)
            raise OSError(ENOSPC, "injected")

        append_one(writer, b"before")
        size = layout.pack(FIRST).stat().st_size
        chunk = object_id(bytes(300)), bytes(300), b""
        with monkeypatch.context() as patch:
            patch.setattr(pack_writer, "write_chunks", fail)
            with pytest.raises(NoSpace, match="injected"):
                writer.append_chunks([chunk, chunk])
        assert layout.pack(FIRST).stat().st_size == size
        assert [each.offset for each in writer.append_chunks([chunk])] == [size]
        assert contents(layout, FIRST) == [b"before", bytes(300)]

    @pytest.mark.parametrize("step", [1, 7, 64, 100])
    def test_short_writes_are_continued(
        self,
        layout: StoreLayout,
        writer: PackWriter,
        monkeypatch: pytest.MonkeyPatch,
        step: int,
    ) -> None:
        pwritev = os.pwritev

        def short(descriptor: int, parts: list[memoryview], offset: int) -> int:
            return pwritev(descriptor, [b"".join(parts)[:step]], offset)

        monkeypatch.setattr(os, "pwritev", short)
        writer.append([raw_frame(b"a" * 100), raw_frame(b"b" * 100)])
        assert contents(layout, FIRST) == [b"a" * 100, b"b" * 100]

    def test_a_kernel_that_stops_in_the_middle(
        self, layout: StoreLayout, writer: PackWriter
    ) -> None:
        """A limit on file sizes makes the real kernel take a part of a batch, then refuse."""
        append_one(writer, b"before")
        size = layout.pack(FIRST).stat().st_size
        former = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 500, former[1]))
        try:
            with pytest.raises(BackendError, match=os.strerror(EFBIG)):
                writer.append([raw_frame(bytes(300)), raw_frame(bytes(300))])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, former)
        assert layout.pack(FIRST).stat().st_size == size
        append_one(writer, b"after")
        assert contents(layout, FIRST) == [b"before", b"after"]

    def test_a_host_that_takes_nothing_is_a_failure(
        self, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_one(writer, b"before")
        monkeypatch.setattr(os, "pwritev", lambda *_: 0)
        with pytest.raises(BackendError, match="takes no more bytes"):
            append_one(writer, b"x")

    def test_a_torn_tail_that_stays_hides_nothing(
        self, layout: StoreLayout, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_one(writer, b"before")
        with monkeypatch.context() as patch:
            FaultyWrites(patch, 100, EIO)
            patch.setattr(os, "ftruncate", failing(EIO))
            with pytest.raises(BackendError):
                append_one(writer, bytes(300))
        assert writer.current is None
        assert append_one(writer, b"after").pack == SECOND
        found = list(scan_pack(layout, STORE, FIRST))
        assert isinstance(found[0], FoundFrame)
        assert isinstance(found[1], Damage)
        assert contents(layout, SECOND) == [b"after"]
        writer.sync()
        assert not writer.unsynced

    def test_a_torn_tail_in_a_synced_pack_leaks_no_descriptor(
        self, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = open_descriptors()
        append_one(writer, b"before")
        writer.sync()
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwritev", failing(EIO))
            patch.setattr(os, "ftruncate", failing(EIO))
            with pytest.raises(BackendError):
                append_one(writer, b"x")
        assert open_descriptors() == before

    @pytest.mark.parametrize(("number", "error"), [(ENOSPC, NoSpace), (EMFILE, BackendError)])
    def test_a_pack_that_cannot_be_opened(
        self,
        writer: PackWriter,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        error: type[Exception],
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", failing(number))
            with pytest.raises(error, match=r"\.pack: injected"):
                append_one(writer, b"x")
        assert append_one(writer, b"y").pack == SECOND

    def test_a_pack_whose_header_cannot_be_written_goes_away(
        self, layout: StoreLayout, writer: PackWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = open_descriptors()
        with monkeypatch.context() as patch:
            FaultyWrites(patch, 10, ENOSPC)
            with pytest.raises(NoSpace):
                append_one(writer, b"x")
        assert list(layout.pack_numbers()) == []
        assert open_descriptors() == before
        assert append_one(writer, b"y").pack == SECOND

    def test_a_missing_folder_is_made_again(self, layout: StoreLayout, writer: PackWriter) -> None:
        layout.packs.rmdir()
        assert append_one(writer, b"x").pack == FIRST


def test_a_closed_writer_refuses(writer: PackWriter) -> None:
    append_one(writer, b"x")
    writer.close()
    writer.close()
    with pytest.raises(BackendError, match="closed"):
        append_one(writer, b"y")
    with pytest.raises(BackendError, match="closed"):
        writer.sync()


def test_the_statistics_count(layout: StoreLayout) -> None:
    writer = small_packs(layout)
    sizes = [append_one(writer, bytes(100)).stored for _ in range(3)]
    assert writer.statistics() == WriterStatistics(
        appended_frames=3, appended_bytes=sum(sizes), packs_made=2, unsynced_packs=2, syncs=0
    )
    writer.sync()
    assert writer.statistics().syncs == 1
    assert writer.statistics().unsynced_packs == 0
    writer.close()


def test_an_object_may_lie_in_several_packs(layout: StoreLayout) -> None:
    """Compaction copies a frame before it forgets the old one: each pack seals it anew."""
    writer = small_packs(layout)
    frame = raw_frame(bytes(100))
    locations = [writer.append([frame])[0] for _ in range(3)]
    assert {location.pack for location in locations} == {FIRST, SECOND}
    assert all(object_id(stored(layout, place)) == object_id(bytes(100)) for place in locations)
    writer.close()
