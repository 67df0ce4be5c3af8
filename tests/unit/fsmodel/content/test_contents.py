"""What is recorded of a file's bytes, when, and what a kill or a refusal leaves of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.content import contents
from fsmodel.content.file_state import FILE_BYTES_MAX, FileState
from fsmodel.errors import ChunkNotFound, NoSpace, NotFound, TooBig
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.errors import NoRoom
from lmdb_index.keys import number_key
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import EXTENT, UNSETTLED
from tests.support.namespace_store import ManualClock
from tests.support.stepping import Driver
from tests.support.volumes import (
    NO_CACHE,
    collect_garbage,
    findings,
    killed,
    new_file,
    noise,
    parts_of,
    read_file,
    read_range,
    ref_of,
    ref_of_bytes,
    settled_file,
    small_limits,
)

DATA = noise(30_000)


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    """Pages of few items, batches of few bytes."""
    with small_limits():
        yield


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def volume(folder: Path, clock: ManualClock) -> Iterator[Volume]:
    """A volume whose time a test advances; checked at the end."""
    volume = Volume.open(folder, settings=NO_CACHE, clock=clock)
    yield volume
    assert findings(volume) == ()
    volume.close()


def settle(volume: Volume, inode: InodeId, *, whole: bool = True) -> None:
    run_inline(volume.contents.settle(inode, whole=whole))


def state_of(volume: Volume, inode: InodeId) -> FileState:
    file = volume.contents.file(inode)
    assert file is not None
    return file


def record_of(volume: Volume, inode: InodeId) -> InodeRecord:
    return parts_of(volume).inodes.get(inode)


def exists(volume: Volume, inode: InodeId) -> bool:
    return parts_of(volume).inodes.find(inode) is not None


def is_unsettled(volume: Volume, inode: InodeId) -> bool:
    flagged = bool(record_of(volume, inode).flags & InodeFlag.UNSETTLED)
    listed = parts_of(volume).index.get(UNSETTLED, number_key(inode)) is not None
    assert flagged == listed == (inode in volume.contents.unsettled())
    return flagged


def extent_rows(volume: Volume, inode: InodeId) -> list[tuple[int, bytes]]:
    rows = parts_of(volume).index.scan_prefix(EXTENT, number_key(inode))
    return [(row.offset, row.data) for _, row in rows]


def after_kill(volume: Volume, place: Path) -> Volume:
    """The volume as another process finds it; it must pass fsck as it is."""
    found = killed(volume, place)
    assert findings(found) == ()
    return found


def end(volume: Volume) -> None:
    """Settle what is left over, and leave a sound store."""
    run_inline(volume.settle_leftovers())
    assert volume.contents.unsettled() == []
    assert findings(volume) == ()
    volume.close()


# Truncating


@pytest.mark.parametrize("size", [0, 1, 512, 29_999, 30_000, 30_001, 100_000])
def test_a_truncation_survives_a_kill(folder: Path, tmp_path: Path, size: int) -> None:
    volume = Volume.open(folder)
    inode = settled_file(volume, b"file", DATA)
    volume.open_file(inode, writing=True)
    volume.truncate(inode, size)
    expected = DATA[:size] + bytes(max(size - len(DATA), 0))
    assert read_range(volume, inode, 0, size + 1) == expected
    found = after_kill(volume, tmp_path / "killed")
    assert is_unsettled(found, inode) == (size not in (0, 30_000))
    assert read_file(found, inode) == expected
    run_inline(found.settle_leftovers())
    assert ref_of(found, inode) == ref_of_bytes(expected)
    end(found)


def test_shrinking_and_growing_leaves_zeros(volume: Volume) -> None:
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    volume.truncate(inode, 10_000)
    volume.truncate(inode, 20_000)
    expected = DATA[:10_000] + bytes(10_000)
    assert read_range(volume, inode, 0, 30_000) == expected
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(expected)
    volume.close_file(inode)


def test_truncating_to_nothing_gives_the_content_up_at_once(volume: Volume) -> None:
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    volume.truncate(inode, 0)
    assert ref_of(volume, inode) == b""
    assert not state_of(volume, inode).changed
    collect_garbage(volume)
    assert volume.statistics().chunks == 0
    volume.close_file(inode)


def test_truncating_to_nothing_a_file_that_is_half_settled(volume: Volume) -> None:
    inode = new_file(volume, data=DATA)
    settle(volume, inode, whole=False)
    volume.truncate(inode, 0)
    assert read_range(volume, inode, 0, 10) == b""
    volume.write(inode, 3, b"new")
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(b"\0\0\0new")
    volume.close_file(inode)


def test_a_half_settled_file_that_was_cut_reads_as_before_after_a_kill(
    folder: Path, tmp_path: Path
) -> None:
    volume = Volume.open(folder)
    inode = settled_file(volume, b"file", DATA)
    volume.open_file(inode, writing=True)
    volume.write(inode, 0, noise(30_000, seed=2))
    settle(volume, inode, whole=False)
    volume.truncate(inode, 5_000)
    found = after_kill(volume, tmp_path / "killed")
    assert read_file(found, inode) == DATA[:5_000]
    end(found)


def test_sizes_that_no_file_can_have(volume: Volume) -> None:
    inode = new_file(volume, data=b"x")
    with pytest.raises(TooBig):
        volume.truncate(inode, FILE_BYTES_MAX + 1)
    with pytest.raises(TooBig):
        volume.write(inode, FILE_BYTES_MAX, b"x")
    volume.write(inode, FILE_BYTES_MAX - 1, b"x")
    settle(volume, inode)
    assert record_of(volume, inode).size == FILE_BYTES_MAX
    assert read_range(volume, inode, FILE_BYTES_MAX - 2, 10) == b"\0x"
    volume.truncate(inode, 1)
    settle(volume, inode)
    volume.close_file(inode)


def test_a_truncation_that_is_refused_changes_nothing(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_of(volume).index._journal, "append", refuse)
        with pytest.raises(NoSpace):
            volume.truncate(inode, 5)
    assert read_range(volume, inode, 0, 40_000) == DATA
    assert record_of(volume, inode).size == len(DATA)
    volume.close_file(inode)


def test_a_size_and_times_are_changed_together(volume: Volume) -> None:
    """Whoever is told that there is no room for the times must not have the size."""
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    before = volume.durability.position
    volume.truncate(inode, 5, AttributeChange(mtime_ns=7, ctime_ns=8))
    record = record_of(volume, inode)
    assert volume.durability.position == before + 1
    assert (record.size, record.mtime_ns, record.ctime_ns) == (5, 7, 8)
    volume.close_file(inode)
    record = record_of(volume, inode)
    assert (record.size, record.mtime_ns, record.ctime_ns) == (5, 7, 8)


def refuse(*arguments: object) -> None:
    raise NoRoom("no room on the host")


# Logging


def test_logged_bytes_survive_a_kill_and_later_ones_win(folder: Path, tmp_path: Path) -> None:
    volume = Volume.open(folder)
    inode = settled_file(volume, b"file", DATA)
    volume.open_file(inode, writing=True)
    expected = bytearray(DATA)
    for offset, data in ((100, b"first"), (20_000, b"second"), (102, b"third"), (30_000, b"end")):
        volume.write(inode, offset, data)
        expected[offset : offset + len(data)] = data
        assert volume.contents.can_log(inode)
        volume.contents.log_extents(inode)
    assert extent_rows(volume, inode)[2] == (102, b"third")
    volume.write(inode, 0, b"lost")
    found = after_kill(volume, tmp_path / "killed")
    assert is_unsettled(found, inode)
    assert read_file(found, inode) == expected
    run_inline(found.settle_leftovers())
    assert ref_of(found, inode) == ref_of_bytes(bytes(expected))
    assert extent_rows(found, inode) == []
    end(found)


def test_logging_nothing_new_writes_nothing(volume: Volume) -> None:
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    volume.write(inode, 5, b"new")
    volume.contents.log_extents(inode)
    position = volume.durability.position
    volume.contents.log_extents(inode)
    assert volume.durability.position == position
    settle(volume, inode)
    assert extent_rows(volume, inode) == []
    assert not is_unsettled(volume, inode)
    volume.close_file(inode)


@pytest.mark.parametrize("size", [50, 101, 104, 15_000, 40_000])
def test_a_truncation_cuts_what_was_logged(folder: Path, tmp_path: Path, size: int) -> None:
    volume = Volume.open(folder)
    inode = settled_file(volume, b"file", DATA)
    volume.open_file(inode, writing=True)
    volume.write(inode, 100, b"first")
    volume.contents.log_extents(inode)
    volume.write(inode, 10_000, b"not logged")
    volume.truncate(inode, size)
    expected = bytearray(DATA + bytes(10_000))
    expected[100:105] = b"first"
    expected[10_000:10_010] = b"not logged"
    del expected[size:]
    assert read_range(volume, inode, 0, 50_000) == expected
    volume.contents.log_extents(inode)
    found = after_kill(volume, tmp_path / "killed")
    assert read_file(found, inode) == expected
    run_inline(found.settle_leftovers())
    assert ref_of(found, inode) == ref_of_bytes(bytes(expected))
    end(found)


def test_what_is_too_much_to_log(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "LOGGED_FEW_BYTES", 0)
    inode = new_file(volume, data=DATA)
    can_log = volume.contents.can_log
    assert not can_log(inode)  # more than a quarter of what is settled
    settle(volume, inode)
    volume.write(inode, 0, bytes(7_500))
    assert can_log(inode)
    volume.write(inode, 7_500, b"x")
    assert not can_log(inode)
    settle(volume, inode)
    monkeypatch.setattr(contents, "LOGGED_BYTES_MAX", 100)
    monkeypatch.setattr(contents, "LOGGED_ROWS_MAX", 3)
    volume.write(inode, 0, bytes(100))
    assert can_log(inode)
    volume.contents.log_extents(inode)
    volume.write(inode, 0, b"x")
    assert not can_log(inode)
    settle(volume, inode)
    for offset in (0, 10, 20):
        volume.write(inode, offset, b"x")
    assert can_log(inode)
    volume.write(inode, 30, b"x")
    assert not can_log(inode)
    settle(volume, inode, whole=False)
    assert not can_log(inode)  # the content ref does not name the settled bytes
    settle(volume, inode)
    volume.close_file(inode)


def test_a_few_bytes_can_be_logged_whatever_the_file_is(volume: Volume) -> None:
    """A sync of them needs no pack, and may be the last that is ever heard of them."""
    inode = new_file(volume, data=DATA)
    assert volume.contents.can_log(inode)
    volume.contents.log_extents(inode)
    volume.write(inode, len(DATA), bytes(contents.LOGGED_FEW_BYTES - len(DATA)))
    assert volume.contents.can_log(inode)
    volume.write(inode, contents.LOGGED_FEW_BYTES, b"x")
    assert not volume.contents.can_log(inode)
    settle(volume, inode)
    volume.close_file(inode)


def test_a_refused_log_can_be_repeated(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    volume.write(inode, 5, b"new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_of(volume).index._journal, "append", refuse)
        with pytest.raises(NoSpace):
            volume.contents.log_extents(inode)
    assert extent_rows(volume, inode) == []
    volume.contents.log_extents(inode)
    assert extent_rows(volume, inode) == [(5, b"new")]
    settle(volume, inode)
    volume.close_file(inode)


def test_bytes_that_could_not_be_settled_can_be_logged(folder: Path, tmp_path: Path) -> None:
    volume = Volume.open(folder)
    inode = settled_file(volume, b"file", DATA)
    volume.open_file(inode, writing=True)
    volume.write(inode, 5, b"fsynced")
    steps = Driver(volume.contents.settle(inode))
    with pytest.raises(NoSpace):
        steps.fail(NoSpace("the host is full"))
    assert volume.contents.can_log(inode)
    volume.contents.log_extents(inode)
    found = after_kill(volume, tmp_path / "killed")
    assert read_file(found, inode) == DATA[:5] + b"fsynced" + DATA[12:]
    end(found)


# Settling


def test_a_refused_record_leaves_the_bytes_and_can_be_repeated(
    volume: Volume, clock: ManualClock
) -> None:
    inode = new_file(volume, data=DATA)
    written = clock.now_ns()
    clock.advance()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_of(volume).index._journal, "append", refuse)
        with pytest.raises(NoSpace):
            settle(volume, inode)
    assert ref_of(volume, inode) == b""
    assert state_of(volume, inode).changed
    assert read_range(volume, inode, 0, 40_000) == DATA
    volume.write(inode, 7, b"again")
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(DATA[:7] + b"again" + DATA[12:])
    assert record_of(volume, inode).mtime_ns > written
    volume.close_file(inode)


def test_a_refused_record_does_not_forget_when_it_was_written(
    volume: Volume, clock: ManualClock
) -> None:
    inode = new_file(volume)
    clock.advance()
    volume.write(inode, 0, b"x")
    written = clock.now_ns()
    clock.advance()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_of(volume).index._journal, "append", refuse)
        with pytest.raises(NoSpace):
            settle(volume, inode)
    settle(volume, inode)
    assert record_of(volume, inode).mtime_ns == written
    volume.close_file(inode)


def test_times_never_go_back(volume: Volume, clock: ManualClock) -> None:
    inode = new_file(volume, data=DATA)
    clock.advance()
    volume.set_attributes(inode, AttributeChange(mode=0o600))
    changed = clock.now_ns()
    settle(volume, inode)
    assert record_of(volume, inode).ctime_ns == changed
    volume.write(inode, 0, b"x")
    clock.advance()
    volume.truncate(inode, 5)
    cut = clock.now_ns()
    settle(volume, inode)
    assert record_of(volume, inode).mtime_ns == record_of(volume, inode).ctime_ns == cut
    volume.close_file(inode)


def test_a_time_that_was_set_stays(volume: Volume) -> None:
    inode = new_file(volume, data=DATA)
    volume.set_attributes(inode, AttributeChange(mtime_ns=5))
    settle(volume, inode)
    assert record_of(volume, inode).mtime_ns == 5
    volume.close_file(inode)


def test_the_time_of_a_write_is_recorded_with_its_bytes(volume: Volume) -> None:
    """One change for both: an fsync should not pay for two."""
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    volume.write(inode, 0, b"x")
    stamp = (state_of(volume, inode).written_ns or 0) + 1
    position = volume.durability.position
    volume.stamp_written(inode, AttributeChange(mtime_ns=stamp, ctime_ns=stamp))
    assert volume.durability.position == position
    volume.contents.log_extents(inode)
    assert volume.durability.position == position + 1
    assert record_of(volume, inode).mtime_ns == record_of(volume, inode).ctime_ns == stamp
    volume.close_file(inode)


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("stamped", [False, True])
def test_a_time_the_kernel_does_not_tell_of_is_not_a_file_s(
    volume: Volume, recorded: bool, stamped: bool
) -> None:
    """Two writes at one tick of the kernel's clock: it tells of the first, or of a truncation."""
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    volume.set_attributes(inode, AttributeChange(mtime_ns=10**18, ctime_ns=10**18))
    volume.write(inode, 0, b"x")
    if stamped:
        volume.stamp_written(inode, AttributeChange(mtime_ns=10**18 + 1, ctime_ns=10**18 + 1))
    volume.write(inode, 1, b"y")
    if recorded:  # by us, without being asked
        volume.contents.log_extents(inode)
        assert record_of(volume, inode).mtime_ns > 10**18 + 1
    volume.contents.all_stamped(inode)
    settle(volume, inode)
    volume.contents.all_stamped(inode)
    record = record_of(volume, inode)
    assert (record.mtime_ns, record.ctime_ns) == (10**18 + stamped, 10**18 + stamped)
    volume.close_file(inode)


