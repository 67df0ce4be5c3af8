"""Equal bytes have equal content refs, however they came about.

Whatever is done to a file, it has the bytes of a plain byte array, and the content ref those bytes
would have had in one first write.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fsmodel.errors import NoSpace
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.payloads import Payload, payloads
from tests.support.stepping import Driver
from tests.support.volumes import (
    NO_CACHE,
    findings,
    make_store,
    new_file,
    read_file,
    read_range,
    ref_of,
    ref_of_bytes,
    small_limits,
)

POSITIONS: Final = st.integers(0, 40_000)
PAYLOADS: Final = payloads("noise zeros pattern corpus", 9_000)

Action = tuple[Any, ...]  # a method of OneFile, and its arguments


class OneFile:
    """A file of a volume, and the same bytes in memory."""

    def __init__(self, folder: Path) -> None:
        self._store = make_store(folder / "store")
        self.volume = Volume.open(self._store, settings=NO_CACHE)
        self.inode: InodeId = new_file(self.volume)
        self.model = bytearray()
        self._recorded = bytearray()  # what its rows say, and a clone has
        self._clones = 0

    def write(self, offset: int, payload: Payload) -> None:
        """Write behind the end, too: what lies between becomes zeros."""
        data = payload.data
        offset %= len(self.model) + 3_000
        self.volume.write(self.inode, offset, data)
        self.model.extend(bytes(max(offset - len(self.model), 0)))
        self.model[offset : offset + len(data)] = data

    def append(self, payload: Payload) -> None:
        """Write at the end."""
        self.write(len(self.model), payload)

    def truncate(self, size: int) -> None:
        """Cut the file, or let it grow."""
        size %= len(self.model) + 3_000
        self.volume.truncate(self.inode, size)
        for data in (self.model, self._recorded):
            del data[size:]
            data.extend(bytes(size - len(data)))

    def settle(self, whole: bool) -> None:
        """Cut into chunks what is dirty; not whole, what is certain of it."""
        run_inline(self.volume.contents.settle(self.inode, whole=whole))
        if whole:
            self._recorded = bytearray(self.model)

    def log(self) -> None:
        """Make a few bytes durable as they are."""
        if self.volume.contents.can_log(self.inode):
            self.volume.contents.log_extents(self.inode)
            self._recorded = bytearray(self.model)

    def clone(self, offset: int) -> None:
        """Have a copy of what the rows say, and change it."""
        self._clones += 1
        name, data = b"clone %d" % self._clones, self._recorded[:]
        made = run_inline(self.volume.clone(self.inode, ROOT_INODE, name))
        assert read_file(self.volume, made) == data
        offset %= len(data) + 1
        data[offset : offset + 6] = b"edited"
        self.volume.open_file(made, writing=True)
        self.volume.write(made, offset, b"edited")
        run_inline(self.volume.contents.settle(made))
        self.volume.close_file(made, writing=True)
        assert read_file(self.volume, made) == data
        assert ref_of(self.volume, made) == ref_of_bytes(bytes(data))

    def close_and_open(self) -> None:
        """The last user goes, another one comes."""
        self.settle(whole=True)
        self.volume.close_file(self.inode)
        self.volume.open_file(self.inode, writing=True)

    def remount(self) -> None:
        """Close the store and open it."""
        self.volume.close()
        self._recorded = bytearray(self.model)
        self.volume = Volume.open(self._store, settings=NO_CACHE)
        self.volume.open_file(self.inode, writing=True)

    def read(self, offset: int, length: int) -> None:
        """A range reads as it was written."""
        found = read_range(self.volume, self.inode, offset, length)
        assert found == self.model[offset : offset + length]

    def check(self) -> None:
        """All bytes, the ref, and every count are as they must be."""
        self.read(0, len(self.model) + 1)
        self.settle(whole=True)
        self.read(0, len(self.model) + 1)
        assert ref_of(self.volume, self.inode) == ref_of_bytes(bytes(self.model))
        assert findings(self.volume) == ()


@contextmanager
def one_file() -> Iterator[OneFile]:
    """A new file in a new store."""
    with tempfile.TemporaryDirectory() as folder:
        file = OneFile(Path(folder))
        try:
            yield file
        finally:
            file.volume.close()


@pytest.fixture(scope="module", autouse=True)
def pages() -> Iterator[None]:
    """Few items to a page, few pages in memory."""
    with small_limits():
        yield


CHANGES: Final = st.one_of(
    st.tuples(st.just(OneFile.write), POSITIONS, PAYLOADS),
    st.tuples(st.just(OneFile.append), PAYLOADS),
    st.tuples(st.just(OneFile.truncate), POSITIONS),
)
UPKEEP: Final = st.one_of(
    st.tuples(st.just(OneFile.settle), st.booleans()),
    st.tuples(st.just(OneFile.log)),
    st.tuples(st.just(OneFile.close_and_open)),
    st.tuples(st.just(OneFile.remount)),
    st.tuples(st.just(OneFile.read), POSITIONS, POSITIONS),
)


@given(st.lists(st.one_of(CHANGES, CHANGES, UPKEEP), max_size=14))
def test_a_file_is_its_bytes_however_they_came_about(actions: list[Action]) -> None:
    with one_file() as file:
        for action, *arguments in actions:
            action(file, *arguments)
            file.read(0, len(file.model) + 1)
        file.check()


FEW_BYTES: Final = payloads("noise pattern", 3_000)
STATES: Final = st.one_of(
    st.tuples(st.just(OneFile.append), FEW_BYTES),
    st.tuples(st.just(OneFile.write), st.integers(0, 5_000), FEW_BYTES),
    st.tuples(st.just(OneFile.truncate), st.integers(0, 5_000)),
    st.tuples(st.just(OneFile.settle), st.booleans()),
    st.tuples(st.just(OneFile.log)),
)


@given(FEW_BYTES, st.lists(st.tuples(STATES, st.integers(0, 3_000)), min_size=1, max_size=4))
def test_a_clone_is_what_the_rows_say_and_any_other_file_from_then_on(
    first: Payload, steps: list[tuple[Action, int]]
) -> None:
    with one_file() as file:
        file.append(first)
        file.settle(whole=True)
        for (action, *arguments), offset in steps:
            action(file, *arguments)
            file.clone(offset)
        file.check()


# Long stretches without a cut of their own: behind an edit, cuts meet old ones late or never.
SECTIONS: Final = st.lists(payloads("noise zeros ones pattern", 50_000), min_size=1, max_size=4)
EDITS: Final = st.lists(
    st.tuples(st.integers(0, 150_000), payloads("noise pattern", 900)), min_size=1, max_size=8
)


@given(SECTIONS, EDITS, st.booleans())
@example(
    [Payload("pattern", 20_481)], [(0, Payload("noise", 426)), (14_316, Payload("ones", 1))], True
)
def test_edits_far_apart_are_settled_as_one_would_be(
    sections: list[Payload], edits: list[tuple[int, Payload]], whole: bool
) -> None:
    with one_file() as file:
        for section in sections:
            file.append(section)
        file.settle(whole=True)
        for offset, payload in edits:
            file.write(offset, payload)
        file.settle(whole)
        file.check()


class Bystander:
    """What other requests do to the file while it is being settled."""

    def __init__(self, file: OneFile) -> None:
        self.file = file
        self.states = [bytes(file.model)]
        self._written_to = 0
        self._settling: Driver | None = None
        self._reads: list[tuple[Driver, int, int, int]] = []

    def settle(self, whole: bool, goes_on: bool) -> None:
        """Begin to settle, perhaps along with what is written on meanwhile; or go on with it."""
        if self._settling is None or self._settling.ended:
            contents = self.file.volume.contents
            steps = contents.settle(self.file.inode, whole=whole, goes_on=lambda: goes_on)
            self._settling = Driver(steps)
        else:
            self._settling.step()

    def run(self) -> None:
        """Let a thread do the settling's work, while the owner does not know of it yet."""
        if self._settling is not None and not self._settling.ended:
            self._settling.run()

    def fail(self) -> None:
        """The settling's work comes to nothing, as on a full host."""
        if self._settling is not None and not self._settling.ended:
            with pytest.raises(NoSpace):
                self._settling.fail(NoSpace("no room"))

    def abandon(self) -> None:
        """The task that settles is cancelled."""
        if self._settling is not None and not self._settling.ended:
            self._settling.abandon()

    def write(self, offset: int, payload: Payload) -> None:
        """Write, whatever is going on."""
        offset %= len(self.file.model) + 3_000
        self.file.write(offset, payload)
        self.states.append(bytes(self.file.model))
        self._written_to = offset + len(payload.data)

    def write_on(self, payload: Payload) -> None:
        """Write where the last write ended."""
        self.write(self._written_to, payload)

    def begin_read(self, offset: int, length: int) -> None:
        """Ask for a range; the chunks are still to be brought."""
        read = Driver(self.file.volume.contents.read(self.file.inode, offset, length))
        self._reads.append((read, offset, length, len(self.states) - 1))

    def read_at_once(self, offset: int, length: int) -> None:
        """Ask for a range without waiting for anything: it is as the file is now, or not told."""
        found = self.file.volume.contents.read_at_once(self.file.inode, offset, length)
        assert found is None or bytes(found) == self.states[-1][offset : offset + length]

    def end_read(self) -> None:
        """The oldest read ends: with bytes that the file had at a moment since it began."""
        if self._reads:
            read, offset, length, since = self._reads.pop(0)
            found = bytes(read.finish())
            assert found in {state[offset : offset + length] for state in self.states[since:]}

    def check_all(self) -> None:
        """All bytes are there as of now."""
        self.file.read(0, len(self.file.model) + 1)

    def finish(self) -> None:
        """Let everything end."""
        while self._reads:
            self.end_read()
        if self._settling is not None:
            self._settling.finish()


