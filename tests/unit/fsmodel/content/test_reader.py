"""Reading: every range, from memory or from the packs; damage hurts the range it lies in only."""

from pathlib import Path

import pytest

from fsmodel.content.leaf import decode_leaf
from fsmodel.content.manifest import decode_node, encode_leaf
from fsmodel.content.stretches import COMPRESSED_MAX, WRONG_MAX
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import DataError, FrameCorrupt
from fsmodel.ids import InodeId, ObjectId, PackId
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.store.heat import HOT_READS
from fsmodel.store.object_reader import Located
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.pack_reader import RawChunk
from fsmodel.volume import Volume
from lmdb_index.schema import OBJECT
from tests.support.stepping import Driver
from tests.support.volumes import (
    damage,
    noise,
    opened,
    parts_of,
    read_range,
    ref_of,
    ref_of_bytes,
    runs_of,
    settled_file,
)

DATA = noise(20_000)
RUNS = runs_of(DATA)
STARTS = [sum(run.size for run in RUNS[:n]) for n in range(len(RUNS))]
HURT = 7  # the number of the chunk that is damaged
HURT_START, HURT_END = STARTS[HURT], STARTS[HURT] + RUNS[HURT].length


@pytest.fixture
def inode(volume: Volume) -> InodeId:
    """A settled file of many chunks, open."""
    made = settled_file(volume, b"file", DATA)
    volume.open_file(made, writing=True)
    return made


@pytest.fixture
def hurt(volume: Volume, inode: InodeId) -> InodeId:
    """The same, with a damaged chunk in the middle."""
    damage(volume, RUNS[HURT].id)
    return inode


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 20_000), (0, 1), (19_999, 1), (19_999, 5), (5, 0), (123, 4_567), (0, 1 << 40)],
)
def test_any_range(volume: Volume, inode: InodeId, offset: int, length: int) -> None:
    assert read_range(volume, inode, offset, length) == DATA[offset : offset + length]


@pytest.mark.parametrize("offset", [20_000, 20_001, 1 << 60])
def test_nothing_is_behind_the_end(volume: Volume, inode: InodeId, offset: int) -> None:
    assert read_range(volume, inode, offset, 10) == b""


def test_every_boundary_between_chunks(volume: Volume, inode: InodeId) -> None:
    for start in STARTS:
        low = max(start - 1, 0)
        assert read_range(volume, inode, low, 2) == DATA[low : low + 2]


def test_few_chunks_are_read_at_once_and_many_in_a_worker(volume: Volume, inode: InodeId) -> None:
    read_range(volume, inode, 0, 1)  # opens the pack
    few = Driver(volume.contents.read(inode, 0, STARTS[4]))
    assert few.ended
    assert few.result == DATA[: STARTS[4]]
    many = Driver(volume.contents.read(inode, 0, STARTS[9]))
    assert many.work is not None
    assert many.work.size_bytes == STARTS[9] - STARTS[4]
    many.step()
    assert many.result == DATA[: STARTS[9]]


def test_a_chunk_that_comes_again_is_read_once(volume: Volume) -> None:
    inode = settled_file(volume, b"zeros", bytes(100_000))
    volume.open_file(inode, writing=False)
    before = parts_of(volume).reader.statistics().frames_read
    assert read_range(volume, inode, 0, 100_000) == bytes(100_000)
    assert parts_of(volume).reader.statistics().frames_read - before <= 3
    volume.close_file(inode)


def test_what_is_cached_is_not_read(folder: Path) -> None:
    with opened(folder, VolumeSettings(cache_bytes=1 << 20)) as volume:
        inode = settled_file(volume, b"file", DATA)
        volume.open_file(inode, writing=False)
        assert read_range(volume, inode, 0, 20_000) == DATA
        before = parts_of(volume).reader.statistics().frames_read
        assert read_range(volume, inode, 0, 20_000) == DATA
        assert parts_of(volume).reader.statistics().frames_read == before