def test_a_time_the_kernel_tells_of_late_is_a_file_s(volume: Volume) -> None:
    inode = new_file(volume, data=DATA)
    volume.write(inode, 0, b"x")
    settle(volume, inode)
    volume.stamp_written(inode, AttributeChange(mtime_ns=10**18, ctime_ns=10**18))
    volume.contents.all_stamped(inode)
    assert record_of(volume, inode).mtime_ns == record_of(volume, inode).ctime_ns == 10**18
    volume.close_file(inode)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (b"", AttributeChange(mtime_ns=10**18, ctime_ns=10**18)),
        (b"x", AttributeChange(mtime_ns=10**18, ctime_ns=10**18, atime_ns=5)),
        (b"x", AttributeChange(mtime_ns=10**18, ctime_ns=10**18 + 1)),
        (b"x", AttributeChange(mtime_ns=10**18, ctime_ns=10**18, mode=0o600)),
    ],
    ids=["nothing written", "access time", "two times", "mode"],
)
def test_a_time_that_is_of_no_write_is_recorded_at_once(
    volume: Volume, written: bytes, wanted: AttributeChange
) -> None:
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    if written:
        volume.write(inode, 0, written)
    volume.stamp_written(inode, wanted)
    assert record_of(volume, inode).mtime_ns == wanted.mtime_ns
    volume.close_file(inode)


