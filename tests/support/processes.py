"""Programs run from tests, none of which can make a test wait for ever."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2]
GRACE_SECONDS: Final = 5.0  # for a killed program to be gone; one stuck in a mount is left alone


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended and what it said."""

    status: int
    stdout: str
    stderr: str


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    timeout: float = 120,
    check: bool = True,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    user: int | None = None,
    stdin: str = "",
) -> Finished:
    """Run a program to its end and return its output.

    Raises AssertionError, with all it said, when it fails (unless `check` is off) or takes too
    long. `env` adds to the environment; `user` is a uid, used as gid as well.
    """
    environment = {**os.environ, **(env or {})}
    words = [os.fspath(word) for word in command]
    process = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        start_new_session=True,
        encoding="utf-8",
        errors="surrogateescape",
    )
    try:
        out, err = process.communicate(stdin, timeout)
    except subprocess.TimeoutExpired as expired:
        _kill_session(process)
        raise AssertionError(f"{words}: no end after {timeout} s: {expired.stderr!r}") from None
    if check:
        assert process.returncode == 0, f"{words}: status {process.returncode}\n{out[-4000:]}{err}"
    return Finished(process.returncode, out, err)


def _kill_session(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()


class RunningProcess:
    """A process that is no child of ours, held by a pidfd so that a reused pid is never hit.

    Raises ProcessLookupError when there is no such process.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; nothing happens when the process is gone."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def ended(self, timeout: float = 0) -> bool:
        """Whether it is gone, waiting for that up to so many seconds."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def resident_bytes(self, field: str = "VmRSS") -> int:
        """Resident memory now, or its highest value so far (`VmHWM`). See proc(5)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
        raise ProcessLookupError(f"process {self.pid} has no {field}")

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)