def test_damage_hurts_the_range_it_lies_in_and_no_other(volume: Volume, hurt: InodeId) -> None:
    for offset, length in ((HURT_START, 1), (HURT_END - 1, 10), (0, 20_000)):
        with pytest.raises(FrameCorrupt):
            read_range(volume, hurt, offset, length)
    assert read_range(volume, hurt, 0, HURT_START) == DATA[:HURT_START]
    assert read_range(volume, hurt, HURT_END, 20_000) == DATA[HURT_END:]
    other = settled_file(volume, b"other", DATA[:HURT_START])
    volume.open_file(other, writing=False)
    assert read_range(volume, other, 0, 20_000) == DATA[:HURT_START]
    volume.close_file(other)


def test_damage_under_dirty_bytes_does_not_hurt(volume: Volume, hurt: InodeId) -> None:
    fresh = noise(HURT_END - HURT_START, seed=5)
    volume.write(hurt, HURT_START, fresh)
    expected = DATA[:HURT_START] + fresh + DATA[HURT_END:]
    assert read_range(volume, hurt, 0, 30_000) == expected
    run_inline(volume.contents.settle(hurt))
    assert read_range(volume, hurt, 0, 30_000) == expected
    assert ref_of(volume, hurt) == ref_of_bytes(expected)


def test_a_change_beside_damage_cannot_be_settled_but_stays(volume: Volume, hurt: InodeId) -> None:
    volume.write(hurt, HURT_START + 1, b"part of the damaged chunk")
    with pytest.raises(DataError):
        run_inline(volume.contents.settle(hurt))
    with pytest.raises(DataError):
        read_range(volume, hurt, HURT_START, 1)
    assert read_range(volume, hurt, 0, HURT_START) == DATA[:HURT_START]
    file = volume.contents.file(hurt)
    assert file is not None
    assert file.dirty_within(0, 30_000)
    volume.write(hurt, HURT_START, bytes(HURT_END - HURT_START))
    run_inline(volume.contents.settle(hurt))
    assert read_range(volume, hurt, HURT_START, HURT_END - HURT_START) == bytes(
        HURT_END - HURT_START
    )


def test_a_missing_manifest_page_hurts_what_it_lists(volume: Volume) -> None:
    data = noise(900_000)
    inode = settled_file(volume, b"big", data)
    pages = [
        ObjectId(key)
        for key, row in parts_of(volume).index.scan(OBJECT)
        if row.kind == ObjectKind.MANIFEST
    ]
    assert len(pages) > 2
    root = ref_of(volume, inode)[1:]
    first = decode_node(parts_of(volume).objects.load(ObjectId(root)))[1][0]
    restore = damage(volume, first.id)
    volume.open_file(inode, writing=False)
    with pytest.raises(DataError):
        read_range(volume, inode, 0, 10)
    assert read_range(volume, inode, first.size, 1_000) == data[first.size : first.size + 1_000]
    volume.close_file(inode)
    restore()


def test_a_read_shows_the_moment_it_began(volume: Volume, inode: InodeId) -> None:
    read = Driver(volume.contents.read(inode, 0, 20_000))
    assert not read.ended
    volume.write(inode, 5, b"later")
    run_inline(volume.contents.settle(inode))
    assert read.finish() == DATA
    volume.write(inode, 5, b"dirty")
    read = Driver(volume.contents.read(inode, 0, 20_000))
    run_inline(volume.contents.settle(inode))
    assert read.finish() == DATA[:5] + b"dirty" + DATA[10:]


def test_a_read_of_a_file_that_is_cut_meanwhile(volume: Volume, inode: InodeId) -> None:
    read = Driver(volume.contents.read(inode, 0, 20_000))
    volume.truncate(inode, 0)
    run_inline(volume.contents.settle(inode))
    assert read.finish() == DATA


def test_a_page_may_be_in_memory_as_the_chunk_of_a_file_that_equals_it(folder: Path) -> None:
    with opened(folder, VolumeSettings(cache_bytes=1 << 20)) as volume:
        objects = parts_of(volume).objects
        page = encode_leaf(RUNS[:5])
        parts_of(volume).cache.put(object_id(page), memoryview(page))
        assert list(decode_leaf(objects.load(object_id(page)))) == RUNS[:5]