def test_a_long_stream_keeps_few_chunks_in_memory_and_is_what_it_would_have_been(
    volume: Volume,
) -> None:
    inode = new_file(volume)
    expected = b""
    for seed in range(40):
        data = noise(5_000, seed)
        volume.write(inode, len(expected), data)
        expected += data
        settle(volume, inode, whole=False)
        assert state_of(volume, inode).chunks.unsaved_runs <= 30 + 24
    assert ref_of(volume, inode) == b""
    assert findings(volume) == ()
    settle(volume, inode)
    assert ref_of(volume, inode) == ref_of_bytes(expected)
    volume.close_file(inode)


def test_equal_bytes_have_one_content(volume: Volume) -> None:
    first = settled_file(volume, b"first", DATA)
    before = volume.statistics()
    second = settled_file(volume, b"second", DATA)
    after = volume.statistics()
    assert ref_of(volume, first) == ref_of(volume, second)
    assert after.unique_bytes == before.unique_bytes
    assert after.logical_bytes == 2 * before.logical_bytes
    volume.unlink(ROOT_INODE, b"first")
    assert read_file(volume, second) == DATA
    volume.unlink(ROOT_INODE, b"second")
    collect_garbage(volume)
    assert volume.statistics().chunks == 0


def test_two_files_with_the_same_new_bytes_settled_at_the_same_time(volume: Volume) -> None:
    inodes = [new_file(volume, name, DATA) for name in (b"first", b"second")]
    settlings = [Driver(volume.contents.settle(inode)) for inode in inodes]
    while not all(steps.ended for steps in settlings):
        for steps in settlings:
            if not steps.ended:
                steps.step()
    assert parts_of(volume).objects.unrecorded == {}
    assert ref_of(volume, inodes[0]) == ref_of(volume, inodes[1]) == ref_of_bytes(DATA)
    for inode in inodes:
        volume.close_file(inode)


