"""Who keeps a folder busy, found through /proc."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.holders import Holder, holders_elsewhere, holders_of, named
from daemon.mount_table import mount_at, read_mount_table

WAIT = "import sys; print(1, flush=True); sys.stdin.read()"


def process(code: str, folder: Path) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child.pid
        child.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mount").mkdir()
    (tmp_path / "mount" / "file").touch()
    return tmp_path / "mount"


def test_a_working_directory_holds(folder: Path) -> None:
    for pid in process(WAIT, folder):
        assert [holder.pid for holder in holders_of(str(folder))] == [pid]
    assert holders_of(str(folder)) == []


def test_an_open_file_holds(folder: Path) -> None:
    for pid in process(f"f = open({str(folder / 'file')!r}); {WAIT}", folder.parent):
        (holder,) = holders_of(str(folder))
        assert holder.pid == pid
        assert str(holder) == f"{holder.name} (pid {pid})"


def test_this_process_is_not_among_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with (folder / "file").open():
        assert os.getpid() not in [holder.pid for holder in holders_of(str(folder))]


def test_this_namespace_is_no_other(folder: Path) -> None:
    root = mount_at(read_mount_table(), "/")
    assert root is not None
    own = Path("/proc/self/ns/mnt").readlink()
    for holder in holders_elsewhere(root.device):
        assert Path(f"/proc/{holder.pid}/ns/mnt").readlink() != own
    assert holders_elsewhere("999999:0") == []


def test_a_few_are_named_and_the_rest_counted() -> None:
    holders = [Holder(number, "vim") for number in range(5)]
    assert named(holders[:1]) == "vim (pid 0)"
    assert named(holders) == "vim (pid 0), vim (pid 1), vim (pid 2) and 2 more"
    assert "cannot be seen" in named([])
