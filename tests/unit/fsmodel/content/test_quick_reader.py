"""What is answered at once: a few bytes at hand, of a file as it is now; never anything else."""

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fsmodel.content.chunk_limits import ChunkLimits
from fsmodel.content.manifest import encode_leaf, split_into_pages
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE, InodeId, PackId
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.store import object_reader, pack_reader
from fsmodel.store.heat import HOT_READS
from fsmodel.volume import Volume
from tests.support.stepping import Driver
from tests.support.volume_store import SMALL_PACKS
from tests.support.volumes import (
    NO_CACHE,
    collect_garbage,
    damage,
    make_store,
    new_file,
    noise,
    opened,
    parts_of,
    read_range,
    runs_of,
    settled_file,
)

DATA = noise(20_000)
LONG = noise(200_000)
LONG_CHUNKS = ChunkLimits(min_size=36_000, average=40_000, max_size=48_000)
RUNS = runs_of(DATA)
STARTS = [sum(run.size for run in RUNS[:n]) for n in range(len(RUNS))]

AtOnce = Callable[[int, int], bytes | None]


@pytest.fixture
def inode(volume: Volume) -> InodeId:
    """A settled file of many chunks, open; it is known where one of them lies."""
    made = settled_file(volume, b"file", DATA)
    volume.open_file(made, writing=True)
    read_range(volume, made, STARTS[1], 1)
    return made


@pytest.fixture
def at_once(volume: Volume, inode: InodeId) -> AtOnce:
    """Reads a range of that file, or does not."""

    def read(offset: int, length: int) -> bytes | None:
        found = volume.contents.read_at_once(inode, offset, length)
        return None if found is None else bytes(found)

    return read


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_a_part_of_any_chunk(at_once: AtOnce, number: int) -> None:
    at = STARTS[number] + 2
    assert at_once(at, 11) == DATA[at : at + 11]


def test_all_of_a_chunk_and_the_end_of_the_file(at_once: AtOnce) -> None:
    assert at_once(STARTS[3], RUNS[3].length) == DATA[STARTS[3] : STARTS[4]]
    assert at_once(19_990, 1 << 20) == DATA[19_990:]
    assert at_once(20_000, 5) is None


def test_what_lies_in_two_chunks_is_joined_and_more_are_not(at_once: AtOnce) -> None:
    at = STARTS[5] - 3
    assert at_once(at, 7) == DATA[at : at + 7]
    assert at_once(at, 3 + RUNS[5].length) == DATA[at : STARTS[6]]
    assert at_once(at, 4 + RUNS[5].length) is None


def test_across_a_gap_the_other_neighbour_tells(
    volume: Volume, inode: InodeId, at_once: AtOnce
) -> None:
    file = volume.contents.file(inode)
    assert file is not None
    last, before = file.chunks.spot_at(STARTS[-1]), file.chunks.spot_at(STARTS[-2])
    elsewhere = PackId(1), 1 << 40
    last.stretch.learn(last.number, last.at, elsewhere)
    assert at_once(STARTS[-2], 5) == DATA[STARTS[-2] :][:5]
    guess = before.stretch.guess(before.number, before.at)
    assert at_once(STARTS[-1], 5) == DATA[STARTS[-1] :][:5]
    row = parts_of(volume).objects.get(RUNS[-2].id)
    assert guess == (row.pack, row.offset)


def test_where_nothing_is_known_nothing_is_answered(volume: Volume) -> None:
    other = settled_file(volume, b"other", DATA[7_000:] + DATA)
    volume.open_file(other, writing=False)
    assert volume.contents.read_at_once(other, 9_000, 5) is None


def test_what_is_not_settled_is_for_the_longer_way(
    volume: Volume, inode: InodeId, at_once: AtOnce
) -> None:
    volume.write(inode, STARTS[9] + 3, b"changed")
    data = DATA[: STARTS[9] + 3] + b"changed" + DATA[STARTS[9] + 10 :]
    assert at_once(STARTS[9], 20) is None
    settling = Driver(volume.contents.settle(inode))
    while not settling.ended:
        found = at_once(STARTS[9], 20)
        assert found in (None, data[STARTS[9] : STARTS[9] + 20])
        settling.step()
    assert read_range(volume, inode, STARTS[9], 20) == data[STARTS[9] : STARTS[9] + 20]
    assert at_once(STARTS[9], 20) in (None, data[STARTS[9] : STARTS[9] + 20])
    read_range(volume, inode, STARTS[1], 1)
    assert at_once(STARTS[2], 20) == data[STARTS[2] : STARTS[2] + 20]