# Opening and closing


def test_bytes_that_were_never_settled_go_with_the_last_user(volume: Volume) -> None:
    inode = settled_file(volume, b"file", DATA)
    for _ in range(2):
        volume.open_file(inode, writing=True)
    volume.write(inode, 0, b"dirty")
    volume.close_file(inode)
    assert read_range(volume, inode, 0, 5) == b"dirty"
    volume.close_file(inode)
    assert not volume.contents.is_open(inode)
    assert read_file(volume, inode) == DATA


def test_closing_a_file_whose_logged_bytes_cannot_be_settled_keeps_them(volume: Volume) -> None:
    inode = new_file(volume, data=DATA)
    settle(volume, inode)
    volume.write(inode, 5, b"logged")
    volume.contents.log_extents(inode)
    steps = Driver(volume.contents.settle(inode))
    with pytest.raises(NoSpace):
        steps.fail(NoSpace("the host is full"))
    volume.close_file(inode)
    assert read_file(volume, inode) == DATA[:5] + b"logged" + DATA[11:]
    assert is_unsettled(volume, inode)
    run_inline(volume.settle_leftovers())
    assert not is_unsettled(volume, inode)


def logged_file(volume: Volume, name: bytes) -> InodeId:
    """A closed file with bytes in extent rows."""
    inode = new_file(volume, name, data=DATA)
    volume.contents.log_extents(inode)
    volume.close_file(inode)
    return inode


