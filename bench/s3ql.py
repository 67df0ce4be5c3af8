"""S3QL, the nearest peer: the same language, the same binding of FUSE, deduplication too.

Its own words for what is asked of it here: a local backend, no encryption, and either no
compression or zlib at its quickest. It writes to a cache first, in a folder of its own, and to the
backend later; what it owes is uploaded when it is unmounted.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from bench.foreground import ForegroundMount
from bench.mounts import MOUNT_SECONDS_MAX, others_may_enter, run_command

COMMANDS: Final = ("mkfs.s3ql", "mount.s3ql", "umount.s3ql")
NO_SECRETS: Final = ("--authfile", "/dev/null")


def is_installed() -> bool:
    """Whether S3QL's commands are there."""
    return all(shutil.which(command) for command in COMMANDS)


class S3ql(ForegroundMount):
    """S3QL with a local backend."""

    keeps_contents: ClassVar[bool] = True

    def __init__(self, home: Path, compression: str = "none") -> None:
        super().__init__(home, "S3QL", ["umount.s3ql"])
        self._backend = home / "backend"
        self._cache = home / "cache"
        self._compression = compression

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

    @property
    def _address(self) -> str:
        return f"local://{self._backend}"

    def _words(self, command: str) -> Sequence[str]:
        return [command, *NO_SECRETS, "--cachedir", str(self._cache)]

    def _mount(self) -> None:
        options = ["--fg", "--compress", self._compression, *others_may_enter("--allow-other")]
        words = [*self._words("mount.s3ql"), *options, self._address]
        self.serve([*words, self.folder])
