"""The C kernel writes the frames of chunks that the reference writes, which pack_format reads."""

import os
import sys
from collections.abc import Iterator
from errno import EBADF, EFBIG
from pathlib import Path
from random import Random
from resource import RLIMIT_FSIZE, getrlimit, setrlimit
from signal import SIG_IGN, SIGXFSZ, signal
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsmodel.store
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.store.pack_format import ObjectKind, parse_frame
from fsmodel.store.raw_frames import (
    BODY_BYTES_MIN,
    KERNELS,
    Write,
    available_kernels,
    frame_bytes,
    reference_write,
    write_chunks,
)
from fsmodel.store.sections import section_values

NATIVE = KERNELS["native"]
SIZES = [BODY_BYTES_MIN, 256, 1024, 1025, 1087, 1088, 1089, 2048, 16_384, 32_768, 32_769, 65_537]


def written(
    write: Write, offset: int, seed: int, bodies: tuple[bytes, ...], *, sectioned: bool = True
) -> bytes:
    """What a kernel writes into an empty file."""
    descriptor = os.memfd_create("pack")
    try:
        values = tuple(map(section_values, bodies)) if sectioned else (b"",) * len(bodies)
        write(descriptor, offset, seed, b"".join(map(object_id, bodies)), bodies, values)
        return os.pread(descriptor, 1 << 30, 0)
    finally:
        os.close(descriptor)


@given(
    sizes=st.lists(st.integers(BODY_BYTES_MIN, 5_000) | st.sampled_from(SIZES), max_size=12),
    seed=st.integers(0, 2**64 - 1),
    offset=st.integers(0, 1 << 16),
    sectioned=st.booleans(),
)
def test_both_write_the_same(sizes: list[int], seed: int, offset: int, sectioned: bool) -> None:
    source = Random(seed)
    bodies = tuple(map(source.randbytes, sizes))
    expected = written(reference_write, offset, seed, bodies, sectioned=sectioned)
    assert written(NATIVE, offset, seed, bodies, sectioned=sectioned) == expected


def test_many_and_large_ones() -> None:
    """More than the kernel hands to the host at once, by number and by bytes."""
    bodies = tuple(Random(n).randbytes(300 + n) for n in range(200)) + (bytes(262_144),) * 5
    assert written(NATIVE, 48, 7, bodies) == written(reference_write, 48, 7, bodies)


@pytest.mark.parametrize("size", [0, 1, BODY_BYTES_MIN - 1, BODY_BYTES_MIN, 40_000])
def test_what_was_written_passes_all_checks(size: int) -> None:
    """Bodies that are too short for the kernel are left to the reference."""
    bodies = (bytes(500), bytes(size))
    block = written(write_chunks, 0, 9, bodies)
    at = 0
    for body in bodies:
        frame = parse_frame(block, at, 9, "here")
        assert (frame.kind, frame.codec, frame.id) == (
            ObjectKind.CHUNK,
            Codec.RAW,
            object_id(body),
        )
        assert frame.payload == body
        at += frame_bytes(body, section_values(body))
    assert at == len(block)


@pytest.mark.parametrize(
    ("ids", "bodies", "values", "error"),
    [
        (bytes(32), (bytes(BODY_BYTES_MIN - 1),), (b"",), ValueError),
        (bytes(31), (bytes(500),), (b"",), ValueError),
        (bytes(64), (bytes(500),), (b"",), ValueError),
        (bytes(32), (3,), (b"",), TypeError),
        (bytes(32), (bytes(500),), (3,), TypeError),
        (bytes(64), (bytes(500), bytes(1)), (b"", b""), ValueError),
        (bytes(32), (bytes(500),), (), ValueError),
        (bytes(32), (bytes(500),), (bytes(32),), ValueError),
        (bytes(32), (bytes(40_000),), (bytes(95),), ValueError),
    ],
)
def test_the_kernel_refuses_what_it_cannot_write(
    ids: bytes, bodies: tuple[bytes, ...], values: tuple[bytes, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        NATIVE(-1, 0, 1, ids, bodies, values)


def test_a_failure_is_told_with_its_number() -> None:
    with pytest.raises(OSError, match="descriptor") as raised:
        NATIVE(-1, 0, 1, bytes(32), (bytes(500),), (b"",))
    assert raised.value.errno == EBADF


@pytest.fixture
def small_file(tmp_path: Path) -> Iterator[int]:
    """A file that the host lets grow to 1,000 bytes."""
    former = getrlimit(RLIMIT_FSIZE)
    handler = signal(SIGXFSZ, SIG_IGN)
    descriptor = os.open(tmp_path / "small", os.O_RDWR | os.O_CREAT)
    setrlimit(RLIMIT_FSIZE, (1_000, former[1]))
    yield descriptor
    setrlimit(RLIMIT_FSIZE, former)
    signal(SIGXFSZ, handler)
    os.close(descriptor)


def test_a_write_that_is_cut_short_is_gone_on_with_until_the_reason_is_known(
    small_file: int,
) -> None:
    bodies = (bytes(500), bytes(500))
    with pytest.raises(OSError, match="large") as raised:
        NATIVE(small_file, 0, 1, bytes(64), bodies, (b"", b""))
    assert raised.value.errno == EFBIG
    assert os.fstat(small_file).st_size == 1_000


def test_without_the_extension_the_reference_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsmodel.store._raw_frames", None)
    monkeypatch.delattr(fsmodel.store, "_raw_frames")
    assert list(available_kernels()) == ["reference"]


def test_an_extension_that_writes_other_bytes_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("fsmodel.store._raw_frames")
    vars(other).update(write_chunks=lambda *frames: None)
    monkeypatch.setitem(sys.modules, other.__name__, other)
    monkeypatch.setattr(fsmodel.store, "_raw_frames", other)
    assert list(available_kernels()) == ["reference"]
