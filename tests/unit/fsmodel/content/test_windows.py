"""Windows: a stretch of a file in one buffer, the same bytes a read gives, or none at all."""

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.content import windows
from fsmodel.content.windows import WindowPlan
from fsmodel.errors import DataError
from fsmodel.ids import InodeId, ObjectId
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import FRAME_HEADER
from fsmodel.store.read_ahead import Ahead
from fsmodel.volume import Volume
from tests.support.volumes import (
    damage,
    noise,
    opened,
    parts_of,
    read_range,
    runs_of,
    settled_file,
)

DATA = noise(20_000)
RUNS = runs_of(DATA)
STARTS = [sum(run.size for run in RUNS[:n]) for n in range(len(RUNS))]
HURT = 7  # the number of the chunk that is damaged
TEXT = b"".join(b"line %d of a text that compresses\n" % number for number in range(900))

either_way = pytest.mark.parametrize("guessing", [True, False])


@pytest.fixture
def inode(volume: Volume) -> Iterator[InodeId]:
    """A settled file of many chunks that do not compress, open."""
    made = settled_file(volume, b"file", DATA)
    volume.open_file(made, writing=True)
    yield made
    volume.close_file(made, writing=True)


def planned(volume: Volume, inode: InodeId, at: int, length: int, *, guessing: bool) -> WindowPlan:
    plan = volume.contents.plan_window(inode, at, length, guessing=guessing)
    assert plan is not None
    return plan


def window(volume: Volume, inode: InodeId, at: int, length: int, *, guessing: bool) -> bytes:
    """What a window has."""
    plan = planned(volume, inode, at, length, guessing=guessing)
    assert plan.work is not None
    return bytes(plan.work.run())


def brought(volume: Volume, plan: WindowPlan, before: Ahead | None = None) -> tuple[Ahead, bytes]:
    """What threads bring of a window."""
    ahead, neighbours = volume.contents.ahead, plan.neighbours
    assert neighbours is not None
    buffer = bytearray(neighbours.size)
    begun = plan.begin(ahead, before, buffer)
    assert begun is not None
    while (found := ahead.found(begun)) is None:
        ready, _, _ = select.select([ahead.fileno()], [], [], 60)
        assert ready, "no news for a minute"
        ahead.acknowledge()
    return begun, bytes(buffer[neighbours.low : min(found, neighbours.low + plan.end - plan.start)])


@either_way
@pytest.mark.parametrize("data", [DATA, TEXT, DATA + TEXT + DATA, bytes(9_000) + DATA])
def test_windows_have_the_bytes_of_the_file(volume: Volume, data: bytes, guessing: bool) -> None:
    inode = settled_file(volume, b"file", data)
    volume.open_file(inode, writing=False)
    at = 0
    while at < len(data):
        plan = planned(volume, inode, at, 3_000, guessing=guessing)
        assert plan.work is not None
        made = bytes(plan.work.run())
        assert plan.start == at
        assert made == data[at : at + len(made)]
        assert plan.start + len(made) == plan.end or guessing
        at += len(made)
    volume.close_file(inode)


@either_way
def test_one_has_what_was_asked_for_and_no_more(
    volume: Volume, inode: InodeId, guessing: bool
) -> None:
    at = STARTS[3] + 5
    plan = planned(volume, inode, at, 2_000, guessing=guessing)
    assert (plan.start, plan.end) == (at, at + 2_000)
    assert plan.work is not None
    assert bytes(plan.work.run()) == DATA[at : at + 2_000]


@either_way
def test_one_ends_with_the_file(volume: Volume, inode: InodeId, guessing: bool) -> None:
    plan = planned(volume, inode, 19_990, 2_000, guessing=guessing)
    assert plan.end == 20_000
    assert plan.work is not None
    assert bytes(plan.work.run()) == DATA[19_990:]


