"""truncate(2) and ftruncate(2)."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.nodes import KINDS, make
from tests.support.syscalls import refused

BYTES: Final = bytes(range(256)) * 2048  # 512 KiB, several chunks
SIZES: Final = (0, 1, 511, 4095, 4096, 4097, 65_536, 100_001, 262_144, 524_287, 524_288)
SIZE_MAX: Final = (1 << 63) - 1


def by_path(path: Path, size: int) -> None:
    os.truncate(path, size)


def by_descriptor(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_RDWR)
    os.ftruncate(descriptor, size)
    assert os.fstat(descriptor).st_size == size
    os.close(descriptor)


WAYS: Final = pytest.mark.parametrize("cut", [by_path, by_descriptor])


@WAYS
@pytest.mark.parametrize("size", SIZES)
def test_what_is_cut_off_is_gone_and_the_rest_stays(
    root: Path, cut: Callable[[Path, int], None], size: int
) -> None:
    (root / "file").write_bytes(BYTES)
    cut(root / "file", size)
    assert os.stat(root / "file").st_size == size
    assert (root / "file").read_bytes() == BYTES[:size]


@WAYS
@pytest.mark.parametrize("size", SIZES)
def test_what_is_added_is_zero(root: Path, cut: Callable[[Path, int], None], size: int) -> None:
    (root / "file").write_bytes(b"abc")
    cut(root / "file", size + 3)
    assert (root / "file").read_bytes() == b"abc" + bytes(size)


@WAYS
@pytest.mark.parametrize("size", [0, 1, 4096, 5000, 300_000])
def test_what_was_cut_off_does_not_come_back(
    root: Path, cut: Callable[[Path, int], None], size: int
) -> None:
    (root / "file").write_bytes(BYTES)
    cut(root / "file", size)
    cut(root / "file", len(BYTES))
    assert (root / "file").read_bytes() == BYTES[:size] + bytes(len(BYTES) - size)


@pytest.mark.parametrize("size", [5, 4096, 100_000])
def test_between_writes_of_one_descriptor(root: Path, size: int) -> None:
    with open(root / "file", "w+b", buffering=0) as file:
        file.write(BYTES)
        file.truncate(size)
        file.write(b"far end")  # at the old offset, so a hole lies between
        assert os.pread(file.fileno(), len(BYTES), 0) == BYTES[:size] + bytes(len(BYTES) - size)
    assert (root / "file").read_bytes() == BYTES[:size] + bytes(len(BYTES) - size) + b"far end"


def test_others_who_have_it_open_see_it(root: Path) -> None:
    (root / "file").write_bytes(BYTES)
    with open(root / "file", "rb", buffering=0) as reader:
        assert reader.read(10) == BYTES[:10]
        os.truncate(root / "file", 5)
        assert os.fstat(reader.fileno()).st_size == 5
        assert reader.read() == b""
        os.truncate(root / "file", 20)
        assert reader.read() == bytes(10)


@pytest.mark.parametrize("size", [1 << 32, (1 << 40) + 1])
def test_a_file_larger_than_any_disk_takes_no_room(root: Path, size: int) -> None:
    make("file", root / "file")
    os.truncate(root / "file", size)
    assert os.stat(root / "file").st_size == size
    with open(root / "file", "rb") as file:
        file.seek(size - 10)
        assert file.read() == bytes(10)
    os.truncate(root / "file", 0)


@pytest.mark.parametrize("size", [-1, -(1 << 40)])
def test_a_negative_size_is_refused(root: Path, size: int) -> None:
    (root / "file").write_bytes(b"kept")
    with refused(errno.EINVAL):
        os.truncate(root / "file", size)
    assert (root / "file").read_bytes() == b"kept"


def test_a_size_beyond_all_limits_is_refused(root: Path) -> None:
    (root / "file").write_bytes(b"kept")
    with refused(errno.EFBIG, errno.EINVAL):
        os.truncate(root / "file", SIZE_MAX)
    assert (root / "file").read_bytes() == b"kept"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("file", "symlink")])
def test_only_files_can_be_cut(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    with refused(errno.EISDIR if kind == "directory" else errno.EINVAL):
        os.truncate(root / "thing", 0)


def test_a_link_is_followed(root: Path) -> None:
    (root / "file").write_bytes(BYTES)
    (root / "link").symlink_to("file")
    os.truncate(root / "link", 10)
    assert (root / "file").read_bytes() == BYTES[:10]


def test_a_descriptor_must_be_open_for_writing(root: Path) -> None:
    (root / "file").write_bytes(b"kept")
    with open(root / "file", "rb") as file, refused(errno.EINVAL, errno.EBADF):
        os.ftruncate(file.fileno(), 0)
    assert (root / "file").read_bytes() == b"kept"
