"""Files put in place whole: at every failing call the old file stays and nothing is left over."""

import os
from errno import EACCES, EDQUOT, EIO, ENOSPC
from pathlib import Path

import pytest

from fsmodel.errors import BackendError, NoSpace
from fsmodel.store.host_files import (
    host_failures,
    start_writeback,
    write_at,
    write_file_atomically,
)
from tests.support.packs import failing


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"first and longer", b"second", b""):
        write_file_atomically(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("call", ["open", "pwritev", "fsync", "replace"])
@pytest.mark.parametrize(("number", "error"), [(ENOSPC, NoSpace), (EIO, BackendError)])
def test_a_failed_replacement_changes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    error: type[Exception],
) -> None:
    path = tmp_path / "file"
    write_file_atomically(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(number))
        with pytest.raises(error, match=f"{path}: injected"):
            write_file_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_durable_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    fsync, replace = os.fsync, os.replace

    def logged_fsync(descriptor: int) -> None:
        order.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    def logged_replace(source: Path, target: Path) -> None:
        order.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "replace", logged_replace)
    write_file_atomically(tmp_path / "file", b"content")
    assert order == [".file.new", "replace", tmp_path.name]


def test_a_leftover_of_a_crash_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_bytes(b"half of something much longer")
    write_file_atomically(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("number", "error"), [(ENOSPC, NoSpace), (EDQUOT, NoSpace), (EACCES, BackendError)]
)
def test_failures_of_the_host_name_the_place(number: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="the place: reason"), host_failures("the place"):
        raise OSError(number, "reason")


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), host_failures("the place"):
        _ = 1 // 0


@pytest.mark.parametrize("step", range(1, 12))
def test_parts_arrive_in_order_however_few_bytes_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    pwritev = os.pwritev
    monkeypatch.setattr(
        os, "pwritev", lambda fd, parts, at: pwritev(fd, [b"".join(parts)[:step]], at)
    )
    with (tmp_path / "file").open("wb") as file:
        write_at(file.fileno(), [b"ab", b"", bytearray(b"c"), memoryview(b"defgh")], 3)
    assert (tmp_path / "file").read_bytes() == b"\0\0\0abcdefgh"


def test_writeback_changes_nothing_and_no_failure_of_it_is_news(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.write(b"bytes")
        file.flush()
        start_writeback(file.fileno(), 0, 4096)
        start_writeback(file.fileno(), -1, -1)
    start_writeback(-1, 0, 4096)
    assert path.read_bytes() == b"bytes"
