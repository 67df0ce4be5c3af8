"""Settling: which chunks come of it, how much work that is, and what an error leaves."""

import os
from collections.abc import Callable, Iterator
from errno import ENOSPC
from typing import Any
from unittest.mock import ANY

import pytest

from fsmodel.buffers import Buffer
from fsmodel.content import chunking, cutting
from fsmodel.content.chunk_limits import CutRule
from fsmodel.content.chunking import NO_SEQUEL, Sequel, cut_points
from fsmodel.content.recut import CutRegion, cut_region
from fsmodel.content.regions import PlannedRegion
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import NoSpace
from fsmodel.ids import InodeId
from fsmodel.steps import PutOff, run_inline
from fsmodel.volume import Volume
from tests.support.packs import failing
from tests.support.stepping import Driver
from tests.support.volumes import (
    LIMITS,
    new_file,
    noise,
    parts_of,
    read_range,
    ref_of,
    ref_of_bytes,
    ref_of_runs,
    runs_of_sparse,
    settled_file,
    small_limits,
)

TEBIBYTE = 1 << 40
HUGE = 1 << 62


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    """Pages of few items, batches of few bytes."""
    with small_limits():
        yield


def settle(volume: Volume, inode: InodeId, *, whole: bool = True) -> None:
    run_inline(volume.contents.settle(inode, whole=whole))


def streamed_file(volume: Volume, data: bytes, name: bytes = b"file") -> InodeId:
    """An open file, written in pieces that are kept as they came."""
    inode = new_file(volume, name)
    for offset in range(0, len(data), 3_000):
        volume.write(inode, offset, data[offset : offset + 3_000])
    return inode


def streamed_and_settled(volume: Volume, data: bytes) -> InodeId:
    """The same, settled."""
    inode = streamed_file(volume, data)
    settle(volume, inode)
    return inode


def stored_objects(volume: Volume) -> int:
    return parts_of(volume).packs.statistics().appended_frames


def test_appending_stores_what_is_new_and_no_more(volume: Volume) -> None:
    data = noise(60_000)
    inode = new_file(volume, data=data)
    settle(volume, inode)
    before = stored_objects(volume)
    volume.write(inode, len(data), b"more")
    settle(volume, inode)
    assert stored_objects(volume) - before <= 4  # the last chunk, and the pages above it
    assert ref_of(volume, inode) == ref_of_bytes(data + b"more")
    volume.close_file(inode)


def test_bytes_inserted_at_the_start_change_the_chunks_there(volume: Volume) -> None:
    data = noise(60_000)
    settled_file(volume, b"before", data)
    before = stored_objects(volume)
    settled_file(volume, b"after", b"inserted" + data)
    assert stored_objects(volume) - before <= 8


def test_settling_nothing_new_does_nothing(volume: Volume) -> None:
    inode = new_file(volume, data=noise(9_000))
    settle(volume, inode)
    ref, before = ref_of(volume, inode), volume.durability.position
    settle(volume, inode)
    settle(volume, inode, whole=False)
    assert (ref_of(volume, inode), volume.durability.position) == (ref, before)
    volume.close_file(inode)


class Spare:
    """Another thread: begins what it is given at once, and notes the steps it is asked for in."""

    def __init__(self) -> None:
        self.began_in_step: list[int] = []
        self.step = 0

    def begin(self, run: Callable[[], Any]) -> PutOff:
        self.began_in_step.append(self.step)
        found = run()
        return PutOff(lambda: found)


