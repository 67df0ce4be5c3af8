"""When set-uid and set-gid bits and capabilities go by themselves: on write, truncate and chown.

Without execute permission for the group, set-gid once meant mandatory locking: writing keeps it.
"""

import errno
import mmap
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import OTHER, SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import make
from tests.support.syscalls import refused

pytestmark = needs_root

# mode before -> mode after a write by someone without special rights
BY_WRITING: Final = {
    0o4755: 0o755,
    0o2755: 0o755,
    0o6755: 0o755,
    0o6777: 0o777,
    0o4644: 0o644,
    0o755: 0o755,
    0o1755: 0o1755,
}


def write(path: Path) -> None:
    with open(path, "r+b", buffering=0) as file:
        file.write(b"x")


def append(path: Path) -> None:
    with open(path, "ab", buffering=0) as file:
        file.write(b"x")


def write_twice(path: Path) -> None:
    with open(path, "r+b", buffering=0) as file:
        file.write(b"x")
        file.write(b"y")


def truncate(path: Path) -> None:
    os.truncate(path, 100)


def ftruncate(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    os.ftruncate(descriptor, 0)
    os.close(descriptor)


def open_truncating(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))


WRITING: Final = (write, append, write_twice, truncate, ftruncate, open_truncating)


def someones_file(path: Path, mode: int) -> Path:
    path.write_bytes(b"before")
    os.chown(path, USER, SHARED_GROUP)
    os.chmod(path, mode)
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.mark.parametrize("change", WRITING)
@pytest.mark.parametrize("mode", BY_WRITING)
def test_its_owner_changes_the_bytes(root: Path, change: Callable[[Path], None], mode: int) -> None:
    file = someones_file(root / "file", mode)
    with as_user(USER):
        change(file)
    assert mode_of(file) == BY_WRITING[mode]


@pytest.mark.parametrize("change", WRITING)
@pytest.mark.parametrize("mode", [0o4777, 0o6777])
def test_someone_else_changes_the_bytes(
    root: Path, change: Callable[[Path], None], mode: int
) -> None:
    file = someones_file(root / "file", mode)
    with as_user(OTHER):
        change(file)
    assert mode_of(file) == 0o777


@pytest.mark.parametrize("change", WRITING)
def test_root_changes_the_bytes_and_the_bits_stay(
    root: Path, change: Callable[[Path], None]
) -> None:
    file = someones_file(root / "file", 0o6755)
    change(file)
    assert mode_of(file) == 0o6755


def test_what_is_set_again_goes_again(root: Path) -> None:
    """The kernel remembers that there is nothing to clear, and must unlearn it."""
    file = someones_file(root / "file", 0o4755)
    for _ in range(3):
        with as_user(USER):
            write(file)
        assert mode_of(file) == 0o755
        os.chmod(file, 0o4755)
        assert mode_of(file) == 0o4755


def test_while_it_stays_open(root: Path) -> None:
    file = someones_file(root / "file", 0o755)
    with as_user(USER):
        descriptor = os.open(file, os.O_RDWR)
        os.write(descriptor, b"one")
        os.fchmod(descriptor, 0o4755)
        assert mode_of(file) == 0o4755
        os.write(descriptor, b"two")
        assert mode_of(file) == 0o755
        os.close(descriptor)


def test_reading_and_mapping_for_reading_keep_them(root: Path) -> None:
    file = someones_file(root / "file", 0o6755)
    with as_user(USER), open(file, "rb") as reader:
        assert mmap.mmap(reader.fileno(), 0, prot=mmap.PROT_READ)[:6] == b"before"
        assert reader.read() == b"before"
    assert mode_of(file) == 0o6755


@pytest.mark.parametrize("who", ["root", "owner"])
@pytest.mark.parametrize(
    ("mode", "result"),
    [(0o4755, 0o755), (0o6755, 0o755), (0o2755, 0o755), (0o6777, 0o777), (0o7711, 0o1711)],
)
def test_a_new_owner_or_group_clears_them_on_a_file(
    root: Path, who: str, mode: int, result: int
) -> None:
    file = someones_file(root / "file", mode)
    if who == "root":
        os.chown(file, OTHER, OTHER)
    else:
        with as_user(USER, OTHER, groups=[SHARED_GROUP]):
            os.chown(file, -1, OTHER)
    assert mode_of(file) == result


def test_a_folder_keeps_them_with_a_new_owner(root: Path) -> None:
    """Set-gid on a folder is about inheritance, not about running programs."""
    folder = make("directory", root / "folder")
    os.chmod(folder, 0o6755)
    os.chown(folder, USER, SHARED_GROUP)
    assert mode_of(folder) == 0o6755


def test_a_refused_write_clears_nothing(root: Path) -> None:
    file = someones_file(root / "file", 0o4755)
    with as_user(OTHER), refused(errno.EACCES):
        truncate(file)
    assert mode_of(file) == 0o4755


# That of `setcap cap_net_raw+ep`, as linux/capability.h has it: revision 2, effective.
CAPABILITY: Final = bytes.fromhex("0100000200200000000000000000000000000000")


def has_capability(path: Path) -> bool:
    return "security.capability" in os.listxattr(path)


@pytest.mark.parametrize("change", WRITING)
def test_capabilities_go_whoever_changes_the_bytes(
    root: Path, change: Callable[[Path], None]
) -> None:
    path = someones_file(root / "file", 0o755)
    for user in (USER, 0):
        os.setxattr(path, "security.capability", CAPABILITY)
        assert has_capability(path)
        with as_user(user):
            change(path)
        assert not has_capability(path)


def test_capabilities_go_with_the_owner_and_stay_with_the_mode(root: Path) -> None:
    path = someones_file(root / "file", 0o755)
    os.setxattr(path, "security.capability", CAPABILITY)
    os.chmod(path, 0o700)
    assert has_capability(path)
    os.chown(path, OTHER, -1)
    assert not has_capability(path)
