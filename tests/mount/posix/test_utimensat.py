"""utimensat(2): nanoseconds, UTIME_NOW, UTIME_OMIT, and who may set which."""

import errno
import os
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import OTHER, USER, as_user, needs_root
from tests.support.nodes import KINDS, make
from tests.support.syscalls import (
    UTIME_NOW,
    UTIME_OMIT,
    coarse_now,
    is_stamped_since,
    refused,
    utimensat,
    wait_for_tick,
)

NOW: Final = (0, UTIME_NOW)
OMIT: Final = (0, UTIME_OMIT)
SECOND: Final = 1_000_000_000
OLD: Final = ((1_000_000_000, 123_456_789), (1_100_000_000, 987_654_321))


def times_of(path: Path) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_atime_ns, status.st_mtime_ns


def in_ns(moment: tuple[int, int]) -> int:
    return moment[0] * SECOND + moment[1]


@pytest.mark.parametrize("kind", KINDS)
def test_both_are_kept_to_the_nanosecond(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    before = coarse_now()
    utimensat(thing, *OLD, follow=False)
    assert times_of(thing) == (in_ns(OLD[0]), in_ns(OLD[1]))
    assert os.lstat(thing).st_ctime_ns >= before


@pytest.mark.parametrize(
    "moment",
    [(0, 0), (0, 1), (1, 999_999_999), (1 << 31, 5), ((1 << 32) + 7, 9), (-1, 500_000_000)],
    ids=["epoch", "a nanosecond", "last", "2038", "2106", "1969"],
)
def test_any_moment_can_be_set(root: Path, moment: tuple[int, int]) -> None:
    make("file", root / "file")
    utimensat(root / "file", moment, moment)
    assert times_of(root / "file") == (in_ns(moment), in_ns(moment))


@pytest.mark.parametrize("kind", KINDS)
def test_now_is_the_clock_that_stamps_files(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    utimensat(thing, *OLD, follow=False)
    before = coarse_now()
    utimensat(thing, NOW, NOW, follow=False)
    assert is_stamped_since(os.lstat(thing), before)


def test_now_never_goes_back_behind_a_write(root: Path) -> None:
    """A touch right after a write must not make the file older."""
    for _ in range(20):
        (root / "file").write_bytes(b"written")
        written = os.stat(root / "file").st_mtime_ns
        os.utime(root / "file")
        assert os.stat(root / "file").st_mtime_ns >= written - 10_000_000  # a coarse tick
        make("file", root / "later")
        assert os.stat(root / "later").st_mtime_ns >= os.stat(root / "file").st_mtime_ns
        os.unlink(root / "later")


@pytest.mark.parametrize("kind", KINDS)
def test_omit_leaves_one_alone(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    utimensat(thing, *OLD, follow=False)
    utimensat(thing, (5, 6), OMIT, follow=False)
    assert times_of(thing) == (in_ns((5, 6)), in_ns(OLD[1]))
    utimensat(thing, OMIT, (7, 8), follow=False)
    assert times_of(thing) == (in_ns((5, 6)), in_ns((7, 8)))


def test_omitting_both_changes_nothing(root: Path) -> None:
    make("file", root / "file")
    before = os.stat(root / "file")
    wait_for_tick()
    utimensat(root / "file", OMIT, OMIT)
    assert os.stat(root / "file") == before


def test_one_now_and_one_omitted(root: Path) -> None:
    make("file", root / "file")
    utimensat(root / "file", *OLD)
    before = coarse_now()
    utimensat(root / "file", NOW, OMIT)
    assert times_of(root / "file")[0] >= before
    assert times_of(root / "file")[1] == in_ns(OLD[1])


def test_a_link_is_followed_unless_asked_not_to(root: Path) -> None:
    make("file", root / "file")
    (root / "link").symlink_to("file")
    utimensat(root / "link", (1, 0), (2, 0))
    utimensat(root / "link", (3, 0), (4, 0), follow=False)
    assert times_of(root / "file") == (1 * SECOND, 2 * SECOND)
    assert times_of(root / "link") == (3 * SECOND, 4 * SECOND)


def test_an_open_file_keeps_what_was_set_after_the_last_write(root: Path) -> None:
    """As cp -p and rsync do it; what is written before must not stamp it later."""
    with open(root / "file", "wb", buffering=0) as file:
        file.write(b"x" * 300_000)
        os.utime(file.fileno(), ns=(in_ns(OLD[0]), in_ns(OLD[1])))
        assert times_of(root / "file") == (in_ns(OLD[0]), in_ns(OLD[1]))
    assert times_of(root / "file") == (in_ns(OLD[0]), in_ns(OLD[1]))


def test_a_write_after_it_counts(root: Path) -> None:
    with open(root / "file", "wb", buffering=0) as file:
        os.utime(file.fileno(), ns=(0, 0))
        before = coarse_now()
        file.write(b"x")
    assert os.stat(root / "file").st_mtime_ns >= before


@pytest.mark.parametrize("bad", [(0, 1_000_000_000), (0, -1)])
def test_impossible_nanoseconds_are_refused(root: Path, bad: tuple[int, int]) -> None:
    make("file", root / "file")
    with refused(errno.EINVAL):
        utimensat(root / "file", bad, (0, 0))


@needs_root
@pytest.mark.parametrize("kind", ["file", "directory", "fifo"])
def test_who_may_set_what(root: Path, kind: str) -> None:
    """Any moment: the owner. Both to now: whoever may write as well."""
    thing = make(kind, root / "thing")
    os.chown(thing, USER, USER)
    os.chmod(thing, 0o666)
    with as_user(USER):
        utimensat(thing, *OLD)
    with as_user(OTHER):
        utimensat(thing, NOW, NOW)
        utimensat(thing, OMIT, OMIT)
        for times in (OLD, (NOW, OMIT), (OMIT, NOW), (OMIT, (1, 0))):
            with refused(errno.EPERM):
                utimensat(thing, *times)
    os.chmod(thing, 0o644)
    with as_user(OTHER), refused(errno.EACCES):
        utimensat(thing, NOW, NOW)
    os.chmod(thing, 0o444)
    with as_user(USER):
        utimensat(thing, NOW, NOW)
