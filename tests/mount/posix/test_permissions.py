"""Who may read, write, search and execute: owner, group and others, and root.

Every mode is tried for each class of user with what the kernel then lets through to the daemon.
"""

import errno
import os
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import OTHER, SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import make
from tests.support.processes import run
from tests.support.syscalls import errno_of, refused

pytestmark = needs_root

CLASSES: Final = {"owner": 6, "group": 3, "others": 0}  # and how far left their bits stand
BITS: Final = range(8)
READ, WRITE, SEARCH = 4, 2, 1
OPENS: Final = {os.O_RDONLY: READ, os.O_WRONLY: WRITE, os.O_RDWR: READ | WRITE}


@pytest.fixture
def shared(root: Path) -> Path:
    """A folder in which anyone may do anything."""
    root.chmod(0o777)
    return root


def become(who: str) -> tuple[int, int]:
    """The uid and gid of someone in that class, for what belongs to USER and SHARED_GROUP."""
    return {
        "owner": (USER, OTHER),
        "group": (OTHER, SHARED_GROUP),
        "others": (OTHER, OTHER),
    }[who]


def give(path: Path, mode: int) -> None:
    os.chown(path, USER, SHARED_GROUP)
    os.chmod(path, mode)


def open_and_close(path: Path, flags: int) -> None:
    os.close(os.open(path, flags))


@pytest.mark.parametrize("who", CLASSES)
@pytest.mark.parametrize("bits", BITS)
def test_opening_a_file_goes_by_the_bits_of_ones_class(shared: Path, who: str, bits: int) -> None:
    give(make("file", shared / "file"), bits << CLASSES[who])
    with as_user(*become(who)):
        for flags, needed in OPENS.items():
            outcome = errno_of(lambda: open_and_close(shared / "file", flags))  # noqa: B023
            assert outcome == ("ok" if bits & needed == needed else "EACCES")


@pytest.mark.parametrize("who", CLASSES)
@pytest.mark.parametrize("bits", BITS)
def test_the_bits_of_the_other_classes_do_not_help(shared: Path, who: str, bits: int) -> None:
    """An owner without rights is refused even where everyone else is let in."""
    mode = 0o777 & ~(0o7 << CLASSES[who]) | bits << CLASSES[who]
    give(make("file", shared / "file"), mode)
    with as_user(*become(who)):
        outcome = errno_of(lambda: open_and_close(shared / "file", os.O_RDWR))
    assert outcome == ("ok" if bits & 6 == 6 else "EACCES")


@pytest.mark.parametrize("who", CLASSES)
@pytest.mark.parametrize("bits", BITS)
def test_a_folder_goes_by_the_bits_of_ones_class(shared: Path, who: str, bits: int) -> None:
    folder = shared / "folder"
    make("file", make("directory", folder) / "inside")
    give(folder, bits << CLASSES[who])
    with as_user(*become(who)):
        outcomes = {
            "list": errno_of(lambda: os.listdir(folder)),
            "find": errno_of(lambda: os.stat(folder / "inside")),
            "create": errno_of(lambda: make("file", folder / "new")),
            "remove": errno_of(lambda: os.unlink(folder / "inside")),
        }
    assert outcomes == {
        "list": "ok" if bits & READ else "EACCES",
        "find": "ok" if bits & SEARCH else "EACCES",
        "create": "ok" if bits & 3 == 3 else "EACCES",
        "remove": "ok" if bits & 3 == 3 else "EACCES",
    }


def test_a_supplementary_group_counts_as_a_group(shared: Path) -> None:
    give(make("file", shared / "file"), 0o040)
    with as_user(OTHER, OTHER, groups=[SHARED_GROUP]):
        open_and_close(shared / "file", os.O_RDONLY)
        with refused(errno.EACCES):
            open_and_close(shared / "file", os.O_WRONLY)


def test_root_reads_and_writes_what_nobody_may(shared: Path) -> None:
    give(make("file", shared / "file"), 0)
    give(make("directory", shared / "folder"), 0)
    open_and_close(shared / "file", os.O_RDWR)
    make("file", shared / "folder/new")
    assert os.listdir(shared / "folder") == ["new"]


def test_rights_are_asked_at_open_and_not_again(shared: Path) -> None:
    give(make("file", shared / "file"), 0o600)
    with as_user(USER):
        descriptor = os.open(shared / "file", os.O_RDWR)
        os.chmod(shared / "file", 0)
        os.write(descriptor, b"still")
        assert os.pread(descriptor, 9, 0) == b"still"
        os.close(descriptor)
        with refused(errno.EACCES):
            open_and_close(shared / "file", os.O_RDONLY)


def test_a_new_file_may_forbid_its_own_creator(shared: Path) -> None:
    """The mode of O_CREAT counts from the next open on."""
    with as_user(USER):
        descriptor = os.open(shared / "file", os.O_CREAT | os.O_RDWR, 0)
        os.write(descriptor, b"mine")
        os.close(descriptor)
        with refused(errno.EACCES):
            open_and_close(shared / "file", os.O_RDONLY)


def test_truncating_needs_the_right_to_write(shared: Path) -> None:
    give(make("file", shared / "file"), 0o444)
    with as_user(USER):
        with refused(errno.EACCES):
            os.truncate(shared / "file", 10)
        with refused(errno.EACCES):
            open_and_close(shared / "file", os.O_WRONLY | os.O_TRUNC)
        with refused(errno.EACCES):
            open_and_close(shared / "file", os.O_RDONLY | os.O_TRUNC)


@pytest.mark.parametrize(
    ("mode", "status"), [(0o100, 7), (0o500, 7), (0o700, 7), (0o600, None), (0o011, None)]
)
def test_executing_needs_the_right_to(shared: Path, mode: int, status: int | None) -> None:
    program = shared / "program"
    program.write_bytes(Path("/bin/sh").read_bytes())
    give(program, mode)
    if status is None:
        with pytest.raises(PermissionError):
            run([program, "-c", "exit 7"], user=USER)
    else:
        assert run([program, "-c", "exit 7"], user=USER, check=False).status == status


def test_root_executes_only_what_someone_may_execute(shared: Path) -> None:
    program = shared / "program"
    program.write_bytes(Path("/bin/sh").read_bytes())
    give(program, 0o666)
    with pytest.raises(PermissionError):
        run([program, "-c", "exit 0"])
    give(program, 0o001)
    run([program, "-c", "exit 0"])


def test_a_set_uid_program_runs_as_asked_only_where_the_mount_allows_it(shared: Path) -> None:
    """A mount is `nosuid` unless asked otherwise: see mount(8)."""
    program = shared / "id"
    program.write_bytes(Path("/usr/bin/id").read_bytes())
    os.chown(program, OTHER, OTHER)
    os.chmod(program, 0o4755)
    ignored = bool(os.statvfs(shared).f_flag & os.ST_NOSUID)
    shown = run([program, "-u"], user=USER).stdout
    assert int(shown) == (USER if ignored else OTHER)
