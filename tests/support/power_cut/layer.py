"""A mount of the filesystem that forgets, driven from a test."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.support.proc_mounts import mount_at
from tests.support.processes import PROJECT, run

END_SECONDS: Final = 60.0


class ForgetfulMount:
    """The files of a folder, on a disk whose power can be cut. A context manager."""

    def __init__(self, folder: Path, mountpoint: Path, *, is_deaf: bool = False) -> None:
        """The folder is read once, here. A `deaf` disk only says that it has synced."""
        self.mountpoint = mountpoint
        mountpoint.mkdir()
        module = "tests.support.power_cut.forgetful"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, mountpoint, folder, *(["deaf"] if is_deaf else [])],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._await_answer()

    def __enter__(self) -> "ForgetfulMount":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def leave(self, place: Path, seed: int) -> None:
        """Make a folder of what a loss of power at this moment would leave."""
        self._ask("leave", place, seed)

    def cut(self, place: Path, seed: int) -> None:
        """Lose power: make that folder, and answer nobody any more."""
        self._ask("cut", place, seed)
        self._process.wait(END_SECONDS)

    def close(self) -> None:
        """Take the mount away, whatever state it is in."""
        self._process.kill()
        self._process.wait(END_SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        while mount_at(self.mountpoint) is not None:
            run(["umount", "-l", self.mountpoint], timeout=END_SECONDS)

    def _ask(self, verb: str, place: Path, seed: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb} {place} {seed}\n")
        self._process.stdin.flush()
        self._await_answer()

    def _await_answer(self) -> None:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        assert answer == "done\n", "the filesystem that forgets has ended"
