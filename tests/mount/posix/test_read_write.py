"""read(2), write(2), lseek(2) and their variants: bytes, offsets, limits."""

import errno
import os
import random
import resource
import signal
from pathlib import Path
from typing import Final

import pytest

from tests.support.nodes import make
from tests.support.syscalls import refused

OFFSET_MAX: Final = (1 << 63) - 1
SIZES: Final = (1, 511, 4095, 4096, 4097, 65_535, 131_072, 131_073, 1_000_000)


def pattern(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture
def descriptor(root: Path) -> int:
    """An empty file open for reading and writing; tests close it."""
    return os.open(root / "file", os.O_CREAT | os.O_RDWR)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1 << 20, 100_003, 4096])
def test_what_is_written_in_pieces_is_read(root: Path, size: int, piece: int) -> None:
    data = pattern(size)
    with open(root / "file", "wb", buffering=0) as file:
        for start in range(0, size, piece):
            assert file.write(data[start : start + piece]) == len(data[start : start + piece])
    assert (root / "file").read_bytes() == data
    assert os.stat(root / "file").st_size == size


@pytest.mark.parametrize("size", SIZES)
def test_what_is_written_backwards_is_read(descriptor: int, size: int) -> None:
    data = pattern(size)
    piece = size // 7 + 1
    for start in reversed(range(0, size, piece)):
        os.pwrite(descriptor, data[start : start + piece], start)
    assert os.pread(descriptor, size + 10, 0) == data
    os.close(descriptor)


@pytest.mark.parametrize("seed", range(8))
def test_random_overwrites(root: Path, descriptor: int, seed: int) -> None:
    """Against a byte array, through the open file and after closing it."""
    dice = random.Random(seed)
    model = bytearray()
    for step in range(60):
        offset, size = dice.randrange(600_000), dice.choice([1, 100, 4096, 50_000, 140_000])
        data = pattern(size, seed * 1000 + step)
        os.pwrite(descriptor, data, offset)
        model.extend(bytes(max(0, offset + size - len(model))))
        model[offset : offset + size] = data
        at = dice.randrange(len(model))
        assert os.pread(descriptor, 70_000, at) == bytes(model[at : at + 70_000])
        if dice.random() < 0.1:
            os.fsync(descriptor)
    os.close(descriptor)
    assert (root / "file").read_bytes() == bytes(model)


def test_reading_at_and_behind_the_end_gives_nothing(descriptor: int) -> None:
    os.write(descriptor, b"0123456789")
    assert os.pread(descriptor, 10, 7) == b"789"
    for offset in (10, 11, 1 << 20, 1 << 40):
        assert os.pread(descriptor, 10, offset) == b""
    assert os.pread(descriptor, 0, 0) == b""
    os.close(descriptor)


def test_vectors(descriptor: int) -> None:
    assert os.writev(descriptor, [b"one", b"", b"two", b"x" * 10_000]) == 10_006
    assert os.pwritev(descriptor, [b"ONE", b"TWO"], 0) == 6
    first, second = bytearray(4), bytearray(20_000)
    assert os.preadv(descriptor, [first, second], 0) == 10_006
    assert bytes(first + second[:10_002]) == b"ONETWO" + b"x" * 10_000
    os.close(descriptor)


def test_pread_and_pwrite_leave_the_offset_alone(descriptor: int) -> None:
    os.write(descriptor, b"0123456789")
    os.lseek(descriptor, 2, os.SEEK_SET)
    os.pwrite(descriptor, b"XY", 5)
    assert os.pread(descriptor, 3, 0) == b"012"
    assert os.read(descriptor, 5) == b"234XY"
    os.close(descriptor)


@pytest.mark.parametrize(
    ("offset", "whence", "result"),
    [
        (3, os.SEEK_SET, 3),
        (0, os.SEEK_END, 10),
        (-4, os.SEEK_END, 6),
        (2, os.SEEK_CUR, 12),
        (1 << 40, os.SEEK_SET, 1 << 40),
    ],
)
def test_seeking(descriptor: int, offset: int, whence: int, result: int) -> None:
    os.write(descriptor, b"0123456789")
    assert os.lseek(descriptor, offset, whence) == result
    assert os.fstat(descriptor).st_size == 10
    os.close(descriptor)


