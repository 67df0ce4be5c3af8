"""Which times each system call moves: of the thing itself, of its folder, of a second folder.

`a`, `m` and `c` are access, modification and change. What is not named must not move.
"""

import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.nodes import make
from tests.support.syscalls import (
    RENAME_EXCHANGE,
    errno_of,
    refused,
    renameat2,
    utimensat,
    wait_for_tick,
)

SELF, FOLDER, OTHER = "folder/thing", "folder", "other"


@dataclass(frozen=True)
class Case:
    """What is done to `folder/thing`, and which times of what that moves."""

    run: Callable[[], object]
    moves: dict[str, str]
    kind: str = "file"


def write(data: bytes) -> None:
    descriptor = os.open(SELF, os.O_WRONLY)
    os.write(descriptor, data)
    os.close(descriptor)


def write_through_map() -> None:
    descriptor = os.open(SELF, os.O_RDWR | os.O_NOATIME)  # mapping alone counts as reading
    with mmap.mmap(descriptor, 4) as memory:
        memory[0:1] = b"X"
        memory.flush()
    os.close(descriptor)


def open_with(flags: int) -> None:
    os.close(os.open(SELF, flags))


def fsync() -> None:
    descriptor = os.open(SELF, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def new(kind: str) -> Case:
    return Case(lambda: make(kind, Path("folder/new")), {FOLDER: "mc"})


CASES: Final = {
    "chmod": Case(lambda: os.chmod(SELF, 0o600), {SELF: "c"}),
    "chmod of a folder": Case(lambda: os.chmod(SELF, 0o700), {SELF: "c"}, "directory"),
    "chown": Case(lambda: os.chown(SELF, os.getuid(), os.getgid()), {SELF: "c"}),
    "setxattr": Case(lambda: os.setxattr(SELF, b"user.new", b"1"), {SELF: "c"}),
    "setxattr again": Case(lambda: os.setxattr(SELF, b"user.old", b"2"), {SELF: "c"}),
    "removexattr": Case(lambda: os.removexattr(SELF, b"user.old"), {SELF: "c"}),
    "write": Case(lambda: write(b"new"), {SELF: "mc"}),
    "write of nothing": Case(lambda: write(b""), {}),
    "write through a map": Case(write_through_map, {SELF: "mc"}),
    "truncate, shorter": Case(lambda: os.truncate(SELF, 1), {SELF: "mc"}),
    "truncate, longer": Case(lambda: os.truncate(SELF, 99), {SELF: "mc"}),
    "open and close": Case(lambda: open_with(os.O_RDWR), {}),
    "open with O_TRUNC": Case(lambda: open_with(os.O_WRONLY | os.O_TRUNC), {SELF: "mc"}),
    "open with O_CREAT": Case(lambda: open_with(os.O_WRONLY | os.O_CREAT), {}),
    "utime": Case(lambda: os.utime(SELF), {SELF: "amc"}),
    "link": Case(lambda: os.link(SELF, "other/name"), {SELF: "c", OTHER: "mc"}),
    "link in the same folder": Case(
        lambda: os.link(SELF, "folder/name"), {SELF: "c", FOLDER: "mc"}
    ),
    "unlink": Case(lambda: os.unlink("folder/second"), {SELF: "c", FOLDER: "mc"}),
    "rename": Case(lambda: os.rename("folder/second", "folder/name"), {SELF: "c", FOLDER: "mc"}),
    "rename elsewhere": Case(
        lambda: os.rename("folder/second", "other/name"), {SELF: "c", FOLDER: "mc", OTHER: "mc"}
    ),
    "rename of a folder elsewhere": Case(
        lambda: os.rename("folder/subfolder", "other/name"), {FOLDER: "mc", OTHER: "mc"}
    ),
    "rename over another": Case(
        lambda: os.rename("folder/third", "folder/second"), {SELF: "c", FOLDER: "mc"}
    ),
    "rename onto the same file": Case(lambda: os.rename(SELF, "folder/second"), {}),
    "exchange": Case(
        lambda: renameat2("folder/second", "other/target", RENAME_EXCHANGE),
        {SELF: "c", FOLDER: "mc", OTHER: "mc"},
    ),
    "mkdir": new("directory"),
    "creat": new("file"),
    "mkfifo": new("fifo"),
    "mknod of a socket": new("socket"),
    "symlink": new("symlink"),
    "rmdir": Case(lambda: os.rmdir("folder/subfolder"), {FOLDER: "mc"}),
    "stat": Case(lambda: os.stat(SELF), {}),
    "access": Case(lambda: os.access(SELF, os.R_OK), {}),
    "listxattr": Case(lambda: os.listxattr(SELF), {}),
    "statfs": Case(lambda: os.statvfs(SELF), {}),
    "fsync": Case(fsync, {}),
    "refused mkdir": Case(lambda: errno_of(lambda: os.mkdir(SELF)), {}),
    "refused rmdir": Case(lambda: errno_of(lambda: os.rmdir(SELF)), {}),
    "refused unlink": Case(lambda: errno_of(lambda: os.unlink("folder/none")), {}),
    "refused rename": Case(lambda: errno_of(lambda: os.rename("folder", SELF)), {}),
    "refused link": Case(lambda: errno_of(lambda: os.link("folder", "other/x")), {}),
    "refused removexattr": Case(lambda: errno_of(lambda: os.removexattr(SELF, b"user.x")), {}),
}


@pytest.fixture
def here(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with two folders and what the cases above need in them."""
    monkeypatch.chdir(root)
    for folder in ("folder", "folder/subfolder", "other"):
        os.mkdir(folder)
    make("file", root / "folder/third")
    make("file", root / "other/target")
    return root


def arrange(kind: str) -> None:
    make(kind, Path(SELF))
    if kind == "file":
        Path(SELF).write_bytes(b"four")
        os.setxattr(SELF, b"user.old", b"1")
        os.link(SELF, "folder/second")


def all_times(descriptors: dict[str, int]) -> dict[str, tuple[int, int, int]]:
    found = {name: os.fstat(descriptor) for name, descriptor in descriptors.items()}
    return {
        name: (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
        for name, status in found.items()
    }


def moved(before: tuple[int, int, int], after: tuple[int, int, int]) -> str:
    assert all(new >= old for old, new in zip(before, after, strict=True)), "time went back"
    return "".join(
        letter for letter, old, new in zip("amc", before, after, strict=True) if old != new
    )


@pytest.mark.parametrize("name", CASES)
def test_it_moves_these_times_and_no_others(here: Path, name: str) -> None:
    case = CASES[name]
    arrange(case.kind)
    # Held open, as some cases take the name away; O_PATH asks nothing of the filesystem.
    descriptors = {path: os.open(path, os.O_PATH) for path in (SELF, FOLDER, OTHER)}
    before = all_times(descriptors)
    wait_for_tick()
    case.run()
    after = all_times(descriptors)
    for descriptor in descriptors.values():
        os.close(descriptor)
    changes = {path: moved(before[path], after[path]) for path in before}
    assert {path: letters for path, letters in changes.items() if letters} == case.moves


def test_all_times_of_one_call_are_the_same_moment(here: Path) -> None:
    os.mkdir("folder/new")
    made, parent = os.stat("folder/new"), os.stat("folder")
    assert made.st_mtime_ns == made.st_ctime_ns == made.st_atime_ns
    assert parent.st_mtime_ns == parent.st_ctime_ns
    assert abs(parent.st_mtime_ns - made.st_mtime_ns) < 10_000_000


def test_a_time_set_to_the_future_is_overtaken_by_a_write(here: Path) -> None:
    arrange("file")
    utimensat(SELF, (4_000_000_000, 0), (4_000_000_000, 0))
    write(b"now")
    assert os.stat(SELF).st_mtime_ns < 4_000_000_000 * 10**9


def test_a_folder_open_for_reading_shows_no_new_time_for_a_refusal(here: Path) -> None:
    before = os.stat("folder")
    wait_for_tick()
    with refused(17):
        os.open("folder/third", os.O_CREAT | os.O_EXCL)
    assert os.stat("folder") == before
