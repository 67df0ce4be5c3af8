"""A sync that comes while a file is being settled waits for nobody: its bytes get extent rows."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.content import settle as settling
from fsmodel.content.file_state import FileState
from fsmodel.errors import NoSpace
from fsmodel.ids import InodeId
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.keys import number_key, pair_of
from lmdb_index.schema import EXTENT
from tests.support.stepping import Driver
from tests.support.volumes import (
    NO_CACHE,
    findings,
    make_store,
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
LONGEST = 40_000  # of a file that grows


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    """Pages of few items, batches of few bytes."""
    with small_limits():
        yield


class Edited:
    """An open file that was settled once, and what its bytes are to be."""

    def __init__(self, folder: Path) -> None:
        self.volume = Volume.open(make_store(folder / "store"), settings=NO_CACHE)
        self.inode: InodeId = settled_file(self.volume, b"file", DATA)
        self.volume.open_file(self.inode, writing=True)
        self.bytes = bytearray(DATA)
        self.written_to = 0
        self._folder = folder
        self._copies = 0

    def write(self, offset: int, data: bytes) -> None:
        """Bytes of which nothing is known outside the memory."""
        self.volume.write(self.inode, offset, data)
        self.bytes += bytes(max(offset + len(data) - len(self.bytes), 0))
        self.bytes[offset : offset + len(data)] = data
        self.written_to = offset + len(data)

    def truncate(self, size: int) -> None:
        """Cut the file, or let it grow by zeros."""
        self.volume.truncate(self.inode, size)
        self.bytes = bytearray(resized(self.bytes, size))

    def sync(self) -> None:
        """Let a killed process leave what is there now."""
        self.volume.contents.log_extents(self.inode)

    @property
    def state(self) -> FileState:
        """What is known of it in memory."""
        file = self.volume.contents.file(self.inode)
        assert file is not None
        return file

    def settling(self, *, whole: bool = True) -> Driver:
        """Steps that settle all of it, or what is certain of it along with what comes behind."""
        contents = self.volume.contents
        return Driver(contents.settle(self.inode, whole=whole, goes_on=lambda: True))

    def rows(self) -> list[int]:
        """The numbers of its extent rows."""
        index = parts_of(self.volume).index
        return [pair_of(key)[1] for key, _ in index.scan_prefix(EXTENT, number_key(self.inode))]

    def assert_survives(self, expected: bytes) -> None:
        """What a killed process would leave is right, sound, and settled like any file."""
        self._copies += 1
        place = self._folder / f"killed{self._copies}"
        shutil.copytree(self.volume.store, place)
        found = Volume.open(place, settings=NO_CACHE)
        assert findings(found) == ()
        assert read_file(found, self.inode) == expected
        run_inline(found.settle_leftovers())
        assert ref_of(found, self.inode) == ref_of_bytes(expected)
        assert findings(found) == ()
        found.close()
        shutil.rmtree(place)

    def end(self) -> None:
        """Settle the rest, and leave a sound store."""
        assert read_range(self.volume, self.inode, 0, 200_000) == self.bytes
        run_inline(self.volume.contents.settle(self.inode))
        assert ref_of(self.volume, self.inode) == ref_of_bytes(bytes(self.bytes))
        assert self.rows() == []
        self.volume.close_file(self.inode, writing=True)
        assert findings(self.volume) == ()
        self.volume.close()


def resized(data: bytes | bytearray, size: int) -> bytes:
    """Bytes of a file that is cut, or grows by zeros."""
    return bytes(data[:size]).ljust(size, b"\0")


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    """Such a file in a store of its own."""
    return Edited(tmp_path)


def test_what_is_synced_at_any_step_survives_and_later_bytes_win(edited: Edited) -> None:
    edited.write(100, b"first")
    edited.write(20_000, b"second")
    edited.sync()
    steps = edited.settling()
    number = 0
    while not steps.ended:
        edited.write(102, b"at step %d" % number)
        edited.write(len(edited.bytes), b"longer")
        edited.sync()
        edited.assert_survives(bytes(edited.bytes))
        steps.step()
        number += 1
    assert number > 1
    edited.assert_survives(bytes(edited.bytes))
    edited.end()


def test_rows_of_what_was_settled_go_and_later_ones_stay(edited: Edited) -> None:
    for offset in (0, 10_000, 20_000):
        edited.write(offset, b"settled")
        edited.sync()
    steps = edited.settling()
    edited.write(10_003, b"later")
    edited.sync()
    assert edited.rows() == [0, 1, 2, 3]
    steps.finish()
    assert edited.rows() == [3]
    edited.write(5, b"last")
    edited.sync()
    assert edited.rows() == [3, 4]
    edited.assert_survives(bytes(edited.bytes))
    edited.end()


def test_bytes_without_rows_that_are_being_settled_make_a_sync_wait(edited: Edited) -> None:
    edited.write(0, b"not synced")
    steps = edited.settling()
    edited.write(20_000, b"synced")
    assert not edited.volume.contents.can_log(edited.inode)
    steps.finish()
    assert edited.volume.contents.can_log(edited.inode)
    edited.sync()
    edited.assert_survives(bytes(edited.bytes))
    edited.end()


def test_pages_that_were_synced_are_no_stream(
    edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storing all of a chunk as it is, for each page of it, would be more than a sync can write."""
    monkeypatch.setattr(settling, "HASTY_BYTES_MIN", 3_000)
    edited.write(0, bytes(1_000) + DATA[:2_000])
    edited.sync()
    steps = edited.settling()
    steps.step()
    assert not edited.state.hasty
    steps.finish()
    edited.write(0, DATA[:3_000])
    steps = edited.settling()
    while not steps.ended and not edited.state.hasty:
        steps.step()
    assert edited.state.hasty
    steps.finish()
    edited.end()


