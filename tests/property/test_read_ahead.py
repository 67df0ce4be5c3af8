"""Threads that read ahead: they bring the chunks that the reference finds right, and no others."""

import os
import select
import sys
from collections.abc import Callable, Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsmodel.store
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId, PackId
from fsmodel.store import frames_reference, read_ahead
from fsmodel.store.pack_format import FRAME_HEADER
from fsmodel.store.read_ahead import THREADS_MAX, Ahead, ReadAhead, threads_for
from tests.support.frames import BEFORE, SEED, bodies_of, frames_of, wanted_of

PACK = PackId(5)
BODIES = bodies_of([70_000, 1, 5_000, 64, 300_000, 1024, 70_000], seed=50)
SKIPPED_MAX = 6  # frames of others

Wanted = list[tuple[ObjectId, int]]


class Pack:
    """A file in memory, that has frames behind a few other bytes."""

    def __init__(self, frames: bytes) -> None:
        self.descriptor = os.memfd_create("pack", os.MFD_CLOEXEC)
        self.seed = SEED
        os.writev(self.descriptor, [BEFORE, frames])

    def __del__(self) -> None:
        os.close(self.descriptor)


class Reading:
    """Threads, and packs by their number."""

    def __init__(self) -> None:
        self.packs: dict[PackId, Pack] = {}
        self.ahead = ReadAhead(self._opened)

    def _opened(self, number: PackId) -> Pack:
        if number not in self.packs:
            raise FileNotFoundError(number)
        return self.packs[number]

    def begin(self, frames: bytes, wanted: Wanted, into: bytearray) -> Ahead:
        self.packs[PACK] = Pack(frames)
        begun = self.ahead.begin((PACK, len(BEFORE)), wanted, into)
        assert begun is not None
        return begun

    def found(self, ahead: Ahead) -> int:
        """Bytes that are right, once it is over."""
        return int(self.until(lambda: self.ahead.found(ahead)))

    def until(self, ask: Callable[[], int | None]) -> int:
        """The first answer that is not None, asking whenever there are news."""
        while (answer := ask()) is None:
            ready, _, _ = select.select([self.ahead.fileno()], [], [], 60)
            assert ready, "no news for a minute"
            self.ahead.acknowledge()
        return answer

    def reaches(self, begun: Ahead, end: int) -> bool:
        """Whether so many bytes are there some time."""
        return bool(self.until(lambda: self.ahead.reaches(begun, end) or None))


@pytest.fixture(params=[1, 4], ids=["one thread", "four threads"])
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    monkeypatch.setattr(read_ahead, "threads_for", lambda processors: request.param)
    made = Reading()
    yield made
    made.ahead.close()


def brought(frames: bytes, wanted: Wanted) -> bytes:
    """What threads bring of chunks."""
    reading = Reading()
    into = bytearray(sum(size for _, size in wanted))
    found = reading.found(reading.begin(frames, wanted, into))
    reading.ahead.close()
    return bytes(into[:found])


def right_by_reference(frames: bytes, wanted: Wanted) -> bytes:
    pack = Pack(frames)
    into = bytearray(sum(size for _, size in wanted))
    right = frames_reference.read_chunks(pack.descriptor, len(BEFORE), SEED, wanted, into)
    return bytes(into[: sum(size for _, size in wanted[:right])])


sizes = st.lists(st.sampled_from([0, 1, 64, 1025, 70_000, 300_000]), max_size=6)


@given(sizes=sizes, number=st.integers(0, 99))
def test_whole_frames_are_brought(sizes: list[int], number: int) -> None:
    bodies = bodies_of(sizes, number)
    assert brought(frames_of(bodies), wanted_of(bodies)) == b"".join(bodies)