REQUESTS: Final = st.one_of(
    st.tuples(st.just(Bystander.settle), st.booleans(), st.booleans()),
    st.tuples(st.just(Bystander.settle), st.booleans(), st.booleans()),
    st.tuples(st.just(Bystander.run)),
    st.tuples(st.sampled_from([Bystander.fail, Bystander.abandon])),
    st.tuples(st.just(Bystander.write), POSITIONS, PAYLOADS),
    st.tuples(st.just(Bystander.write_on), PAYLOADS),
    st.tuples(st.just(Bystander.begin_read), st.integers(0, 10_000), POSITIONS),
    st.tuples(st.just(Bystander.read_at_once), st.integers(0, 10_000), st.integers(1, 300)),
    st.tuples(st.just(Bystander.end_read)),
)


@given(st.lists(PAYLOADS, max_size=3), st.integers(0, 5_000), st.lists(REQUESTS, max_size=20))
def test_requests_between_the_steps_of_settling_see_and_change_the_bytes(
    sections: list[Payload], cut_off: int, requests: list[Action]
) -> None:
    with one_file() as file:
        for section in sections:
            file.append(section)
        file.settle(whole=True)
        file.truncate(max(len(file.model) - cut_off, 0))
        bystander = Bystander(file)
        for request, *arguments in requests:
            request(bystander, *arguments)
        bystander.finish()
        file.check()


# How far into the file a stream begins, and what comes of it between two steps of settling.
STREAM_STARTS: Final = st.integers(0, 20_000)
STREAMS: Final = st.lists(
    st.tuples(payloads("noise pattern", 3_000), st.integers(0, 2)), min_size=2, max_size=16
)


@given(st.lists(PAYLOADS, max_size=4), STREAM_STARTS, STREAMS)
def test_a_stream_is_settled_as_it_comes_whatever_it_is_written_over(
    sections: list[Payload], start: int, stream: list[tuple[Payload, int]]
) -> None:
    with one_file() as file:
        for section in sections:
            file.append(section)
        file.settle(whole=True)
        bystander = Bystander(file)
        bystander.write(start, stream[0][0])
        for piece, steps in stream[1:]:
            for _ in range(steps):
                bystander.settle(whole=False, goes_on=True)
            bystander.write_on(piece)
            bystander.check_all()
        bystander.finish()
        file.check()