def test_a_file_that_was_cut_or_made_longer(
    volume: Volume, inode: InodeId, at_once: AtOnce
) -> None:
    volume.truncate(inode, STARTS[6] + 5)
    assert at_once(STARTS[6], 100) == DATA[STARTS[6] : STARTS[6] + 5]
    assert at_once(STARTS[7], 1) is None
    volume.truncate(inode, STARTS[7])
    assert at_once(STARTS[6] + 4, 3) is None  # a byte of the chunk, and zeros
    assert read_range(volume, inode, STARTS[6] + 4, 3) == DATA[STARTS[6] + 4 :][:1] + bytes(2)
    volume.truncate(inode, 0)
    assert at_once(0, 1) is None


def test_a_chunk_that_repeats(folder: Path) -> None:
    with opened(folder, VolumeSettings(cache_bytes=1 << 20)) as volume:
        data = DATA[:3_000] + bytes(50_000) + DATA[3_000:6_000]
        inode = settled_file(volume, b"hole", data)
        volume.open_file(inode, writing=False)
        read_range(volume, inode, 0, len(data))  # which keeps what is compressed
        for at in range(4_096, 50_000, 300):
            assert bytes(volume.contents.read_at_once(inode, at, 9) or b"") == bytes(9)
        volume.close_file(inode)


def test_one_that_is_read_often_is_kept_and_then_comes_from_memory(folder: Path) -> None:
    with opened(folder, VolumeSettings(cache_bytes=1 << 20)) as volume:
        inode = settled_file(volume, b"file", DATA)
        volume.open_file(inode, writing=False)
        read_range(volume, inode, STARTS[5], 1)
        contents, parts, at = volume.contents, parts_of(volume), STARTS[4] + 1
        former = parts.cache.statistics()
        for _ in range(HOT_READS - 1):
            assert contents.read_at_once(inode, at, 7) == DATA[at : at + 7]
        assert parts.cache.statistics().misses - former.misses == HOT_READS - 1
        assert contents.read_at_once(inode, at, 7) is None
        assert RUNS[4].id not in parts.cache
        read_range(volume, inode, at, 7)
        assert RUNS[4].id in parts.cache
        before = parts.reader.statistics().frames_read
        for low in (at, STARTS[5] - 3):
            assert bytes(contents.read_at_once(inode, low, 7) or b"") == DATA[low : low + 7]
        assert parts.reader.statistics().frames_read - before == 1  # of the chunk behind
        assert parts.cache.statistics().hits - former.hits == 2
        volume.close_file(inode)


def test_it_is_known_when_a_chunk_was_read(volume: Volume, at_once: AtOnce) -> None:
    heat = parts_of(volume).objects.heat
    assert heat.last_read_ns(RUNS[8].id) == 0
    assert at_once(STARTS[8], 3) is not None
    assert heat.last_read_ns(RUNS[8].id) > 0
    assert heat.reads(RUNS[8].id) == 1


def test_damage_is_not_answered(volume: Volume, inode: InodeId, at_once: AtOnce) -> None:
    damage(volume, RUNS[6].id)
    assert at_once(STARTS[6] + 1, 5) is None
    assert at_once(STARTS[6] - 2, 5) is None
    with pytest.raises(DataError):
        read_range(volume, inode, STARTS[6] + 1, 5)
    assert at_once(STARTS[5] + 1, 5) == DATA[STARTS[5] + 1 :][:5]


def test_a_page_that_is_damaged_is_an_error(volume: Volume, inode: InodeId) -> None:
    again = settled_file(volume, b"again", DATA)
    volume.close_file(inode)
    volume.open_file(again, writing=False)
    page = object_id(encode_leaf(split_into_pages(RUNS)[0]))
    parts_of(volume).cache.drop(page)
    restore = damage(volume, page)
    with pytest.raises(DataError):
        volume.contents.read_at_once(again, 0, 5)
    restore()


