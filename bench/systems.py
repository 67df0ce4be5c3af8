"""The filesystems that are measured, each behind the same few methods.

A peer is one more class like these, and a line in bench/known_systems.py.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from bench.foreground import ForegroundMount
from bench.mounts import (
    MOUNT_SECONDS_MAX,
    UNMOUNT_SECONDS_MAX,
    BenchProblem,
    force_unmount,
    others_may_enter,
    run_command,
)
from daemon.kernel_requests import adjust_requests

COMMAND = (sys.executable, "-m", "daemon.cli.main")


class System(Protocol):
    """A filesystem under test. Its methods raise BenchProblem."""

    keeps_contents: ClassVar[bool]  # whether what is written can be read again

    @property
    def folder(self) -> Path:
        """Where workloads work."""

    @property
    def daemon(self) -> int | None:
        """The process whose CPU time and memory count; None when there is none."""

    def start(self) -> None:
        """Make it ready in its empty home."""

    def remount(self) -> bool:
        """Start again with the same contents; False where there is nothing to start again."""

    def stop(self) -> None:
        """Unmount, and end its processes."""

    def kill(self) -> None:
        """The same by force, when it no longer answers."""


@runtime_checkable
class Prepares(System, Protocol):
    """A system that is brought into some state before each workload, outside its time."""

    def before_work(self) -> None:
        """What has to be so before a workload begins. Raises BenchProblem, OSError."""


@contextmanager
def stopping(system: System) -> Iterator[None]:
    """Whatever is mounted meanwhile is stopped at the end, by force after a failure."""
    try:
        yield
        system.stop()
    except BaseException:
        with suppress(BenchProblem, OSError, subprocess.TimeoutExpired):
            system.kill()  # others may have to be as well, and the first failure is the news
        raise


class PlainFolder:
    """A folder of the host's filesystem."""

    keeps_contents: ClassVar[bool] = True

    def __init__(self, home: Path) -> None:
        self.folder = home / "folder"
        self.daemon: int | None = None

    def start(self) -> None:
        """Make the folder."""
        self.folder.mkdir()

    def remount(self) -> bool:
        """The host's filesystem stays as it is."""
        return False

    def stop(self) -> None:
        """Nothing runs."""

    def kill(self) -> None:
        """Nothing runs."""


class Ceiling(ForegroundMount):
    """The filesystem that does nothing (bench/ceiling/)."""

    keeps_contents: ClassVar[bool] = False

    def __init__(self, home: Path) -> None:
        super().__init__(home, "the ceiling", ["fusermount3", "-u"])
        self._state = home / "state"

    def start(self) -> None:
        """Mount it."""
        self.folder.mkdir()
        self._mount()

    def remount(self) -> bool:
        """Serve the same names in a new process."""
        self.stop()
        self._mount()
        return True

    def _mount(self) -> None:
        self.serve([sys.executable, "-m", "bench.ceiling", self.folder, self._state])
        self.folder.stat()  # answered when the handshake is over
        adjust_requests(str(self.folder))  # a part of how cairnfs mounts, which anybody may do


class Cairnfs:
    """This project, by its command line."""

    keeps_contents: ClassVar[bool] = True

    def __init__(self, home: Path) -> None:
        self.folder = home / "mount"
        self.store = home / "store"
        self.daemon: int | None = None
        self.mount_seconds = 0.0  # what the last mount took, from the command's start to its end

    @property
    def serving(self) -> int:
        """The daemon of a mount. Raises BenchProblem when nothing is mounted."""
        if self.daemon is None:
            raise BenchProblem(f"{self.folder} is not mounted")
        return self.daemon

    def start(self) -> None:
        """Make a store and mount it."""
        self.folder.mkdir()
        run_command([*COMMAND, "mkfs", self.store], MOUNT_SECONDS_MAX)
        self._mount()

    def remount(self) -> bool:
        """Unmount and mount again, which starts another daemon."""
        self.stop()
        self._mount()
        return True

    def stop(self) -> None:
        """Unmount, and wait for the daemon."""
        if self.daemon is not None:
            run_command([*COMMAND, "umount", self.folder], UNMOUNT_SECONDS_MAX)
            self.daemon = None

    def kill(self) -> None:
        """Cut the connection, and end the daemon if that was not enough."""
        force_unmount(self.folder)
        if self.daemon is not None:
            with suppress(ProcessLookupError):
                os.kill(self.daemon, signal.SIGKILL)

    def _mount(self) -> None:
        options = others_may_enter("-o", "allow_other")
        began = time.perf_counter()
        run_command([*COMMAND, "mount", *options, self.store, self.folder], MOUNT_SECONDS_MAX)
        self.mount_seconds = time.perf_counter() - began
        status = run_command([*COMMAND, "status", self.folder, "--json"], MOUNT_SECONDS_MAX)
        self.daemon = json.loads(status)["pid"]