@given(sizes=sizes.filter(any), data=st.data())
def test_it_ends_at_the_same_flipped_bit_as_the_reference(
    sizes: list[int], data: st.DataObject
) -> None:
    bodies = bodies_of(sizes)
    hurt = bytearray(frames_of(bodies))
    hurt[data.draw(st.integers(0, len(hurt) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    wanted = wanted_of(bodies)
    assert brought(bytes(hurt), wanted) == right_by_reference(bytes(hurt), wanted)


@given(sizes=sizes.filter(any), missing=st.integers(1, 400_000))
def test_frames_that_the_pack_does_not_have_whole(sizes: list[int], missing: int) -> None:
    bodies = bodies_of(sizes)
    frames = frames_of(bodies)[: -missing or None]
    wanted = wanted_of(bodies)
    assert brought(frames, wanted) == right_by_reference(frames, wanted)


@given(frames=st.binary(max_size=300), sizes=st.lists(st.integers(0, 200), max_size=3))
def test_any_bytes_are_judged_as_by_the_reference(frames: bytes, sizes: list[int]) -> None:
    wanted = [(object_id(frames[FRAME_HEADER.size :]), size) for size in sizes]
    assert brought(frames, wanted) == right_by_reference(frames, wanted)


@given(places=st.sets(st.integers(0, len(BODIES) - 1), max_size=SKIPPED_MAX))
def test_a_few_frames_of_others_are_passed_over(places: set[int]) -> None:
    frames = b""
    for number, body in enumerate(BODIES):
        if number in places:
            frames += frames_of([b"a page of a manifest, %d" % number])
        frames += frames_of([body])
    assert brought(frames, wanted_of(BODIES)) == b"".join(BODIES)


@pytest.mark.parametrize(
    "others", [[b"x"] * (SKIPPED_MAX + 1), [bytes(300_000)]], ids=["many", "long"]
)
def test_many_frames_of_others_end_it(others: list[bytes]) -> None:
    frames = frames_of([BODIES[0], *others, BODIES[1]])
    assert brought(frames, wanted_of(BODIES[:2])) == BODIES[0]


def test_a_frame_of_another_pack_is_not_passed_over() -> None:
    frames = frames_of([BODIES[0]]) + frames_of([b"x"], SEED + 1) + frames_of([BODIES[1]])
    assert brought(frames, wanted_of(BODIES[:2])) == BODIES[0]


class TestOneBehindTheOther:
    """A filling that goes on where another one ends."""

    def both(
        self, reading: Reading, frames: bytes, first: int, *, again: bool
    ) -> tuple[int, bytes]:
        """What is found of the first chunks, and the bytes of those behind."""
        begin = first - 1 if again else first
        one, two = bytearray(500_000), bytearray(500_000)
        before = reading.begin(frames, wanted_of(BODIES[:first]), one)
        behind = reading.ahead.go_on(before, wanted_of(BODIES[begin:]), two, again=again)
        assert behind is not None
        found = reading.found(behind)
        return reading.found(before), bytes(two[:found])

    @pytest.mark.parametrize("again", [False, True])
    @pytest.mark.parametrize("first", [1, 3, 5])
    def test_it_begins_there(self, reading: Reading, first: int, again: bool) -> None:
        found = self.both(reading, frames_of(BODIES), first, again=again)
        begin = first - 1 if again else first
        assert found == (sum(map(len, BODIES[:first])), b"".join(BODIES[begin:]))

    def test_frames_of_others_may_lie_between(self, reading: Reading) -> None:
        frames = frames_of([*BODIES[:2], b"other", BODIES[2], b"another", *BODIES[3:]])
        assert self.both(reading, frames, 3, again=True)[1] == b"".join(BODIES[2:])

    def test_nobody_knows_where_it_lies_if_that_one_ends_too_soon(self, reading: Reading) -> None:
        hurt = bytearray(frames_of(BODIES))
        hurt[len(frames_of(BODIES[:1])) + FRAME_HEADER.size] ^= 1
        found = self.both(reading, bytes(hurt), 2, again=False)
        assert found == (len(BODIES[0]), b"")

    def test_it_needs_the_pack(self, reading: Reading) -> None:
        into = bytearray(500_000)
        before = reading.begin(frames_of(BODIES), wanted_of(BODIES[:1]), into)
        reading.packs.clear()
        wanted = wanted_of(BODIES[1:])
        assert reading.ahead.go_on(before, wanted, bytearray(500_000), again=False) is None
        assert reading.found(before) == len(BODIES[0])


def test_what_is_there_can_be_used_while_the_rest_is_on_its_way(reading: Reading) -> None:
    into = bytearray(sum(map(len, BODIES)))
    begun = reading.begin(frames_of(BODIES), wanted_of(BODIES), into)
    for end in (1, 70_000, 75_065, len(into)):
        assert reading.reaches(begun, end)
        assert into[:end] == b"".join(BODIES)[:end]
    assert reading.found(begun) == len(into)
    assert not reading.ahead.reaches(begun, len(into) + 1)


def test_many_at_once(reading: Reading) -> None:
    frames, wanted = frames_of(BODIES), wanted_of(BODIES)
    buffers = [bytearray(sum(map(len, BODIES))) for _ in range(20)]
    begun = [reading.begin(frames, wanted, each) for each in buffers]
    for each in reversed(begun):
        assert reading.found(each) == len(buffers[0])
    assert all(each == b"".join(BODIES) for each in buffers)
    assert reading.ahead.counts() == (20 * len(BODIES), 20 * len(frames))


def test_what_nobody_wants_is_over_soon(reading: Reading) -> None:
    buffers = [bytearray(500_000) for _ in range(9)]
    begun = [reading.begin(frames_of(BODIES), wanted_of(BODIES), each) for each in buffers]
    for each in begun:
        reading.ahead.drop(each)
    for each in begun:
        assert reading.found(each) <= sum(map(len, BODIES))


def test_a_buffer_is_let_go_of_when_it_is_over(reading: Reading) -> None:
    into = bytearray(500_000)
    begun = reading.begin(frames_of(BODIES), wanted_of(BODIES), into)
    assert reading.found(begun)
    reading.ahead.acknowledge()
    into.clear()  # which no bytearray can be that somebody has a view of
    assert not into


def test_what_is_under_way_is_given_up_when_it_is_closed() -> None:
    reading = Reading()
    buffers = [bytearray(500_000) for _ in range(9)]
    begun = [reading.begin(frames_of(BODIES), wanted_of(BODIES), each) for each in buffers]
    reading.ahead.close()
    assert {reading.ahead.found(each) for each in begun} == {0}
    assert not reading.ahead.reaches(begun[0], 1)
    reading.ahead.close()
    for each in buffers:
        each.clear()
    assert reading.ahead.begin((PACK, 0), [], bytearray()) is None
    assert reading.ahead.counts() == (0, 0)


def test_a_pack_that_cannot_be_opened_is_for_others_to_tell_of(reading: Reading) -> None:
    assert reading.ahead.begin((PackId(6), 0), [], bytearray()) is None


def test_an_offset_that_no_file_has_is_for_others_to_tell_of(reading: Reading) -> None:
    reading.packs[PACK] = Pack(b"")
    assert reading.ahead.begin((PACK, 1 << 70), [], bytearray()) is None


def test_a_descriptor_that_is_wrong_brings_nothing(reading: Reading) -> None:
    pack = Pack(frames_of(BODIES))
    other = os.open("/dev/null", os.O_WRONLY)
    pack.descriptor, right = other, pack.descriptor
    reading.packs[PACK] = pack
    begun = reading.ahead.begin((PACK, len(BEFORE)), wanted_of(BODIES), bytearray(500_000))
    assert begun is not None
    assert reading.found(begun) == 0
    os.close(right)


@pytest.mark.parametrize(
    ("wanted", "into", "problem"),
    [
        (5, bytearray(3), TypeError),
        ([object_id(b"")], bytearray(3), TypeError),
        ([(b"short", 3)], bytearray(3), TypeError),
        ([(object_id(b""), 1 << 27)], bytearray(3), ValueError),
        ([(object_id(b""), 4)], bytearray(3), ValueError),
        ([(object_id(b""), 2)] * 2, bytearray(3), ValueError),
        ([], b"read-only", (TypeError, BufferError)),
    ],
)
def test_what_cannot_be_filled_is_refused(
    reading: Reading,
    wanted: Wanted,
    into: bytearray,
    problem: type[Exception],
) -> None:
    reading.packs[PACK] = Pack(b"")
    with pytest.raises(problem):
        reading.ahead.begin((PACK, 0), wanted, into)


def test_the_extension_wants_its_own_fillings() -> None:
    from fsmodel.store._read_ahead import ReadAhead as Threads

    threads = Threads(1)
    with pytest.raises(TypeError):
        threads.begin(None, 0, 0, 0, [], bytearray(), "no filling", False)  # type: ignore[arg-type]  # is refused
    for ask in (threads.found, threads.drop):
        with pytest.raises(TypeError):
            ask("no filling")  # type: ignore[arg-type]  # is refused
    with pytest.raises(TypeError):
        threads.reaches("no filling", 3)  # type: ignore[arg-type]  # is refused
    threads.close()
    for closed in (threads.fileno, threads.acknowledge):
        with pytest.raises(ValueError, match="closed"):
            closed()


@pytest.mark.parametrize("count", [0, -1, 9])
def test_a_number_of_threads_that_cannot_be(count: int) -> None:
    from fsmodel.store._read_ahead import ReadAhead as Threads

    with pytest.raises(ValueError, match="threads"):
        Threads(count)


def test_threads_that_are_forgotten_end() -> None:
    from fsmodel.store._read_ahead import ReadAhead as Threads

    before = len(os.listdir("/proc/self/task"))
    for _ in range(30):
        Threads(4)
    assert len(os.listdir("/proc/self/task")) < before + 30


@pytest.mark.parametrize(("processors", "threads"), [(1, 1), (2, 1), (3, 2), (64, THREADS_MAX)])
def test_one_processor_is_left_to_who_answers(processors: int, threads: int) -> None:
    assert threads_for(processors) == threads


def test_without_the_extension_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsmodel.store._read_ahead", None)
    monkeypatch.delattr(fsmodel.store, "_read_ahead", raising=False)
    reading = Reading()
    reading.packs[PACK] = Pack(b"")
    assert reading.ahead.begin((PACK, 0), [], bytearray()) is None
    reading.ahead.acknowledge()
    assert reading.ahead.counts() == (0, 0)
    reading.ahead.close()


def test_an_extension_that_hashes_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "KERNELS", {"reference": None})
    assert not read_ahead.extension_is_usable()


def test_bytes_are_never_taken_from_a_frame_that_changes(reading: Reading) -> None:
    """Whatever somebody writes into the pack meanwhile: what is said to be right is right."""
    frames, wanted = frames_of(BODIES), wanted_of(BODIES)
    source = Random(8)
    for _ in range(40):
        into = bytearray(sum(map(len, BODIES)))
        begun = reading.begin(frames, wanted, into)
        for _ in range(5):
            place = len(BEFORE) + source.randrange(len(frames))
            os.pwrite(reading.packs[PACK].descriptor, source.randbytes(1), place)
        found = reading.found(begun)
        assert into[:found] == b"".join(BODIES)[:found]