@pytest.fixture
def long_chunks(tmp_path: Path) -> Iterator[tuple[Volume, InodeId]]:
    """A store whose chunks have sections, and an open file; it is known where chunks lie."""
    with opened(make_store(tmp_path / "long", LONG_CHUNKS), NO_CACHE) as volume:
        made = settled_file(volume, b"file", LONG)
        volume.open_file(made, writing=False)
        read_range(volume, made, 1, 1)
        yield volume, made


@pytest.fixture
def nothing_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host has to ask its disk for every byte of a pack."""

    def not_now(*arguments: object) -> None:
        raise OSError(errno.EAGAIN, "not in memory")

    monkeypatch.setattr(pack_reader, "read_part", not_now)


@pytest.mark.usefixtures("nothing_in_memory")
def test_the_disk_is_waited_for_if_it_has_little_to_bring(
    long_chunks: tuple[Volume, InodeId], at_once: AtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume, inode = long_chunks
    read = partial(volume.contents.read_at_once, inode)
    assert read(70_001, 5) == LONG[70_001:70_006]
    monkeypatch.setattr(object_reader, "is_little", lambda *_: False)
    assert read(70_001, 5) is None
    assert at_once(STARTS[4] + 1, 5) is None, "a chunk without sections"


@pytest.mark.usefixtures("nothing_in_memory")
def test_what_the_disk_brings_is_checked(
    long_chunks: tuple[Volume, InodeId], monkeypatch: pytest.MonkeyPatch
) -> None:
    volume, inode = long_chunks
    read = partial(volume.contents.read_at_once, inode)
    restore = damage(volume, runs_of(LONG, LONG_CHUNKS)[0].id)
    assert read(5, 30_000) is None
    restore()
    assert read(5, 30_000) == LONG[5:30_005]

    def failing(*arguments: object) -> None:
        raise OSError(errno.EIO, "a disk that fails")

    monkeypatch.setattr(pack_reader, "bring_part", failing)
    assert read(5, 30_000) is None


def test_a_chunk_that_was_moved_is_right_or_not_answered(folder: Path) -> None:
    """Most of a pack is garbage, so that the rest of it goes to another one, and its file goes."""
    with opened(folder, replace(SMALL_PACKS, cache_bytes=0)) as volume:
        for number in range(6):
            settled_file(volume, b"garbage %d" % number, noise(15_000, number + 1))
        inode = settled_file(volume, b"file", DATA)
        volume.open_file(inode, writing=False)
        read_range(volume, inode, STARTS[1], 1)
        before = parts_of(volume).objects.get(RUNS[3].id).pack
        for number in range(6):
            volume.unlink(ROOT_INODE, b"garbage %d" % number)
        collect_garbage(volume)
        assert parts_of(volume).objects.get(RUNS[3].id).pack != before
        for at in STARTS:
            found = volume.contents.read_at_once(inode, at, 9)
            assert found is None or bytes(found) == DATA[at : at + 9]
        assert read_range(volume, inode, STARTS[2], 9) == DATA[STARTS[2] :][:9]
        assert volume.contents.read_at_once(inode, STARTS[3], 9) == DATA[STARTS[3] :][:9]
        volume.close_file(inode)


def test_a_small_file_is_found_where_the_one_before_ends(volume: Volume, inode: InodeId) -> None:
    contents = [DATA[at : at + 200] + b"%d" % at for at in range(0, 4_000, 500)]
    files = [settled_file(volume, b"%d" % n, data) for n, data in enumerate(contents)]
    answered = []
    for each in (0, 1, 2, 3, 4, 6, 7):
        volume.open_file(files[each], writing=False)
        found = volume.contents.read_at_once(files[each], 3, 50)
        answered.append(found is not None)
        if found is None:
            found = read_range(volume, files[each], 3, 50)
        assert bytes(found) == contents[each][3:53]
        volume.close_file(files[each])
    assert answered == [False, False, True, True, True, False, False]


def test_a_file_without_chunks(volume: Volume) -> None:
    fresh = new_file(volume, b"fresh", b"just written")
    assert volume.contents.read_at_once(fresh, 0, 4) is None
    run_inline(volume.contents.settle(fresh))
    assert read_range(volume, fresh, 0, 4) == b"just"