def test_a_stream_is_cut_while_what_comes_before_is_stored(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte once, and all but the first batch before the one in front of it is stored."""
    data, spare = noise(60_000), Spare()
    inode = streamed_file(volume, data)
    volume.contents.when_cutting_ahead(spare.begin)
    cut: list[int] = []

    def counted(region: PlannedRegion, *others: Any) -> CutRegion:
        cut.append(region.size_bytes)
        return cut_region(region, *others)

    monkeypatch.setattr(cutting, "cut_region", counted)
    driver = Driver(volume.contents.settle(inode))
    while driver.work is not None:
        spare.step += 1
        driver.step()
    assert len(spare.began_in_step) == len(cut) - 1 > 3
    # A batch is cut, encoded and appended, and what follows it is begun after the first of these.
    assert spare.began_in_step == [*range(1, 3 * len(cut) - 3, 3)]
    assert sum(cut) < len(data) + len(cut) * LIMITS.max_size  # what one leaves over the next has
    assert ref_of(volume, inode) == ref_of_bytes(data)
    volume.close_file(inode)


def noted_sequels(monkeypatch: pytest.MonkeyPatch) -> list[Sequel]:
    """Where chunks are expected to lie, of each batch that is cut from now on."""
    sequels: list[Sequel] = []

    def noted(pieces: list[Buffer], rule: CutRule, final: bool, *sequel: int) -> Any:
        sequels.append(Sequel(*sequel))
        return cut_chunks(pieces, rule, final, *sequel)

    cut_chunks = chunking._KERNEL.cut_chunks
    monkeypatch.setattr(chunking, "_KERNEL", chunking._KERNEL._replace(cut_chunks=noted))
    return sequels


@pytest.mark.parametrize("edited", [False, True])
def test_what_is_stored_already_is_compared_with_the_pack_it_lies_in(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, edited: bool
) -> None:
    """Batch by batch, behind the last chunk of the one before; and the chunks are the same."""
    data = bytearray(noise(60_000))
    volume.close_file(streamed_and_settled(volume, bytes(data)))
    if edited:
        data[40_000:40_010] = b"x" * 10
    inode = streamed_file(volume, bytes(data), b"again")
    sequels = noted_sequels(monkeypatch)
    before = stored_objects(volume)
    settle(volume, inode)
    assert len(sequels) > 4
    assert all(descriptor >= 0 for descriptor, _ in sequels)
    offsets = [offset for _, offset in sequels[1:4]]
    assert offsets == sorted(set(offsets))
    assert ref_of(volume, inode) == ref_of_bytes(bytes(data))
    assert (stored_objects(volume) == before) is not edited
    volume.close_file(inode)


def test_so_is_what_is_written_behind_a_part_that_is_settled(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is quicker to settle than to come is begun anew again and again."""
    data = noise(60_000)
    volume.close_file(streamed_and_settled(volume, data))
    inode = streamed_file(volume, data[:30_000], b"again")
    settle(volume, inode, whole=False)
    sequels = noted_sequels(monkeypatch)
    before = stored_objects(volume)
    for offset in range(30_000, len(data), 3_000):
        volume.write(inode, offset, data[offset : offset + 3_000])
    settle(volume, inode)
    assert all(descriptor >= 0 for descriptor, _ in sequels)
    assert stored_objects(volume) == before
    assert ref_of(volume, inode) == ref_of_bytes(data)
    volume.close_file(inode)


def test_so_is_a_file_that_follows_another_as_it_did_when_it_was_stored(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = [noise(9_000, seed) for seed in range(3)]
    for number, each in enumerate(data):
        inode = streamed_file(volume, each, b"%d" % number)
        settle(volume, inode)
        volume.close_file(inode)
    sequels = noted_sequels(monkeypatch)
    before = stored_objects(volume)
    for number, each in enumerate(data):
        inode = streamed_file(volume, each, b"again %d" % number)
        settle(volume, inode)
        volume.close_file(inode)
    assert stored_objects(volume) == before
    place_behind = parts_of(volume).objects.place_behind
    for sequel, each in zip(sequels[1:], data, strict=False):
        last = each[cut_points(each, LIMITS, final=True)[-2] :]
        assert place_behind(object_id(last)) == (ANY, sequel.offset)


def test_a_few_bytes_behind_a_settled_part_are_not(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To ask where they may lie would take longer than to cut them."""
    inode = streamed_and_settled(volume, noise(30_000))
    sequels = noted_sequels(monkeypatch)
    volume.write(inode, 30_000, noise(2_000))
    settle(volume, inode)
    assert sequels == [NO_SEQUEL]
    volume.close_file(inode)


def test_a_chunk_in_a_group_tells_nothing_of_what_follows(volume: Volume) -> None:
    data = noise(LIMITS.min_size)
    volume.close_file(streamed_and_settled(volume, data))
    objects = parts_of(volume).objects
    assert objects.place_behind(object_id(data)) is not None
    assert objects.place_behind(object_id(b"not stored")) is None
    record = objects.get(object_id(data))
    record.codec = Codec.GROUP
    objects._unrecorded[object_id(b"grouped")] = record
    assert objects.place_behind(object_id(b"grouped")) is None
    objects.forget_unrecorded(object_id(b"grouped"))


def test_settling_a_stream_goes_on_with_what_is_written_meanwhile(volume: Volume) -> None:
    """As long as whoever drives it says so, and then only the end is left that cannot be cut."""
    data = noise(90_000)
    inode = streamed_file(volume, data[:30_000])
    file = volume.contents.file(inode)
    assert file is not None
    driver = Driver(volume.contents.settle(inode, whole=False, goes_on=lambda: file.size < 75_000))
    while driver.work is not None:
        if file.size < len(data):
            volume.write(inode, file.size, data[file.size : file.size + 3_000])
        assert read_range(volume, inode, 0, len(data)) == data[: file.size]
        driver.step()
    assert 60_000 < file.chunks.size < 75_000
    assert file.chunks.unsaved_runs < file.chunks.size // LIMITS.max_size  # pages were written
    for offset in range(file.size, len(data), 3_000):
        volume.write(inode, offset, data[offset : offset + 3_000])
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(data)
    volume.close_file(inode)


def test_what_is_written_over_a_stream_is_not_taken_along(volume: Volume) -> None:
    """It goes on top of what is being settled, and is settled afterwards."""
    data = bytearray(noise(60_000))
    inode = streamed_file(volume, bytes(data))
    file = volume.contents.file(inode)
    assert file is not None
    driver = Driver(volume.contents.settle(inode, whole=False, goes_on=lambda: True))
    data[100:4_100] = b"x" * 4_000
    volume.write(inode, 100, bytes(data[100:4_100]))
    volume.write(inode, 60_000, b"y" * 5_000)
    driver.finish()
    assert {extent.start for extent in file.dirty} >= {100, 60_000}
    assert read_range(volume, inode, 0, len(data)) == data
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(bytes(data) + b"y" * 5_000)
    volume.close_file(inode)


def test_what_a_stream_took_along_is_not_safe_before_it_is_recorded(volume: Volume) -> None:
    """A sync has to wait for it: it has no rows, and no content names it yet."""
    data = noise(30_000)
    inode = streamed_file(volume, b"")
    volume.write(inode, 0, data[:500])
    volume.contents.log_extents(inode)
    file = volume.contents.file(inode)
    assert file is not None
    driver = Driver(volume.contents.settle(inode, whole=False, goes_on=lambda: True))
    for at in range(500, len(data), 500):
        volume.write(inode, at, data[at : at + 500])
        if not driver.ended:
            driver.step()
    assert file.chunks.size > 500
    driver.finish()
    assert not volume.contents.can_log(inode)
    settle(volume, inode)
    assert volume.contents.can_log(inode)
    volume.close_file(inode)


@pytest.mark.parametrize("start", range(14_000, 20_000, 500))
def test_a_stream_over_old_bytes_is_not_taken_along(volume: Volume, start: int) -> None:
    """Behind what is being settled lie chunks, some of which are cut again with it."""
    data = bytearray(noise(21_000))
    inode = streamed_and_settled(volume, bytes(data))
    new, end = noise(3_500, 1), start + 3_500
    volume.write(inode, start, new[:500])
    driver = Driver(volume.contents.settle(inode, whole=False, goes_on=lambda: True))
    volume.write(inode, start + 500, new[500:])
    data[start:end] = new
    driver.finish()
    assert read_range(volume, inode, 0, len(data) + 1) == data
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(bytes(data))
    volume.close_file(inode)


def test_a_command_that_settles_comes_after_who_is_at_it(volume: Volume) -> None:
    data = noise(30_000)
    inode = new_file(volume, b"file", data)
    first = Driver(volume.contents.settle(inode))
    second = Driver(volume.contents.settle_beside(inode))
    volume.write(inode, 10, b"meanwhile")
    second.step()
    assert not second.ended
    first.finish()
    second.finish()
    assert ref_of(volume, inode) == ref_of_bytes(data[:10] + b"meanwhile" + data[19:])
    volume.close_file(inode)


def test_rows_written_amid_settling_are_not_taken_along(volume: Volume) -> None:
    """Their bytes go with the settling that knows of these rows, and deletes them."""
    data = noise(30_000)
    inode = settled_file(volume, b"file", data)
    volume.open_file(inode, writing=True)
    file = volume.contents.file(inode)
    assert file is not None
    volume.write(inode, 30_000, b"a" * 2_000)
    volume.contents.log_extents(inode)
    driver = Driver(volume.contents.settle(inode, whole=False, goes_on=lambda: True))
    volume.write(inode, 32_000, b"b" * 500)
    volume.contents.log_extents(inode)
    driver.finish()
    assert file.dirty.end == 32_500
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(data + b"a" * 2_000 + b"b" * 500)
    assert not volume.contents.unsettled()
    volume.close_file(inode)


@pytest.mark.parametrize("steps_before", range(1, 9))
def test_an_error_amid_a_stream_that_goes_on_loses_nothing(
    volume: Volume, steps_before: int
) -> None:
    data = noise(48_000)
    inode = streamed_file(volume, data[:24_000])
    driver = Driver(volume.contents.settle(inode, whole=False, goes_on=lambda: True))
    for number in range(steps_before):
        if number < 8:
            at = 24_000 + number * 3_000
            volume.write(inode, at, data[at : at + 3_000])
        driver.step()
    for at in range(24_000 + min(steps_before, 8) * 3_000, len(data), 3_000):
        volume.write(inode, at, data[at : at + 3_000])
    with pytest.raises(NoSpace):
        driver.fail(NoSpace("no room"))
    assert read_range(volume, inode, 0, len(data)) == data
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(data)
    volume.close_file(inode)


def test_bytes_are_let_go_batch_by_batch(volume: Volume) -> None:
    """So that who waits for room need not wait for the whole file; and they are read meanwhile."""
    data = noise(60_000)
    inode = streamed_file(volume, data)
    dirty: list[int] = []
    volume.contents.when_relieved(lambda: dirty.append(volume.contents.dirty_bytes))
    driver = Driver(volume.contents.settle(inode))
    while driver.work is not None:
        assert read_range(volume, inode, 0, len(data)) == data
        driver.step()
    assert len(dirty) > 3
    assert dirty == sorted(dirty, reverse=True)
    assert dirty[-1] == 0
    volume.close_file(inode)


def test_a_failure_leaves_dirty_what_was_not_settled(volume: Volume) -> None:
    data = noise(60_000)
    inode = streamed_file(volume, data)
    driver = Driver(volume.contents.settle(inode))
    for _ in range(6):
        driver.step()
    with pytest.raises(NoSpace):
        driver.fail(NoSpace("no room"))
    assert 0 < volume.contents.dirty_bytes < len(data)
    assert read_range(volume, inode, 0, len(data)) == data
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(data)
    volume.close_file(inode)


def test_a_file_being_written_keeps_its_last_bytes_dirty(volume: Volume) -> None:
    inode = new_file(volume, data=noise(50_000))
    file = volume.contents.file(inode)
    assert file is not None
    settle(volume, inode, whole=False)
    assert 0 < file.dirty_bytes <= LIMITS.max_size
    assert file.chunks.size + file.dirty_bytes == 50_000
    assert ref_of(volume, inode) == b""  # nothing is recorded before the whole is settled
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(noise(50_000))
    volume.close_file(inode)


@pytest.mark.parametrize("size", [TEBIBYTE, TEBIBYTE + 1, HUGE])
def test_a_hole_of_any_size_is_one_run(volume: Volume, size: int) -> None:
    inode = new_file(volume)
    volume.truncate(inode, size)
    settle(volume, inode)
    assert stored_objects(volume) <= 3
    assert ref_of(volume, inode) == ref_of_runs(runs_of_sparse(size, {}))
    assert read_range(volume, inode, size - 10, 100) == bytes(10)
    assert read_range(volume, inode, size // 2, 5_000) == bytes(5_000)
    volume.close_file(inode)


@pytest.mark.parametrize("size", [TEBIBYTE, HUGE])
@pytest.mark.parametrize("settled_between", [False, True])
def test_writes_far_apart_in_a_hole(volume: Volume, size: int, settled_between: bool) -> None:
    written = {
        0: noise(3_000, seed=1),
        size // 3: noise(5_000, seed=2),
        size // 3 + 100_000: b"x",
        size // 2: noise(700, seed=3),
        size - 4: b"last",
    }
    inode = new_file(volume)
    volume.truncate(inode, size)
    for offset, data in written.items():
        if settled_between:
            settle(volume, inode)
        volume.write(inode, offset, data)
    settle(volume, inode)
    assert stored_objects(volume) < 120
    assert ref_of(volume, inode) == ref_of_runs(runs_of_sparse(size, written))
    for offset, data in written.items():
        low = max(offset - 3_000, 0)
        expected = (bytes(offset - low) + data + bytes(3_000))[: size - low]
        assert read_range(volume, inode, low, len(expected)) == expected
    volume.close_file(inode)


def test_cutting_a_hole_short(volume: Volume) -> None:
    inode = new_file(volume, data=noise(3_000))
    volume.truncate(inode, HUGE)
    settle(volume, inode)
    volume.truncate(inode, TEBIBYTE + 77)
    settle(volume, inode)
    expected = ref_of_runs(runs_of_sparse(TEBIBYTE + 77, {0: noise(3_000)}))
    assert ref_of(volume, inode) == expected
    volume.close_file(inode)


def test_a_long_run_of_any_byte_is_cut_once(volume: Volume) -> None:
    """Behind an edit every chunk of the run moves; none of them is cut again for that."""
    size = 400_000
    inode = new_file(volume, data=b"\xff" * size)
    settle(volume, inode)
    volume.write(inode, 5, noise(900))
    steps = Driver(volume.contents.settle(inode))
    bytes_worked_on = 0
    while not steps.ended:
        assert steps.work is not None
        bytes_worked_on += steps.work.size_bytes
        steps.step()
    assert bytes_worked_on < size // 4
    expected = b"\xff" * 5 + noise(900) + b"\xff" * (size - 905)
    assert ref_of(volume, inode) == ref_of_bytes(expected)
    volume.close_file(inode)


def far_edits(volume: Volume) -> tuple[InodeId, bytes]:
    """A file in which two edits and an append all have to be cut again up to its end."""
    data = bytearray((b"cairn" * 20_000)[:60_001])
    inode = new_file(volume, data=bytes(data))
    settle(volume, inode)
    for offset, edit in ((0, noise(426)), (30_000, noise(500, seed=2)), (60_001, b"end")):
        volume.write(inode, offset, edit)
        data[offset : offset + len(edit)] = edit
    return inode, bytes(data)


@pytest.fixture(params=[8_000, 30_000], ids=["one by one", "together"])
def batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits are settled in batches of one region, or of all of them."""
    monkeypatch.setattr("fsmodel.content.regions.BATCH_BYTES", request.param)


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("whole", [True, False])
def test_at_every_step_all_bytes_can_be_read(volume: Volume, whole: bool) -> None:
    inode, data = far_edits(volume)
    steps = Driver(volume.contents.settle(inode, whole=whole))
    count = 0
    while not steps.ended:
        assert read_range(volume, inode, 0, len(data) + 1) == data
        steps.step()
        count += 1
    assert read_range(volume, inode, 0, len(data) + 1) == data
    assert count > 5
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(data)
    volume.close_file(inode)


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("whole", [True, False])
def test_an_error_at_any_step_leaves_the_bytes_dirty(volume: Volume, whole: bool) -> None:
    inode, data = far_edits(volume)
    failed_at = 0
    while True:
        steps = Driver(volume.contents.settle(inode, whole=whole))
        for _ in range(failed_at):
            if not steps.ended:
                steps.step()
        if steps.ended:
            break
        with pytest.raises(NoSpace):
            steps.fail(NoSpace("the host is full"))
        assert read_range(volume, inode, 0, len(data) + 1) == data
        failed_at += 1
    assert failed_at >= 4
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(data)
    volume.close_file(inode)


@pytest.mark.parametrize("size", [1, LIMITS.min_size - 1, LIMITS.min_size, LIMITS.min_size + 1])
def test_a_file_too_short_to_be_cut_is_as_any_other(volume: Volume, size: int) -> None:
    data = noise(size)
    inode = new_file(volume, data=data)
    steps = Driver(volume.contents.settle(inode))
    while not steps.ended:
        assert read_range(volume, inode, 0, size + 1) == data  # at every moment
        steps.step()
    assert ref_of(volume, inode) == ref_of_bytes(data)
    volume.write(inode, size, b"more")
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(data + b"more")
    volume.close_file(inode)


def test_a_short_file_that_cannot_be_stored_keeps_its_bytes(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = noise(LIMITS.min_size)
    inode = new_file(volume, data=data)
    with monkeypatch.context() as full:
        full.setattr(os, "pwritev", failing(ENOSPC))
        with pytest.raises(NoSpace):
            settle(volume, inode)
    assert read_range(volume, inode, 0, len(data) + 1) == data
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(data)
    volume.close_file(inode)


def test_a_short_file_with_a_hole_before_its_bytes_has_zeros_there(volume: Volume) -> None:
    inode = new_file(volume)
    volume.write(inode, 10, b"bytes")
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(bytes(10) + b"bytes")
    volume.truncate(inode, 40)
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(bytes(10) + b"bytes" + bytes(25))
    volume.close_file(inode)


def test_a_last_cut_that_was_certain_may_become_uncertain(volume: Volume) -> None:
    """What was cut for certain is cut anew by an edit, and then ends where the file ends."""
    inode = new_file(volume, data=noise(20_000))
    settle(volume, inode, whole=False)
    file = volume.contents.file(inode)
    assert file is not None
    end = file.chunks.size
    assert file.certain_end == end
    volume.truncate(inode, end)
    changed = noise(20_000)[: end - 100] + bytes(100)
    volume.write(inode, end - 100, bytes(100))
    settle(volume, inode)
    volume.write(inode, end, b"more")
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(changed + b"more")
    volume.close_file(inode)


def test_writes_during_settling_stay_dirty_and_win(volume: Volume) -> None:
    inode, data = far_edits(volume)
    steps = Driver(volume.contents.settle(inode))
    expected = bytearray(data)
    for number in range(100):
        if steps.ended:
            break
        steps.step()
        offset = number * 2_500 % 70_000
        volume.write(inode, offset, b"later")
        expected.extend(bytes(max(offset - len(expected), 0)))
        expected[offset : offset + 5] = b"later"
    assert steps.ended
    file = volume.contents.file(inode)
    assert file is not None
    assert file.changed
    assert read_range(volume, inode, 0, 100_000) == expected
    settle(volume, inode)
    assert not file.changed
    assert ref_of(volume, inode) == ref_of_bytes(bytes(expected))
    volume.close_file(inode)


def test_many_small_edits_are_settled_in_bounded_pieces(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edits all over a file: no region is much larger than a batch."""
    sizes = []

    def noted(region: PlannedRegion, *arguments: Any) -> CutRegion:
        sizes.append(region.size_bytes)
        return cut_region(region, *arguments)

    monkeypatch.setattr("fsmodel.content.cutting.cut_region", noted)
    data = bytearray(noise(200_000))
    inode = new_file(volume, data=bytes(data))
    settle(volume, inode)
    for offset in range(0, 200_000, 1_000):
        volume.write(inode, offset, b"edit")
        data[offset : offset + 4] = b"edit"
    sizes.clear()
    settle(volume, inode)
    assert len(sizes) > 20
    assert max(sizes) <= 8_000 + 4 * LIMITS.max_size
    assert ref_of(volume, inode) == ref_of_bytes(bytes(data))
    volume.close_file(inode)
