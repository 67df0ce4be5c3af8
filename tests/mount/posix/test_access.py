"""access(2): what the permissions say to the real user of a process."""

import errno
import os
from pathlib import Path

import pytest

from tests.support.as_user import SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import KINDS, NO_SYMLINKS, make
from tests.support.syscalls import refused


@pytest.mark.parametrize("kind", KINDS)
def test_f_ok_says_whether_it_exists(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    assert os.access(root / "thing", os.F_OK) == (kind != "symlink")  # that one leads nowhere
    assert not os.access(root / "missing", os.F_OK)


def test_a_link_to_itself_does_not_exist(root: Path) -> None:
    (root / "self").symlink_to("self")
    assert not os.access(root / "self", os.F_OK)
    with refused(errno.ELOOP):
        os.stat(root / "self")


@needs_root
@pytest.mark.parametrize("kind", NO_SYMLINKS)
@pytest.mark.parametrize("bits", range(8))
def test_it_goes_by_the_bits_of_the_owner(root: Path, kind: str, bits: int) -> None:
    thing = make(kind, root / "thing")
    os.chown(thing, USER, SHARED_GROUP)
    os.chmod(thing, bits << 6)
    with as_user(USER):
        allowed = {mode: os.access(thing, mode) for mode in (os.R_OK, os.W_OK, os.X_OK)}
    assert allowed == {mode: bool(bits & mode) for mode in (os.R_OK, os.W_OK, os.X_OK)}


@needs_root
@pytest.mark.parametrize("mode", [0o000, 0o100, 0o010, 0o001])
def test_root_may_read_and_write_all_and_execute_what_anyone_may(root: Path, mode: int) -> None:
    thing = make("file", root / "thing")
    os.chmod(thing, mode)
    assert os.access(thing, os.R_OK | os.W_OK)
    assert os.access(thing, os.X_OK) == bool(mode & 0o111)


@needs_root
def test_it_sees_a_change_of_mode_at_once(root: Path) -> None:
    thing = make("file", root / "thing")
    os.chown(thing, USER, USER)
    for mode in (0o600, 0o400, 0o200, 0o000):
        os.chmod(thing, mode)
        with as_user(USER):
            assert os.access(thing, os.R_OK) == bool(mode & 0o400)
            assert os.access(thing, os.W_OK) == bool(mode & 0o200)