def test_a_failure_amid_settling_leaves_the_rows_to_speak(edited: Edited) -> None:
    edited.write(0, b"synced")
    edited.sync()
    steps = edited.settling()
    edited.write(10_000, b"meanwhile")
    edited.sync()
    with pytest.raises(NoSpace):
        steps.fail(NoSpace("no room"))
    assert edited.volume.contents.can_log(edited.inode)
    edited.sync()
    assert edited.rows() == [0, 1]  # nothing was put there twice
    edited.assert_survives(bytes(edited.bytes))
    edited.end()


@pytest.mark.parametrize("size", [0, 105, 10_002, 35_000])
def test_a_file_that_is_cut_afterwards_has_rows_from_the_beginning(
    edited: Edited, size: int
) -> None:
    edited.write(100, b"settled")
    edited.sync()
    steps = edited.settling()
    edited.write(10_000, b"later")
    edited.sync()
    steps.finish()
    edited.volume.truncate(edited.inode, size)
    edited.bytes = (edited.bytes + bytes(size))[:size]
    edited.assert_survives(bytes(edited.bytes))
    edited.write(3, b"again")
    edited.sync()
    edited.assert_survives(bytes(edited.bytes))
    edited.end()


ACTION = st.one_of(
    st.tuples(st.just("write"), st.integers(0, LONGEST - 300), st.integers(1, 300)),
    st.tuples(st.just("write on"), st.integers(1, 4_000)),
    st.tuples(st.just("truncate"), st.integers(0, LONGEST)),
    st.tuples(st.sampled_from(["sync", "begin", "begin some", "step", "step", "fail", "kill"])),
)


@given(actions=st.lists(ACTION, min_size=5, max_size=25))
def test_whatever_happens_in_which_order(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, ...]]
) -> None:
    check_order(Edited(tmp_path_factory.mktemp("edited")), actions)


def check_order(edited: Edited, actions: list[tuple[str, ...]]) -> None:
    """A kill leaves what was synced or recorded last, whatever else was done."""
    kept, frozen, steps, whole = DATA, DATA, None, True  # `kept` is what a kill leaves
    for number, (action, *where) in enumerate(actions):
        if action == "write":
            edited.write(int(where[0]), bytes([number + 1]) * int(where[1]))
        elif action == "write on":
            edited.write(edited.written_to, noise(int(where[0]), number))
        elif action == "truncate" and steps is None:
            edited.truncate(int(where[0]))
            kept = resized(kept, int(where[0]))
        elif action == "sync" and edited.volume.contents.can_log(edited.inode):
            edited.sync()
            kept = frozen = bytes(edited.bytes)
        elif action.startswith("begin") and steps is None:
            whole = action == "begin"
            frozen = bytes(edited.bytes) if whole else kept
            steps = edited.settling(whole=whole)
        elif action == "step" and steps is not None:
            steps.step()
        elif action == "fail" and steps is not None:
            with pytest.raises(NoSpace):
                steps.fail(NoSpace("no room"))
            frozen, steps = kept, None
        elif action == "kill":
            edited.assert_survives(kept)
        if steps is not None and steps.ended:
            kept, steps = frozen, None
    if steps is not None:
        steps.finish()
    edited.end()
