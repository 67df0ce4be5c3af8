"""The C kernel reads chunks and finds as many right as the reference does, whatever it meets."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EBADF
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsmodel.store
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId
from fsmodel.store.frames import (
    KERNELS,
    PART_BYTES_MAX,
    Kernel,
    available_kernels,
    blank,
    read_chunks,
    read_part,
)
from fsmodel.store.pack_format import CHECKSUM_BYTES, FRAME_HEADER
from tests.support.frames import BEFORE, SEED, bodies_of, frame_of, frames_of, wanted_of
from tests.support.nowait_files import nowait_file

sizes = st.lists(st.sampled_from([0, 1, 63, 64, 1024, 1025, 5000, 70_000]), max_size=5)
seeds = st.integers(0, 2**64 - 1)
bare_ones = st.sets(st.integers(0, 5))  # frames that have no values of sections

each_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


@contextmanager
def pack_of(*pieces: bytes) -> Iterator[int]:
    """The descriptor of a file in memory."""
    descriptor = os.memfd_create("pack", os.MFD_CLOEXEC)
    try:
        os.writev(descriptor, pieces)
        yield descriptor
    finally:
        os.close(descriptor)


def answer(
    kernel: Kernel, frames: bytes, wanted: list[tuple[ObjectId, int]], seed: int = SEED
) -> tuple[int, bytes]:
    """How many are right, and their bytes."""
    into = bytearray(sum(size for _, size in wanted))
    with pack_of(BEFORE, frames) as descriptor:
        count = kernel.read_chunks(descriptor, len(BEFORE), seed, wanted, into)
    return count, bytes(into[: sum(size for _, size in wanted[:count])])


def answers(frames: bytes, wanted: list[tuple[ObjectId, int]], seed: int = SEED) -> int:
    """How many are right, by both kernels."""
    native, reference = (answer(KERNELS[name], frames, wanted, seed) for name in KERNELS)
    assert native == reference
    return native[0]


@given(sizes=sizes, number=st.integers(0, 99), seed=seeds, bare=bare_ones)
def test_whole_frames_are_right(sizes: list[int], number: int, seed: int, bare: set[int]) -> None:
    bodies = bodies_of(sizes, number)
    for kernel in KERNELS.values():
        found = answer(kernel, frames_of(bodies, seed, bare=bare), wanted_of(bodies), seed)
        assert found == (len(sizes), b"".join(bodies))


@given(sizes=sizes.filter(any), data=st.data(), bare=bare_ones)
def test_both_stop_at_the_same_flipped_bit(
    sizes: list[int], data: st.DataObject, bare: set[int]
) -> None:
    """But for one in a checksum or in values of sections: the chunks are right all the same."""
    bodies = bodies_of(sizes)
    hurt = bytearray(frames_of(bodies, bare=bare))
    starts = [len(frames_of(bodies[:n], bare=bare)) for n in range(len(bodies) + 1)]
    frame = data.draw(st.sampled_from(range(len(bodies))))
    body_end = FRAME_HEADER.size + len(bodies[frame])
    end = data.draw(
        st.sampled_from([FRAME_HEADER.size, body_end, starts[frame + 1] - starts[frame]])
    )
    at = data.draw(st.integers(max(end - 100, 0), end - 1))
    hurt[starts[frame] + at] ^= 1 << data.draw(st.integers(0, 7))
    whole = len(bodies) if at in CHECKSUM_BYTES or at >= body_end else frame
    assert answers(bytes(hurt), wanted_of(bodies)) == whole


@given(sizes=sizes, missing=st.integers(1, 200_000))
def test_frames_that_the_pack_does_not_have_whole(sizes: list[int], missing: int) -> None:
    bodies = bodies_of(sizes)
    frames = frames_of(bodies)
    left = max(len(frames) - missing, 0)
    ends = [
        len(frames_of(bodies[:n])) + FRAME_HEADER.size + len(body) for n, body in enumerate(bodies)
    ]
    assert answers(frames[:left], wanted_of(bodies)) == sum(end <= left for end in ends)


@given(frames=st.binary(max_size=300), sizes=st.lists(st.integers(0, 200), max_size=3))
def test_any_bytes_are_judged_alike(frames: bytes, sizes: list[int]) -> None:
    chunk = object_id(frames[FRAME_HEADER.size :])
    assert answers(frames, [(chunk, size) for size in sizes]) <= 1


def test_frames_of_another_seed_are_not_right() -> None:
    bodies = bodies_of([100])
    assert answers(frames_of(bodies, SEED + 1), wanted_of(bodies)) == 0


@each_kernel
def test_what_follows_a_size_does_not_matter(kernel: Kernel) -> None:
    bodies = bodies_of([10, 20])
    wanted = [(*facts, "repeated") for facts in wanted_of(bodies)]
    with pack_of(frames_of(bodies)) as descriptor:
        assert kernel.read_chunks(descriptor, 0, SEED, tuple(wanted), bytearray(30)) == 2


@each_kernel
def test_one_call_takes_so_many_and_says_so(kernel: Kernel) -> None:
    bodies = [b"%d" % number for number in range(600)]
    count, found = answer(kernel, frames_of(bodies), wanted_of(bodies))
    assert (count, found) == (512, b"".join(bodies[:512]))


@each_kernel
def test_a_buffer_that_is_too_short_is_refused(kernel: Kernel) -> None:
    bodies = bodies_of([10, 10])
    with (
        pack_of(frames_of(bodies)) as descriptor,
        pytest.raises(ValueError, match="longer than the buffer"),
    ):
        kernel.read_chunks(descriptor, 0, SEED, wanted_of(bodies), bytearray(19))


@each_kernel
def test_the_hosts_error_is_told(kernel: Kernel) -> None:
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        kernel.read_chunks(-1, 0, SEED, wanted_of([b"one"]), bytearray(3))
    assert caught.value.errno == EBADF
    with pytest.raises(OSError, match="Bad file descriptor"):
        kernel.read_part(-1, 0, SEED, (object_id(b"one"), 3), 0, 3)


@pytest.mark.parametrize(
    "wanted",
    [
        [object_id(b"")],
        [(object_id(b""),)],
        [("no id", 3)],
        [(b"short", 3)],
        [(object_id(b""), "3")],
    ],
)
def test_the_extension_wants_chunks(wanted: list[object]) -> None:
    native = KERNELS["native"]
    with pytest.raises(TypeError):
        native.read_chunks(0, 0, SEED, wanted, bytearray(3))  # type: ignore[arg-type]  # is refused
    with pytest.raises(TypeError):
        native.read_part(0, 0, SEED, wanted[0], 0, 3)  # type: ignore[arg-type]  # is refused


@pytest.mark.parametrize("size", [-1, 1 << 27, 1 << 70])
def test_the_extension_knows_how_long_a_chunk_can_be(size: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        KERNELS["native"].read_chunks(0, 0, SEED, [(object_id(b""), size)], bytearray(3))


def test_the_extension_wants_a_buffer_to_write_to() -> None:
    with pytest.raises(TypeError):
        KERNELS["native"].read_chunks(0, 0, SEED, [], bytes(3))
    with pytest.raises(TypeError):
        KERNELS["native"].read_chunks(0, 0, SEED, 5, bytearray(3))  # type: ignore[arg-type]  # is refused


class TestPart:
    """A part of a chunk that the host has in memory, and that has no values of sections."""

    BODY = Random(3).randbytes(70_000)
    CHUNK = (object_id(BODY), len(BODY))

    @pytest.fixture
    def pack(self, tmp_path: Path) -> Iterator[int]:
        """A file on a filesystem that can read without waiting."""
        with nowait_file(tmp_path, BEFORE, frame_of(self.BODY, sectioned=False)) as descriptor:
            yield descriptor

    @each_kernel
    @pytest.mark.parametrize(("low", "high"), [(0, 70_000), (0, 0), (5, 6), (69_999, 70_000)])
    def test_it_has_the_bytes(self, kernel: Kernel, pack: int, low: int, high: int) -> None:
        part = kernel.read_part(pack, len(BEFORE), SEED, self.CHUNK, low, high)
        assert part == self.BODY[low:high]
        assert type(part) is bytes

    @each_kernel
    def test_what_is_read_later_does_not_change_it(self, kernel: Kernel, pack: int) -> None:
        part = kernel.read_part(pack, len(BEFORE), SEED, self.CHUNK, 0, 9)
        other = Random(4).randbytes(90_000)
        at = os.pwritev(pack, [frame_of(other, sectioned=False)], 0)
        found = kernel.read_part(pack, 0, SEED, (object_id(other), len(other)), 0, 9)
        assert (found, part, at) == (other[:9], self.BODY[:9], 90_000 + FRAME_HEADER.size)

    @each_kernel
    @pytest.mark.parametrize("at", [0, 6, 16, 20, 24, 28, 32, 63, 64, 70_063])
    def test_none_when_any_byte_is_wrong(self, kernel: Kernel, pack: int, at: int) -> None:
        place = len(BEFORE) + at
        (byte,) = os.pread(pack, 1, place)
        os.pwrite(pack, bytes([byte ^ 1]), place)
        assert kernel.read_part(pack, len(BEFORE), SEED, self.CHUNK, 0, 1) is None
        os.pwrite(pack, bytes([byte]), place)
        assert kernel.read_part(pack, len(BEFORE), SEED, self.CHUNK, 0, 1) == self.BODY[:1]

    @each_kernel
    def test_none_when_the_pack_ends_before(self, kernel: Kernel, pack: int) -> None:
        os.ftruncate(pack, len(BEFORE) + FRAME_HEADER.size + len(self.BODY) - 1)
        assert kernel.read_part(pack, len(BEFORE), SEED, self.CHUNK, 0, 1) is None

    @each_kernel
    @pytest.mark.parametrize(("low", "high"), [(-1, 3), (3, 2), (0, 70_001)])
    def test_no_chunk_has_such_a_part(self, kernel: Kernel, pack: int, low: int, high: int) -> None:
        with pytest.raises(ValueError, match="of a chunk of"):
            kernel.read_part(pack, len(BEFORE), SEED, self.CHUNK, low, high)

    def test_the_memory_it_goes_through_is_bounded(self, pack: int) -> None:
        wanted = (object_id(b""), PART_BYTES_MAX + 1)
        with pytest.raises(ValueError, match="of a chunk of"):
            KERNELS["native"].read_part(pack, 0, SEED, wanted, 0, 1)

    def test_the_fastest_is_used(self, pack: int) -> None:
        into = bytearray(70_000)
        assert read_chunks(pack, len(BEFORE), SEED, [self.CHUNK], into) == 1
        assert read_part(pack, len(BEFORE), SEED, self.CHUNK, 2, 5) == bytes(into[2:5])


@each_kernel
@pytest.mark.parametrize("size", [0, 1, 1 << 20, 3 << 20, 40 << 20])
def test_a_blank_buffer_has_its_size(kernel: Kernel, size: int) -> None:
    made = kernel.blank(size)
    assert (len(made), made.readonly, made.contiguous) == (size, False, True)
    made[:] = bytes(size)
    assert made == bytes(size)


def address_of(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def test_memory_is_used_again_when_nobody_has_a_view_of_it() -> None:
    made = blank(5 << 20)
    place, part = address_of(made), made[7:9]
    part[:] = b"ab"
    del made
    others = [blank(5 << 20) for _ in range(3)]
    for other in others:
        other[:] = bytes(len(other))
        assert address_of(other) != place
    assert bytes(part) == b"ab"
    del part
    assert address_of(blank((5 << 20) + 1)) == place


def test_memory_that_is_kept_is_bounded() -> None:
    for size, count in ((1 << 20, 20), (7 << 20, 10)):
        several = [blank(size) for _ in range(count)]
        places = {address_of(each) for each in several}
        assert len(places) == count
        several.clear()
        assert len(blank(size)) == size


@each_kernel
def test_there_is_no_buffer_of_less_than_nothing(kernel: Kernel) -> None:
    with pytest.raises(ValueError, match="negative"):
        kernel.blank(-1)


def test_without_the_extension_the_reference_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsmodel.store._frames", None)
    monkeypatch.delattr(fsmodel.store, "_frames")
    assert list(available_kernels()) == ["reference"]


def test_an_extension_that_hashes_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("fsmodel.store._frames")
    vars(other).update(read_chunks=lambda *frames: 0)
    monkeypatch.setitem(sys.modules, other.__name__, other)
    monkeypatch.setattr(fsmodel.store, "_frames", other)
    assert list(available_kernels()) == ["reference"]