def test_a_guess_that_fails_in_front_of_the_offset_gives_nothing(
    volume: Volume, inode: InodeId
) -> None:
    mend = damage(volume, RUNS[HURT].id)
    at = STARTS[HURT] - 3
    assert window(volume, inode, at, 2_000, guessing=True) == DATA[at : at + 3]
    mend()


def test_a_stream_is_found_in_the_index_once(
    volume: Volume, inode: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ObjectId] = []
    chunks = {run.id for run in RUNS}
    locate = parts_of(volume).objects.locate

    def counted(wanted: ObjectId) -> Located:
        if wanted in chunks:
            asked.append(wanted)
        return locate(wanted)

    monkeypatch.setattr(parts_of(volume).objects, "locate", counted)
    assert window(volume, inode, 0, 20_000, guessing=True) == DATA
    assert asked == [RUNS[0].id]
    assert window(volume, inode, 0, 20_000, guessing=False) == DATA
    assert len(asked) == 1 + len(RUNS)


def test_a_wrong_guess_ends_the_window(volume: Volume, inode: InodeId) -> None:
    turned = b"".join(DATA[STARTS[n] : STARTS[n] + RUNS[n].length] for n in (5, 6, 7, 3, 4))
    other = settled_file(volume, b"other", turned)
    volume.open_file(other, writing=False)
    chunks = [run.id for run in runs_of(turned)]
    assert chunks[:3] == [RUNS[5].id, RUNS[6].id, RUNS[7].id]  # they are stored in this order
    assert chunks[3] != RUNS[8].id
    behind = sum(RUNS[n].length for n in (5, 6, 7))
    assert window(volume, other, 0, len(turned), guessing=True) == turned[:behind]
    assert window(volume, other, 0, len(turned), guessing=False) == turned
    volume.close_file(other)


def test_damage_ends_a_window_that_was_guessed(volume: Volume, inode: InodeId) -> None:
    mend = damage(volume, RUNS[HURT].id)
    assert window(volume, inode, 0, 20_000, guessing=True) == DATA[: STARTS[HURT]]
    mend()


def test_damage_is_told_where_nothing_was_guessed(volume: Volume, inode: InodeId) -> None:
    mend = damage(volume, RUNS[HURT].id)
    with pytest.raises(DataError):
        window(volume, inode, 0, 20_000, guessing=False)
    with pytest.raises(DataError):
        window(volume, inode, STARTS[HURT], 10, guessing=True)
    mend()


@either_way
def test_what_is_not_chunked_is_in_no_window(
    volume: Volume, inode: InodeId, guessing: bool
) -> None:
    volume.write(inode, 500, b"dirty")
    assert volume.contents.plan_window(inode, 0, 600, guessing=guessing) is None
    after = next(n for n, start in enumerate(STARTS) if start > 505)
    plan = planned(volume, inode, STARTS[after], 600, guessing=guessing)
    assert plan.work is not None
    assert bytes(plan.work.run()) == DATA[plan.start : plan.end]
    assert volume.contents.plan_window(inode, 20_000, 600, guessing=guessing) is None
    run_inline(volume.contents.settle(inode))


def test_any_change_ends_a_window(volume: Volume, inode: InodeId) -> None:
    plan = planned(volume, inode, 0, 5_000, guessing=True)
    assert plan.is_current
    volume.write(inode, 12_345, b"x")
    assert not plan.is_current
    plan = planned(volume, inode, 0, 5_000, guessing=True)
    run_inline(volume.contents.settle(inode))
    assert plan.is_current  # the bytes are what they were
    volume.truncate(inode, 3_000)
    assert not plan.is_current
    assert window(volume, inode, 0, 5_000, guessing=True) == DATA[:3_000]
    run_inline(volume.contents.settle(inode))


