"""Files of the host: whole or not at all, room set aside, failures in our own words."""

import errno
import os
from pathlib import Path

import pytest

from lmdb_index import host_files
from lmdb_index.errors import IndexProblem, NoRoom
from lmdb_index.host_files import (
    ROOM_BYTES_MIN,
    create_whole,
    host_failures,
    is_full,
    reserve_room,
    sync_folder,
    write_all,
)


def test_a_file_is_made_with_all_its_bytes(tmp_path: Path) -> None:
    create_whole(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_file_whose_making_fails_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no"):
        create_whole(tmp_path / "file", b"content")
    assert not (tmp_path / "file").exists()


def test_a_host_that_takes_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, offset: 0)
    with pytest.raises(OSError, match="Input/output"):
        write_all(0, b"data", 0)


def test_room_is_set_aside_behind_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.write(b"content")
        file.flush()
        before = path.stat()
        reserve_room(file.fileno(), 7, 1 << 20)
        after = path.stat()
    assert after.st_size == before.st_size == 7
    assert after.st_blocks - before.st_blocks >= (1 << 20) // 512


def test_room_that_cannot_be_set_aside_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="File too large"):
        reserve_room(file.fileno(), 2**62, 2**61)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_host_that_cannot_set_room_aside_is_no_error(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(host_files, "_fallocate", lambda *arguments: -1)
    monkeypatch.setattr("ctypes.get_errno", lambda: number)
    reserve_room(0, 0, 1)
    monkeypatch.setattr("ctypes.get_errno", lambda: errno.ENOSPC)
    with pytest.raises(OSError, match="No space"):
        reserve_room(0, 0, 1)


@pytest.mark.parametrize(
    ("number", "problem"),
    [(errno.ENOSPC, NoRoom), (errno.EDQUOT, NoRoom), (errno.EACCES, IndexProblem)],
)
def test_failures_are_told_in_our_words(number: int, problem: type[IndexProblem]) -> None:
    with pytest.raises(problem, match=r"^the place: ") as raised, host_failures("the place"):
        raise OSError(number, os.strerror(number))
    assert type(raised.value) is problem


def test_a_full_host_is_told_from_one_with_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_full(tmp_path)
    space = list(os.statvfs(tmp_path))
    space[4] = (ROOM_BYTES_MIN - 1) // space[1]  # f_bavail, in blocks of f_frsize
    monkeypatch.setattr(os, "statvfs", lambda folder: os.statvfs_result(space))
    assert is_full(tmp_path)


def test_a_folder_can_be_synced(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "missing")
