"""S3QL, the nearest peer: the same language, the same binding of FUSE, deduplication too.

Its own words for what is asked of it here: a local backend, no encryption, and either no
compression or zlib at its quickest. It writes to a cache first, in a folder of its own, and to the
backend later; what it owes is uploaded when it is unmounted.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from bench.mounts import (
    MOUNT_SECONDS_MAX,
    UNMOUNT_SECONDS_MAX,
    BenchProblem,
    connection_of,
    force_unmount,
    others_may_enter,
    run_command,
    wait_until,
)

COMMANDS: Final = ("mkfs.s3ql", "mount.s3ql", "umount.s3ql")
NO_SECRETS: Final = ("--authfile", "/dev/null")


def is_installed() -> bool:
    """Whether S3QL's commands are there."""
    return all(shutil.which(command) for command in COMMANDS)


class S3ql:
    """S3QL with a local backend, in the foreground, so that the process is the one that serves."""

    keeps_contents: ClassVar[bool] = True

    def __init__(self, home: Path, compression: str = "none") -> None:
        self.folder = home / "mount"
        self._backend = home / "backend"
        self._cache = home / "cache"
        self._log = home / "log"
        self._compression = compression
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def daemon(self) -> int | None:
        """The process that serves."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Make a filesystem and mount it. Raises BenchProblem where it is not installed."""
        for folder in (self.folder, self._backend, self._cache):
            folder.mkdir()
        run_command([*self._words("mkfs.s3ql"), "--plain", self._address], MOUNT_SECONDS_MAX)
        self._mount()

    def remount(self) -> bool:
        """Unmount, which uploads everything and empties the cache, and mount again."""
        self.stop()
        self._mount()
        return True

    def stop(self) -> None:
        """Unmount, and wait for the process."""
        if self._process is not None:
            run_command(["umount.s3ql", self.folder], UNMOUNT_SECONDS_MAX)
            self._process.wait(UNMOUNT_SECONDS_MAX)
            self._process = None

    def kill(self) -> None:
        """Cut the connection and end the process."""
        force_unmount(self.folder)
        if self._process is not None:
            self._process.kill()
            self._process.wait(UNMOUNT_SECONDS_MAX)

    @property
    def _address(self) -> str:
        return f"local://{self._backend}"

    def _words(self, command: str) -> Sequence[str]:
        return [command, *NO_SECRETS, "--cachedir", str(self._cache)]

    def _mount(self) -> None:
        options = ["--fg", "--compress", self._compression, *others_may_enter("--allow-other")]
        command = [*self._words("mount.s3ql"), *options, self._address, str(self.folder)]
        with self._log.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self._process = process
        wait_until(
            lambda: connection_of(self.folder) is not None or process.poll() is not None,
            MOUNT_SECONDS_MAX,
            "mounting S3QL",
        )
        if process.poll() is not None:
            raise BenchProblem(f"S3QL ended: {self._log.read_text().strip()[-500:]}")
