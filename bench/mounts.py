"""Mount points of the systems under test: waiting for them, and taking them down for certain."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

MOUNT_SECONDS_MAX = 30.0
UNMOUNT_SECONDS_MAX = 180.0  # what was written is archived at a stop, for a minute at most
POLL_SECONDS = 0.02


class BenchProblem(Exception):
    """What stops the bench; its text is one line for a person."""


def run_command(command: Sequence[str | Path], seconds_max: float) -> str:
    """Run a command; its stdout. Raises BenchProblem with its last words when it fails."""
    words = " ".join(map(str, command))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds_max, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchProblem(f"{words}: no end after {seconds_max:.0f} s") from error
    except FileNotFoundError as error:
        raise BenchProblem(f"{command[0]} is not installed") from error
    if done.returncode != 0:
        raise BenchProblem(f"{words}: {done.stderr.strip() or f'exit {done.returncode}'}")
    return done.stdout


def others_may_enter(*words: str) -> tuple[str, ...]:
    """These words of a command for root, who may let others in; a server has its own user."""
    return words if os.geteuid() == 0 else ()


def wait_until(condition: Callable[[], bool], seconds_max: float, what: str) -> None:
    """Poll until something is so. Raises BenchProblem when that takes too long."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > deadline:
            raise BenchProblem(f"{what}: not after {seconds_max:.0f} s")
        time.sleep(POLL_SECONDS)


def connection_of(mountpoint: Path) -> str | None:
    """The number of the FUSE connection mounted there, as below /sys/fs/fuse; None if none is."""
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        _, _, device, _, where, *_ = line.split()
        if _unescaped(where) == str(mountpoint):
            return device.partition(":")[2]
    return None


def force_unmount(mountpoint: Path) -> None:
    """Cut the connection, which frees every process that waits for it, and detach the mount."""
    connection = connection_of(mountpoint)
    if connection is None:
        return
    with suppress(OSError):
        Path(f"/sys/fs/fuse/connections/{connection}/abort").write_text("1")
    run_command(["fusermount3", "-u", "-z", mountpoint], UNMOUNT_SECONDS_MAX)


def _unescaped(text: str) -> str:
    """Mountinfo writes blanks and backslashes in octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