def test_what_is_in_memory_is_not_read(folder: Path) -> None:
    with opened(folder, VolumeSettings(cache_bytes=1 << 20)) as volume:
        inode = settled_file(volume, b"file", DATA)
        volume.open_file(inode, writing=False)
        read_range(volume, inode, STARTS[2], STARTS[6] - STARTS[2])
        before = parts_of(volume).reader.statistics().frames_read
        assert window(volume, inode, 0, 20_000, guessing=False) == DATA
        assert parts_of(volume).reader.statistics().frames_read - before == len(RUNS) - 4
        volume.close_file(inode)


def test_a_window_has_a_bounded_number_of_chunks(
    volume: Volume, inode: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "CHUNKS_MAX", 3)
    assert window(volume, inode, STARTS[1], 20_000, guessing=True) == DATA[STARTS[1] : STARTS[4]]


class TestThreadsBringThem:
    """Windows whose chunks seem to lie one behind the other."""

    @pytest.mark.parametrize("length", [700, 3_000, 20_000])
    def test_the_whole_file(self, volume: Volume, inode: InodeId, length: int) -> None:
        plan = planned(volume, inode, 0, length, guessing=True)
        ahead, found = brought(volume, plan)
        while len(found) < len(DATA):
            following = volume.contents.plan_next_window(inode, plan, length)
            assert following is not None
            assert following.lies_behind_another
            assert (following.start, following.work) == (len(found), None)
            plan = following
            ahead, more = brought(volume, plan, ahead)
            assert more
            found += more
        assert found == DATA
        assert volume.contents.plan_next_window(inode, plan, length) is None

    def test_nobody_asks_the_index_for_the_next(
        self, volume: Volume, inode: InodeId, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = planned(volume, inode, 0, 3_000, guessing=True)
        assert not plan.lies_behind_another
        monkeypatch.delattr(ObjectStore, "locate")
        assert volume.contents.plan_next_window(inode, plan, 3_000) is not None

    def test_they_end_where_others_lie(self, volume: Volume, inode: InodeId) -> None:
        turned = b"".join(DATA[STARTS[n] : STARTS[n] + RUNS[n].length] for n in (5, 6, 7, 3, 4))
        other = settled_file(volume, b"other", turned)
        volume.open_file(other, writing=False)
        plan = planned(volume, other, 0, len(turned), guessing=True)
        assert plan.work is not None
        assert brought(volume, plan)[1] == bytes(plan.work.run())
        volume.close_file(other)

    def test_damage_ends_them(self, volume: Volume, inode: InodeId) -> None:
        mend = damage(volume, RUNS[HURT].id)
        plan = planned(volume, inode, 5, 20_000, guessing=True)
        assert brought(volume, plan)[1] == DATA[5 : STARTS[HURT]]
        mend()

    def test_bytes_that_are_not_chunked_are_not_brought(
        self, volume: Volume, inode: InodeId
    ) -> None:
        plan = planned(volume, inode, 0, 3_000, guessing=True)
        volume.write(inode, 3_500, b"dirty")
        assert volume.contents.plan_next_window(inode, plan, 3_000) is None
        run_inline(volume.contents.settle(inode))
        assert volume.contents.plan_next_window(inode, plan, 3_000) is None  # it is of before

    def test_they_count_as_reads(self, volume: Volume, inode: InodeId) -> None:
        reader = parts_of(volume).reader
        plan = planned(volume, inode, 0, 20_000, guessing=True)
        before = reader.statistics()
        brought(volume, plan)
        after = reader.statistics()
        assert after.frames_read - before.frames_read == len(RUNS)
        assert after.bytes_read - before.bytes_read == 20_000 + len(RUNS) * FRAME_HEADER.size
        assert parts_of(volume).objects.heat.reads(RUNS[3].id) == 1

    def test_what_is_compressed_is_for_a_worker(self, volume: Volume) -> None:
        inode = settled_file(volume, b"text", TEXT)
        volume.open_file(inode, writing=False)
        plan = planned(volume, inode, 0, 3_000, guessing=True)
        assert plan.neighbours is None
        assert plan.begin(volume.contents.ahead, None, bytearray()) is None
        volume.close_file(inode)