def test_seeking_before_the_start_or_in_an_unknown_way_is_refused(descriptor: int) -> None:
    for offset, whence in ((-1, os.SEEK_SET), (-11, os.SEEK_END), (0, 99)):
        with refused(errno.EINVAL):
            os.lseek(descriptor, offset, whence)
    os.close(descriptor)


def test_a_descriptor_does_only_what_it_was_opened_for(root: Path) -> None:
    make("file", root / "file")
    reader, writer = (os.open(root / "file", flag) for flag in (os.O_RDONLY, os.O_WRONLY))
    with refused(errno.EBADF):
        os.write(reader, b"x")
    with refused(errno.EBADF):
        os.read(writer, 1)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("offset", [1 << 31, 1 << 32, (1 << 40) + 5, 1 << 43])
def test_far_offsets(descriptor: int, offset: int) -> None:
    os.pwrite(descriptor, b"start", 0)
    os.pwrite(descriptor, b"far away", offset)
    assert os.fstat(descriptor).st_size == offset + 8
    assert os.pread(descriptor, 20, offset - 3) == b"\0\0\0far away"
    assert os.pread(descriptor, 10, 0) == b"start" + bytes(5)
    assert os.pread(descriptor, 10, offset // 2) == bytes(10)
    os.close(descriptor)


def test_offsets_beyond_all_limits_are_refused(descriptor: int) -> None:
    with refused(errno.EFBIG, errno.EINVAL):
        os.pwrite(descriptor, b"xy", OFFSET_MAX - 1)
    with refused(errno.EINVAL):
        os.pwrite(descriptor, b"x", -1)
    assert os.fstat(descriptor).st_size == 0
    os.close(descriptor)


def test_the_limit_of_a_process_counts(descriptor: int) -> None:
    """RLIMIT_FSIZE: a write is cut at the limit, then refused with EFBIG and SIGXFSZ."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, former[1]))
    try:
        assert os.write(descriptor, b"x" * 1500) == 1000
        with refused(errno.EFBIG):
            os.write(descriptor, b"x")
        with refused(errno.EFBIG):
            os.ftruncate(descriptor, 1001)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.fstat(descriptor).st_size == 1000
    os.close(descriptor)


def test_a_reader_sees_what_a_writer_has_written_so_far(root: Path) -> None:
    with open(root / "file", "wb", buffering=0) as writer, open(root / "file", "rb") as reader:
        for number in range(20):
            writer.write(b"%d," % number * 1000)
            assert reader.read() == b"%d," % number * 1000


def test_the_size_is_right_while_a_file_is_written(root: Path) -> None:
    with open(root / "file", "wb", buffering=0) as writer:
        for number in range(1, 40):
            writer.write(b"x" * 10_000)
            assert os.stat(root / "file").st_size == number * 10_000
    assert os.stat(root / "file").st_blocks * 512 >= 390_000


def test_two_writers_of_one_file(root: Path, descriptor: int) -> None:
    """Each writes its half page by page; neither undoes the other's."""
    other = os.open(root / "file", os.O_RDWR)
    for page in range(100):
        os.pwrite(descriptor, b"a" * 2000, page * 4000)
        os.pwrite(other, b"b" * 2000, page * 4000 + 2000)
    os.close(descriptor)
    os.close(other)
    assert (root / "file").read_bytes() == (b"a" * 2000 + b"b" * 2000) * 100


def test_sendfile_and_splice_carry_bytes(root: Path, descriptor: int) -> None:
    data = pattern(300_000)
    (root / "source").write_bytes(data)
    source = os.open(root / "source", os.O_RDONLY)
    sent = 0
    while sent < len(data):
        sent += os.sendfile(descriptor, source, sent, len(data) - sent)
    reading, writing = os.pipe()
    assert os.splice(source, writing, 4096, offset_src=100) == 4096
    assert os.splice(reading, descriptor, 4096, offset_dst=len(data)) == 4096
    for number in (source, reading, writing, descriptor):
        os.close(number)
    assert (root / "file").read_bytes() == data + data[100:4196]


def test_fsync_of_every_kind_of_descriptor(root: Path, descriptor: int) -> None:
    os.write(descriptor, b"x")
    os.fsync(descriptor)
    os.fdatasync(descriptor)
    folder = os.open(root, os.O_RDONLY)
    os.fsync(folder)
    os.fdatasync(folder)
    os.close(descriptor)
    os.close(folder)
    os.sync()
