"""A filesystem whose process stays in the foreground, so that it is the one that serves."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.mounts import (
    MOUNT_SECONDS_MAX,
    UNMOUNT_SECONDS_MAX,
    BenchProblem,
    connection_of,
    force_unmount,
    run_command,
    wait_until,
)

LAST_WORDS_MAX = 500  # characters of a log


class ForegroundMount:
    """A process that serves a mount in a home, with a log beside it."""

    def __init__(self, home: Path, title: str, unmount: Sequence[str]) -> None:
        """`unmount` is the command that takes a mount down; the folder follows it."""
        self.folder = home / "mount"
        self._log = home / "log"
        self._title = title
        self._unmount = unmount
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def daemon(self) -> int | None:
        """The process that serves."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """Unmount, and wait for the process. Raises BenchProblem."""
        if self._process is not None:
            run_command([*self._unmount, self.folder], UNMOUNT_SECONDS_MAX)
            self._process.wait(UNMOUNT_SECONDS_MAX)
            self._process = None

    def kill(self) -> None:
        """Cut the connection and end the process."""
        force_unmount(self.folder)
        if self._process is not None:
            self._process.kill()
            self._process.wait(UNMOUNT_SECONDS_MAX)

    def serve(self, command: Sequence[str | Path]) -> None:
        """Begin the process, and wait until the mount is there. Raises BenchProblem."""
        with self._log.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self._process = process
        wait_until(
            lambda: connection_of(self.folder) is not None or process.poll() is not None,
            MOUNT_SECONDS_MAX,
            f"mounting {self._title}",
        )
        if process.poll() is not None:
            said = self._log.read_text().strip()[-LAST_WORDS_MAX:]
            raise BenchProblem(f"{self._title} ended: {said}")