def test_what_is_deleted_while_it_is_settled_beside_is_gone_afterwards(volume: Volume) -> None:
    inode = logged_file(volume, b"file")
    held = logged_file(volume, b"held")
    volume.hold(held)
    steps = Driver(volume.settle_leftovers())
    volume.unlink(ROOT_INODE, b"file")
    assert volume.is_orphan(inode)
    while not volume.contents.is_open(held):
        steps.step()
    volume.unlink(ROOT_INODE, b"held")
    steps.finish()
    with pytest.raises(NotFound):
        volume.attributes(inode)
    assert volume.is_orphan(held)
    volume.give_back([(held, 1)])
    assert volume.contents.unsettled() == parts_of(volume).namespace.orphans.all() == []


def test_what_is_deleted_before_it_is_settled_beside_is_no_error(
    volume: Volume, caplog: pytest.LogCaptureFixture
) -> None:
    logged_file(volume, b"first")
    logged_file(volume, b"second")
    steps = Driver(volume.settle_leftovers())
    volume.unlink(ROOT_INODE, b"second")
    steps.finish()
    assert not caplog.records


@pytest.mark.parametrize("whole", [True, False])
def test_a_file_deleted_while_it_is_settled(volume: Volume, whole: bool) -> None:
    inode = new_file(volume, data=noise(100_000))
    steps = Driver(volume.contents.settle(inode, whole=whole))
    volume.unlink(ROOT_INODE, b"file")
    volume.close_file(inode)
    assert not exists(volume, inode)
    steps.finish()
    assert findings(volume) == ()


