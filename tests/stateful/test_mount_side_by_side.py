"""Random operations on a real mount and on an ordinary folder: no difference may show.

Between them the mount is renewed, or its daemon killed after everything was synced. What is
compared: result or errno of every call, and the whole tree with all bytes at the end of each step
that renews the mount and at the end of each run.
"""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.support.mounted import MountedStore
from tests.support.planted_faults import command_with
from tests.support.searching import BOUNDED
from tests.support.syscalls import RENAME_EXCHANGE, RENAME_NOREPLACE, renameat2

PATHS: Final = st.sampled_from(["a", "b", "c", "d", "d/a", "d/b", "d/d", "d/d/a", "link", "d/link"])
OFFSETS: Final = st.one_of(
    st.integers(0, 10),
    st.integers(0, 400_000),
    st.sampled_from([4095, 4096, 65_535, 65_536, 262_144, 1 << 33]),
)
SIZES: Final = st.one_of(
    st.integers(0, 20), st.sampled_from([4096, 4097, 65_536, 70_001, 262_144, 300_000])
)
FILLS: Final = st.integers(0, 255)
WHICH: Final = st.integers(0, 5)
MODES: Final = st.sampled_from([0o600, 0o644, 0o755, 0o4755, 0o2755, 0o1777, 0o000])
ATTRIBUTES: Final = st.sampled_from(["user.a", "user.b", "trusted.c", "user.", "nonsense"])
OPENS: Final = st.sampled_from(
    [
        os.O_RDONLY,
        os.O_WRONLY,
        os.O_RDWR,
        os.O_RDWR | os.O_CREAT,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL,
        os.O_RDWR | os.O_CREAT | os.O_TRUNC,
        os.O_WRONLY | os.O_APPEND | os.O_CREAT,
        os.O_RDWR | os.O_APPEND,
        os.O_RDONLY | os.O_NOFOLLOW,
        os.O_RDONLY | os.O_DIRECTORY,
        os.O_RDONLY | os.O_TRUNC,
    ]
)
pytestmark = [
    pytest.mark.mount,
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="this machine has no /dev/fuse"),
    pytest.mark.skipif(os.geteuid() != 0, reason="compares what only root may do, as set-id bits"),
]
LARGE_BYTES: Final = 1 << 24  # a file beyond that is compared at its ends only
OPEN_FILES_MAX: Final = 6


