"""The C kernel finds as many frames right as the reference does, whatever it is given."""

import sys
from random import Random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsmodel.store
from fsmodel.encoding.hashing import object_id
from fsmodel.store.frames import (
    KERNELS,
    available_kernels,
    blank,
    is_right_chunk,
    right_chunks,
)
from fsmodel.store.pack_format import FRAME_HEADER, raw_chunk_header

NATIVE = KERNELS["native"].right_chunks
REFERENCE = KERNELS["reference"].right_chunks
SEED = 12345

sizes = st.lists(st.sampled_from([0, 1, 63, 64, 1024, 1025, 5000, 70_000]), max_size=5)


def frames(sizes: list[int], seed: int = 0) -> tuple[bytes, bytes]:
    """Headers and bodies of random chunks of these sizes."""
    bodies = [Random(seed + number).randbytes(size) for number, size in enumerate(sizes)]
    headers = [raw_chunk_header(SEED, object_id(body), len(body)) for body in bodies]
    return b"".join(headers), b"".join(bodies)


@given(sizes=sizes, seed=st.integers(0, 99))
def test_whole_frames_are_right(sizes: list[int], seed: int) -> None:
    headers, bodies = frames(sizes, seed)
    assert NATIVE(headers, bodies, headers) == len(sizes)
    assert REFERENCE(headers, bodies, headers) == len(sizes)


@given(sizes=sizes.filter(any), seed=st.integers(0, 99), data=st.data())
def test_both_stop_at_the_same_flipped_bit(
    sizes: list[int], seed: int, data: st.DataObject
) -> None:
    headers, bodies = frames(sizes, seed)
    found = [bytearray(headers), bytearray(bodies)]
    hurt = found[data.draw(st.integers(0, 1))]
    bit = data.draw(st.integers(0, 8 * len(hurt) - 1))
    hurt[bit // 8] ^= 1 << bit % 8
    count = NATIVE(found[0], found[1], headers)
    assert count == REFERENCE(found[0], found[1], headers)
    if len(sizes) == 1:
        assert is_right_chunk(found[0], found[1], headers) == (count == 1)
    is_checksum = hurt is found[0] and bit // 8 % FRAME_HEADER.size in range(8, 16)
    assert (count == len(sizes)) == is_checksum


@given(sizes=sizes, missing=st.integers(1, 200_000))
def test_bodies_that_do_not_reach_are_not_right(sizes: list[int], missing: int) -> None:
    headers, bodies = frames(sizes)
    fewer = bodies[: max(len(bodies) - missing, 0)]
    assert NATIVE(headers, fewer, headers) == REFERENCE(headers, fewer, headers)


@given(headers=st.binary(max_size=200), bodies=st.binary(max_size=200), count=st.integers(0, 3))
def test_any_bytes_are_judged_alike(headers: bytes, bodies: bytes, count: int) -> None:
    expected = headers[: 64 * count]
    answers = []
    for kernel in (NATIVE, REFERENCE):
        try:
            answers.append(kernel(headers, bodies, expected))
        except ValueError:
            answers.append(-1)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("kernel", [NATIVE, REFERENCE, right_chunks])
def test_too_few_headers_are_refused(kernel: object) -> None:
    headers, bodies = frames([10, 10])
    assert callable(kernel)
    for found, expected in ((headers[:64], headers), (headers, headers[:65])):
        with pytest.raises(ValueError, match="bytes of headers for"):
            kernel(found, bodies, expected)


def test_the_extension_wants_buffers() -> None:
    with pytest.raises(TypeError):
        NATIVE("no bytes", b"", b"")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        NATIVE(b"", b"")  # type: ignore[call-arg]


def test_a_size_beyond_what_is_there_reads_nothing() -> None:
    header = bytearray(raw_chunk_header(SEED, object_id(b"abc"), 3))
    header[28:32] = b"\xff\xff\xff\xff"
    assert NATIVE(header, b"abc", header) == REFERENCE(header, b"abc", header) == 0


@pytest.mark.parametrize("size", [0, 1, 3 << 20])
def test_a_blank_buffer_has_its_size(size: int) -> None:
    made = blank(size)
    assert type(made) is bytearray
    assert len(made) == size
    made[:] = bytes(size)


@pytest.mark.parametrize("name", ["native", "reference"])
def test_there_is_no_buffer_of_less_than_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="negative"):
        KERNELS[name].blank(-1)


def test_without_the_extension_the_reference_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsmodel.store._frames", None)
    monkeypatch.delattr(fsmodel.store, "_frames")
    assert list(available_kernels()) == ["reference"]


def test_an_extension_that_hashes_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("fsmodel.store._frames")
    vars(other).update(right_chunks=lambda *frames: 0, blank=bytearray)
    monkeypatch.setitem(sys.modules, other.__name__, other)
    monkeypatch.setattr(fsmodel.store, "_frames", other)
    assert list(available_kernels()) == ["reference"]