def test_a_file_opened_anew_is_not_overwritten_by_a_settling_of_before(volume: Volume) -> None:
    inode = settled_file(volume, b"file", DATA)
    volume.open_file(inode, writing=True)
    volume.write(inode, 0, noise(50_000, seed=3))
    late = Driver(volume.contents.settle(inode))
    volume.close_file(inode)
    volume.open_file(inode, writing=True)
    volume.write(inode, 0, b"newer")
    settle(volume, inode)
    late.finish()
    assert read_range(volume, inode, 0, 50_000) == b"newer" + DATA[5:]
    assert ref_of(volume, inode) == ref_of_bytes(b"newer" + DATA[5:])
    volume.close_file(inode)


def test_removing_a_file_removes_what_was_logged_of_it(folder: Path, tmp_path: Path) -> None:
    volume = Volume.open(folder)
    inode = settled_file(volume, b"file", DATA)
    volume.open_file(inode, writing=True)
    volume.write(inode, 5, b"logged")
    volume.contents.log_extents(inode)
    volume.unlink(ROOT_INODE, b"file")
    found = after_kill(volume, tmp_path / "killed")
    assert not exists(found, inode)
    assert extent_rows(found, inode) == []
    assert found.contents.unsettled() == []
    assert found.statistics().logical_bytes == 0
    end(found)


def test_a_content_that_is_not_stored_cannot_be_read(volume: Volume) -> None:
    inode = settled_file(volume, b"file", DATA)
    ref = ref_of(volume, inode)
    with parts_of(volume).changes.begin() as change:
        change.edit(inode).content = ref[:1] + bytes(32)
    with pytest.raises(ChunkNotFound):
        read_file(volume, inode)
    assert not volume.contents.is_open(inode)
    with parts_of(volume).changes.begin() as change:
        change.edit(inode).content = ref


def test_what_no_row_names_yet_is_named_in_memory(volume: Volume) -> None:
    inode = new_file(volume, data=DATA)
    assert list(volume.contents.named_in_memory()) == []
    settle(volume, inode, whole=False)
    named = set(volume.contents.named_in_memory())
    assert set(parts_of(volume).objects.unrecorded) <= named
    assert named
    settle(volume, inode)
    assert list(volume.contents.named_in_memory()) == []
    volume.close_file(inode)


def test_dirty_bytes_are_counted(volume: Volume) -> None:
    first, second = new_file(volume, b"first", bytes(100)), new_file(volume, b"second", bytes(50))
    assert volume.contents.dirty_bytes == 150
    assert {file.inode for file in volume.contents.files()} == {first, second}
    settle(volume, first)
    assert volume.contents.dirty_bytes == 50
    settle(volume, second)
    for inode in (first, second):
        volume.close_file(inode)
    assert volume.contents.dirty_bytes == 0


def test_what_was_fsynced_stays_when_it_was_chunked_and_then_the_file_truncated(
    folder: Path, tmp_path: Path
) -> None:
    """Chunks that no row names yet are no reason to drop the extent rows that hold the bytes."""
    volume = Volume.open(folder, settings=NO_CACHE)
    data = noise(1_000)
    inode = settled_file(volume, b"file", data)
    volume.open_file(inode, writing=True)
    volume.write(inode, 0, b"first")
    volume.contents.log_extents(inode)
    run_inline(volume.contents.settle(inode, whole=False))
    volume.write(inode, 10, b"second")
    volume.truncate(inode, 2_000)
    found = killed(volume, tmp_path / "killed")
    assert read_file(found, inode) == b"first" + data[5:] + bytes(1_000)
    run_inline(found.settle_leftovers())
    assert read_file(found, inode) == b"first" + data[5:] + bytes(1_000)
    found.close()