def pattern(fill: int, size: int) -> bytes:
    """Bytes that show where they belong, some of them incompressible, some all alike."""
    if fill % 3 == 0:
        return bytes([fill]) * size
    block = bytes((fill * 7 + index * (fill + 1)) % 251 for index in range(1009))
    return (block * (size // 1009 + 1))[:size]


def outcome_of(action: Callable[[], object]) -> object:
    """What a call returned, or its errno."""
    try:
        return action()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


class SideBySide(RuleBasedStateMachine):
    """Two folders, two lists of open descriptors, one sequence of calls."""

    # Set before the machine is run.
    store: MountedStore
    renewals_max: int  # of a run, as each takes as long as many other steps

    def __init__(self) -> None:
        super().__init__()
        self.plain = Path(tempfile.mkdtemp(prefix="side-", dir=self.store.folder))
        self.mounted = Path(tempfile.mkdtemp(prefix="side-", dir=self.store.mountpoint))
        self.opened: list[tuple[int, int]] = []
        self.renewals = 0

    def same(self, call: Callable[[Path], object]) -> object:
        """Do something below each folder; both must end alike."""
        expected = outcome_of(lambda: call(self.plain))
        assert outcome_of(lambda: call(self.mounted)) == expected
        return expected

    def same_open(self, which: int, call: Callable[[int], object]) -> None:
        """Do something with the same descriptor on each side."""
        plain, mounted = self.opened[which % len(self.opened)]
        assert outcome_of(lambda: call(mounted)) == outcome_of(lambda: call(plain))

    # Descriptors

    @precondition(lambda self: len(self.opened) < OPEN_FILES_MAX)
    @rule(path=PATHS, flags=OPENS, mode=MODES)
    def open(self, path: str, flags: int, mode: int) -> None:
        plain = outcome_of(lambda: os.open(self.plain / path, flags, mode))
        mounted = outcome_of(lambda: os.open(self.mounted / path, flags, mode))
        if isinstance(plain, int) and isinstance(mounted, int):
            self.opened.append((plain, mounted))
        else:
            assert mounted == plain

    @precondition(lambda self: self.opened)
    @rule(which=WHICH)
    def close(self, which: int) -> None:
        for descriptor in self.opened.pop(which % len(self.opened)):
            os.close(descriptor)

    @precondition(lambda self: self.opened)
    @rule(which=WHICH, offset=OFFSETS, size=SIZES, fill=FILLS)
    def pwrite(self, which: int, offset: int, size: int, fill: int) -> None:
        self.same_open(which, lambda fd: os.pwrite(fd, pattern(fill, size), offset))

    @precondition(lambda self: self.opened)
    @rule(which=WHICH, size=SIZES, fill=FILLS)
    def write(self, which: int, size: int, fill: int) -> None:
        self.same_open(which, lambda fd: os.write(fd, pattern(fill, size)))

    @precondition(lambda self: self.opened)
    @rule(which=WHICH, offset=OFFSETS, size=SIZES)
    def pread(self, which: int, offset: int, size: int) -> None:
        self.same_open(which, lambda fd: os.pread(fd, size, offset))

    @precondition(lambda self: self.opened)
    @rule(which=WHICH, size=OFFSETS)
    def ftruncate(self, which: int, size: int) -> None:
        self.same_open(which, lambda fd: os.ftruncate(fd, size))

    @precondition(lambda self: self.opened)
    @rule(which=WHICH)
    def fsync(self, which: int) -> None:
        self.same_open(which, os.fsync)

    @precondition(lambda self: self.opened)
    @rule(which=WHICH)
    def fstat(self, which: int) -> None:
        self.same_open(which, lambda fd: look(os.fstat(fd)))

    @precondition(lambda self: self.opened)
    @rule(which=WHICH, mode=MODES)
    def fchmod(self, which: int, mode: int) -> None:
        self.same_open(which, lambda fd: os.fchmod(fd, mode))

    # Names

    @rule(path=PATHS, mode=MODES)
    def mkdir(self, path: str, mode: int) -> None:
        self.same(lambda root: os.mkdir(root / path, mode))

    @rule(path=PATHS)
    def rmdir(self, path: str) -> None:
        self.same(lambda root: os.rmdir(root / path))

    @rule(path=PATHS)
    def unlink(self, path: str) -> None:
        self.same(lambda root: os.unlink(root / path))

    @rule(path=PATHS, new=PATHS)
    def link(self, path: str, new: str) -> None:
        self.same(lambda root: os.link(root / path, root / new, follow_symlinks=False))

    @rule(path=PATHS, new=PATHS, flags=st.sampled_from([0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE]))
    def rename(self, path: str, new: str, flags: int) -> None:
        self.same(lambda root: renameat2(root / path, root / new, flags))

    @rule(path=PATHS, leads_to=PATHS)
    def symlink(self, path: str, leads_to: str) -> None:
        self.same(lambda root: os.symlink(leads_to, root / path))

    @rule(path=PATHS)
    def readlink(self, path: str) -> None:
        self.same(lambda root: os.readlink(root / path))

    @rule(path=PATHS)
    def listdir(self, path: str) -> None:
        self.same(lambda root: sorted(os.listdir(root / path)))

    # Attributes

    @rule(path=PATHS)
    def stat(self, path: str) -> None:
        self.same(lambda root: look(os.stat(root / path)))

    @rule(path=PATHS, mode=MODES)
    def chmod(self, path: str, mode: int) -> None:
        self.same(lambda root: os.chmod(root / path, mode))

    @rule(path=PATHS, size=OFFSETS)
    def truncate(self, path: str, size: int) -> None:
        self.same(lambda root: os.truncate(root / path, size))

    @rule(path=PATHS, seconds=st.integers(0, 1 << 32), nanoseconds=st.integers(0, 999_999_999))
    def utime(self, path: str, seconds: int, nanoseconds: int) -> None:
        moment = seconds * 10**9 + nanoseconds

        def set_and_see(root: Path) -> tuple[int, int]:
            os.utime(root / path, ns=(moment, moment))
            status = os.stat(root / path)
            return status.st_atime_ns, status.st_mtime_ns

        self.same(set_and_see)

    @rule(path=PATHS, name=ATTRIBUTES, size=st.sampled_from([0, 1, 200, 3000]), fill=FILLS)
    def setxattr(self, path: str, name: str, size: int, fill: int) -> None:
        self.same(lambda root: os.setxattr(root / path, name, pattern(fill, size)))

    @rule(path=PATHS, name=ATTRIBUTES)
    def getxattr(self, path: str, name: str) -> None:
        self.same(lambda root: os.getxattr(root / path, name))

    @rule(path=PATHS, name=ATTRIBUTES)
    def removexattr(self, path: str, name: str) -> None:
        self.same(lambda root: os.removexattr(root / path, name))

    # The mount

    @precondition(lambda self: self.renewals < self.renewals_max)
    @rule()
    def remount(self) -> None:
        self.renewals += 1
        self.close_all()
        self.store.remount()
        self.compare_trees()

    @precondition(lambda self: self.renewals < self.renewals_max)
    @rule()
    def kill(self) -> None:
        """After everything was synced, a kill changes nothing, open files or not."""
        self.renewals += 1
        for _, mounted in self.opened:
            os.fsync(mounted)
        self.store.kill()
        self.close_all()
        self.store.mount()
        self.compare_trees()

    # Ends

    def close_all(self) -> None:
        while self.opened:
            for descriptor in self.opened.pop():
                with suppress(OSError):  # of a killed daemon
                    os.close(descriptor)

    def compare_trees(self) -> None:
        assert tree_of(self.mounted) == tree_of(self.plain)

    def teardown(self) -> None:
        self.close_all()
        if self.store.is_alive:
            self.compare_trees()
            shutil.rmtree(self.mounted)
        shutil.rmtree(self.plain)


def look(status: os.stat_result) -> tuple[int, ...]:
    """What stat shows that two filesystems must agree on."""
    size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return status.st_mode, status.st_nlink, status.st_uid, status.st_gid, size


def tree_of(root: Path) -> dict[str, object]:
    """Everything below a folder, with all bytes, attributes and targets."""
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            names = sorted(os.listxattr(path, follow_symlinks=False))
            values = [os.getxattr(path, name, follow_symlinks=False) for name in names]
            found[str(path.relative_to(root))] = look(os.lstat(path)), names, values, bytes_of(path)
    return found


def bytes_of(path: Path) -> bytes:
    """The bytes of a file, or where a link leads; of a very large file its beginning and end."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(os.fsencode(path))
    if not stat.S_ISREG(status.st_mode):
        return b""
    with path.open("rb") as file:
        if status.st_size <= LARGE_BYTES:
            return file.read()
        start = file.read(1 << 20)
        file.seek(-(1 << 20), os.SEEK_END)
        return start + file.read()


@pytest.fixture
def store() -> Iterator[MountedStore]:
    """A mount that all runs of the machine share; each works in a folder of its own."""
    with MountedStore() as store:
        yield store
        if store.is_alive:
            store.umount()
        store.require_clean()
        store.require_silence()


@pytest.mark.parametrize(
    ("runs", "steps", "renewals"),
    [
        (5, 60, 1),
        # A renewal takes a second, or several on a busy machine: all of them well below an hour.
        pytest.param(200, 150, 5, marks=[pytest.mark.slow, pytest.mark.timeout(7200)]),
    ],
)
def test_the_mount_and_a_plain_folder_do_the_same(
    store: MountedStore, runs: int, steps: int, renewals: int
) -> None:
    SideBySide.store, SideBySide.renewals_max = store, renewals
    os.umask(0o022)
    run_state_machine_as_test(
        SideBySide,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_mount_that_does_something_else_is_noticed() -> None:
    with MountedStore(command=command_with("set_id_bits_are_not_told")) as store:
        SideBySide.store, SideBySide.renewals_max = store, 0
        os.umask(0o022)
        with pytest.raises(AssertionError):
            run_state_machine_as_test(SideBySide, settings=BOUNDED)