def test_a_chunk_gets_its_place_in_memory_when_it_is_wanted_often(folder: Path) -> None:
    with opened(folder, VolumeSettings(cache_bytes=1 << 20)) as volume:
        inode = settled_file(volume, b"file", DATA)
        volume.open_file(inode, writing=False)
        cache, reader = parts_of(volume).cache, parts_of(volume).reader
        low, chunk = STARTS[4], RUNS[4].id
        read_range(volume, inode, STARTS[5], 10_000)
        before = reader.statistics().frames_read
        for number in range(1, HOT_READS + 1):
            assert read_range(volume, inode, low + 3, 7) == DATA[low + 3 : low + 10]
            assert reader.statistics().frames_read - before == number
            assert (chunk in cache) == (number == HOT_READS)
        assert read_range(volume, inode, low + 5, 7) == DATA[low + 5 : low + 12]
        assert reader.statistics().frames_read - before == HOT_READS
        volume.close_file(inode)


class Counted:
    """Counts what is asked of the index about chunks, and what of the packs."""

    def __init__(self, volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
        objects = parts_of(volume).objects
        self.located = 0
        self.parts: list[bytes | None] = []
        self.fails = False
        locate, read_part = objects.locate, objects.read_part_nowait

        def counted_locate(wanted: ObjectId) -> Located:
            self.located += 1
            return locate(wanted)

        def counted_part(
            place: tuple[PackId, int], chunk: RawChunk, low: int, high: int
        ) -> bytes | None:
            self.parts.append(None if self.fails else read_part(place, chunk, low, high))
            return self.parts[-1]

        monkeypatch.setattr(objects, "locate", counted_locate)
        monkeypatch.setattr(objects, "read_part_nowait", counted_part)


@pytest.fixture
def counted(volume: Volume, inode: InodeId, monkeypatch: pytest.MonkeyPatch) -> Counted:
    read_range(volume, inode, 19_999, 1)  # loads the page that lists the chunks
    return Counted(volume, monkeypatch)


def test_neighbours_are_found_without_the_index(
    volume: Volume, inode: InodeId, counted: Counted
) -> None:
    for number in (9, 3, 12, 0):
        at = STARTS[number] + 2
        assert read_range(volume, inode, at, 11) == DATA[at : at + 11]
    assert counted.located == 0
    assert None not in counted.parts


def test_chunks_that_lie_elsewhere_are_found_by_the_index(
    volume: Volume, inode: InodeId, counted: Counted
) -> None:
    turned = b"".join(DATA[STARTS[n] : STARTS[n] + RUNS[n].length] for n in (12, 5, 9, 7, 3, 4, 2))
    other = settled_file(volume, b"other", turned)
    volume.open_file(other, writing=False)
    before = counted.located
    for at in range(3, len(turned) - 9, 400):
        assert read_range(volume, other, at, 7) == turned[at : at + 7]
    assert counted.located > before
    assert counted.parts.count(None) <= WRONG_MAX
    volume.close_file(other)


def test_what_is_compressed_ends_guesses(volume: Volume, inode: InodeId, counted: Counted) -> None:
    data = DATA[:9_000] + b"".join(b"line %d that compresses\n" % n for n in range(900))
    other = settled_file(volume, b"mixed", data)
    volume.open_file(other, writing=False)
    for at in range(3, len(data) - 9, 300):
        assert read_range(volume, other, at, 7) == data[at : at + 7]
    assert counted.parts.count(None) <= COMPRESSED_MAX
    volume.close_file(other)


def test_a_few_bytes_of_two_chunks_are_not_worth_keeping_them(
    volume: Volume, inode: InodeId, counted: Counted
) -> None:
    cache = parts_of(volume).cache
    for number in (4, 9, 5):
        at = STARTS[number] - 3
        assert read_range(volume, inode, at, 7) == DATA[at : at + 7]
        assert not {RUNS[number - 1].id, RUNS[number].id} & {
            run.id for run in RUNS if run.id in cache
        }
    assert counted.located == 0


def test_across_chunks_one_that_is_in_memory_is_not_read(folder: Path) -> None:
    with opened(folder, VolumeSettings(cache_bytes=1 << 20)) as volume:
        inode = settled_file(volume, b"file", DATA)
        volume.open_file(inode, writing=False)
        at = STARTS[4] - 3
        assert read_range(volume, inode, at, 7) == DATA[at : at + 7]
        parts_of(volume).cache.put(RUNS[4].id, DATA[STARTS[4] : STARTS[5]])
        before = parts_of(volume).reader.statistics().frames_read
        assert read_range(volume, inode, at, 7) == DATA[at : at + 7]
        assert parts_of(volume).reader.statistics().frames_read - before == 1
        volume.close_file(inode)


def test_across_chunks_one_that_is_not_in_the_hosts_memory_is_a_step(
    volume: Volume, inode: InodeId, counted: Counted
) -> None:
    counted.fails = True
    at = STARTS[4] - 3
    assert read_range(volume, inode, at, 7) == DATA[at : at + 7]
    restore = damage(volume, RUNS[9].id)
    with pytest.raises(DataError):
        read_range(volume, inode, STARTS[9] - 3, 7)
    restore()


def test_small_files_are_found_where_the_one_before_ends(
    volume: Volume, inode: InodeId, counted: Counted
) -> None:
    contents = [DATA[at : at + 200] + b"%d" % at for at in range(0, 6_000, 500)]
    files = [settled_file(volume, b"%d" % n, data) for n, data in enumerate(contents)]
    located = []
    for each in (0, 1, 2, 3, 7, 8, 9, 5):
        volume.open_file(files[each], writing=False)
        before = counted.located
        assert read_range(volume, files[each], 3, 50) == contents[each][3:53]
        located.append(counted.located - before)
        volume.close_file(files[each])
    assert located == [1, 1, 0, 0, 1, 1, 0, 1]


def test_what_is_not_in_the_hosts_memory_is_a_step(
    volume: Volume, inode: InodeId, counted: Counted
) -> None:
    counted.fails = True
    for number in range(1, WRONG_MAX + 2):  # which is not the guesses' fault
        at = STARTS[number] + 1
        read = Driver(volume.contents.read(inode, at, 5))
        assert not read.ended
        assert read.finish() == DATA[at : at + 5]
        assert RUNS[number].id not in parts_of(volume).cache
    counted.fails = False
    asked = counted.located
    at = STARTS[WRONG_MAX + 3]
    assert read_range(volume, inode, at, 5) == DATA[at : at + 5]
    assert counted.located == asked


def test_damage_is_told_by_the_step(volume: Volume, inode: InodeId, counted: Counted) -> None:
    restore = damage(volume, RUNS[6].id)
    with pytest.raises(DataError):
        read_range(volume, inode, STARTS[6] + 1, 5)
    assert counted.parts == [None]
    assert read_range(volume, inode, STARTS[7], 5) == DATA[STARTS[7] : STARTS[7] + 5]
    restore()
    assert read_range(volume, inode, STARTS[6] + 1, 5) == DATA[STARTS[6] + 1 : STARTS[6] + 6]


@pytest.mark.parametrize("offset", [STARTS[5], STARTS[5] + 1, 0])
def test_a_range_within_one_chunk(volume: Volume, inode: InodeId, offset: int) -> None:
    run = RUNS[5] if offset else RUNS[0]
    end = (STARTS[5] if offset else 0) + run.length
    read_range(volume, inode, 19_999, 1)  # loads the page that lists the chunks
    before = parts_of(volume).reader.statistics().frames_read
    assert read_range(volume, inode, offset, end - offset) == DATA[offset:end]
    assert parts_of(volume).reader.statistics().frames_read - before == 1
    assert read_range(volume, inode, offset, end - offset + 1) == DATA[offset : end + 1]


def test_a_range_within_one_chunk_of_many_alike(volume: Volume) -> None:
    data = b"x" * 10_000 + bytes(9_000) + b"end"
    inode = settled_file(volume, b"runs", data)
    volume.open_file(inode, writing=False)
    for at in range(0, len(data), 501):
        assert read_range(volume, inode, at, 17) == data[at : at + 17]
    volume.close_file(inode)
