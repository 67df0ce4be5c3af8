"""A store of its own with a daemon of its own, driven from outside as a person would.

Everything lies in one folder that other users can reach; the daemon has its own home and runtime
folder there. Ending it can be slow but cannot hang: whatever does not go by itself is cut off.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from daemon.cli.asking import ask
from daemon.problems import MountProblem
from daemon.unmounting import unmount
from fsmodel.volume import Volume
from tests.support.proc_mounts import abort_connection, mount_at
from tests.support.processes import PROJECT, Finished, RunningProcess, run

INSTALLED: Final = Path(sys.executable).with_name("cairnfs")
COMMAND: Final = (
    [str(INSTALLED)] if INSTALLED.exists() else [sys.executable, "-m", "daemon.cli.main"]
)
UMOUNT_SECONDS: Final = 120.0  # as the command line says by itself
END_SECONDS: Final = 30.0
STACKS_SECONDS: Final = 1.0
SUSPICIOUS_LEVELS: Final = ("warning", "error", "critical")


class MountedStore:
    """A mount of a new store. A context manager: mounts, and takes everything away at the end."""

    def __init__(
        self,
        *options: str,
        folder: Path | None = None,
        command: Sequence[str] = COMMAND,
        structured: bool = False,
    ) -> None:
        """`options` go to `-o`. The folder must not exist yet; by default it is a temporary one.

        `command` is the command line to use. A store begins empty unless it is `structured`.
        """
        self._command = command
        self._plain = not structured
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="mounted-"))
        else:
            folder.mkdir()
        folder.chmod(0o755)
        self.folder = folder.resolve()
        self.store = self.folder / "store"
        self.mountpoint = self.folder / "mount"
        self.options = options
        self.environment = {
            "PYTHONPATH": str(PROJECT),
            "CAIRNFS_ARCHIVE_IDLE_SECONDS": "3600",  # tests that are about these say otherwise
            "CAIRNFS_ARCHIVE_STOP_SECONDS": "0",
        }
        for variable, name in (("HOME", "home"), ("XDG_RUNTIME_DIR", "run")):
            (self.folder / name).mkdir(mode=0o700)
            self.environment[variable] = str(self.folder / name)
        self.mountpoint.mkdir()
        self.expected_warnings: list[str] = []  # texts that a suspicious log line may contain
        self._lines_seen = 0
        self._daemon: RunningProcess | None = None

    def __enter__(self) -> "MountedStore":
        try:
            self._make_store()
            self.mount()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def _make_store(self) -> None:
        if self._command is COMMAND:
            Volume.create(self.store, plain=self._plain)
        else:
            self.cairnfs("mkfs", *(["--plain"] if self._plain else []), self.store)

    # Commands

    def cairnfs(self, *arguments: str | Path, check: bool = True, timeout: float = 120) -> Finished:
        """Run the command line to its end."""
        command = [*self._command, *map(str, arguments)]
        return run(command, check=check, timeout=timeout, env=self.environment, cwd=self.folder)

    def document(self, *arguments: str | Path) -> Any:
        """What a command prints with --json."""
        return json.loads(self.cairnfs(*arguments, "--json").stdout)

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """What a command answers with --json, without the time that starting one takes."""
        if self._command is not COMMAND:  # another version, whose answer this is about
            answer = self.document("--store", self.store, command)
        else:
            answer = ask(self.store, command, arguments)
        assert isinstance(answer, dict)
        return answer

    def stats(self) -> dict[str, Any]:
        """The figures of `cairnfs stats`."""
        return self.ask("stats")

    def require_clean(self) -> None:
        """Let fsck look at everything; through the daemon when the store is mounted."""
        report = self.ask("fsck")
        assert report["clean"], report["findings"]

    # The mount

    @property
    def daemon(self) -> RunningProcess:
        """The process behind the mount."""
        assert self._daemon is not None, "not mounted"
        return self._daemon

    def mount(self, *options: str) -> None:
        """Mount; `options` come after those given at the start."""
        if self._daemon is not None:
            self._forget_daemon()
        self.cairnfs("mount", "-o", self.option_text(*options), self.store, self.mountpoint)
        self._daemon = RunningProcess(self.ask("status")["pid"])

    def option_text(self, *options: str) -> str:
        """What stands after `-o`: everybody may use the mount, where we may ask for that."""
        shared = ("allow_other",) if os.geteuid() == 0 else ()
        return ",".join((*shared, *self.options, *options))

    def umount(self) -> None:
        """Unmount in the ordinary way; the daemon has ended and nothing is mounted then.

        Somebody else's mount namespace, made meanwhile, may hold a copy of the mount for a while.
        """
        refused = self._asked_to_unmount()
        assert not refused or "another mount namespace" in refused, refused
        assert self.daemon.ended(END_SECONDS), "the daemon outlived its mount"
        assert mount_at(self.mountpoint) is None
        self._forget_daemon()

    def _asked_to_unmount(self) -> str:
        """Do what `cairnfs umount` does, without the time its start takes; say why it could not."""
        if self._command is not COMMAND:  # another version, or one with a fault
            done = self.cairnfs("umount", self.mountpoint, check=False)
            return f"status {done.status}: {done.stderr}" if done.status else ""
        try:
            unmount(str(self.mountpoint), lazy=False, timeout_seconds=UMOUNT_SECONDS)
        except MountProblem as problem:
            return str(problem)
        return ""

    def kill(self) -> None:
        """End the daemon with SIGKILL; its dead mount stays."""
        self.daemon.kill()
        assert self.daemon.ended(END_SECONDS), "SIGKILL did not end the daemon"
        self._forget_daemon()

    def remount(self) -> None:
        """Unmount and mount."""
        self.umount()
        self.mount()

    def kill_and_mount(self) -> None:
        """What a person does after a crash: just mount again."""
        self.kill()
        self.mount()

    @property
    def is_alive(self) -> bool:
        """Whether it is mounted, and a daemon is there to answer."""
        running = self._daemon is not None and not self._daemon.ended()
        return running and mount_at(self.mountpoint) is not None

    def cut_off(self) -> None:
        """Make every call that waits in the mount return; the mount is dead afterwards."""
        mount = mount_at(self.mountpoint)
        if mount is not None:
            with suppress(OSError):
                abort_connection(mount)
        if self._daemon is not None:
            self._daemon.kill()

    def close(self) -> None:
        """Take mount, daemon and files away, whatever state they are in."""
        with suppress(AssertionError):
            if self.is_alive:
                self.umount()
        while (mount := mount_at(self.mountpoint)) is not None:
            self.cut_off()
            detach = ["umount", "-l"] if os.geteuid() == 0 else ["fusermount3", "-uz"]
            run([*detach, mount.mountpoint], timeout=END_SECONDS)
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.ended(END_SECONDS)
            self._forget_daemon()
        shutil.rmtree(self.folder)

    def _forget_daemon(self) -> None:
        self.daemon.close()
        self._daemon = None

    # The log

    def log_text(self) -> str:
        """All the daemon has logged."""
        log = self.store / "daemon.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def suspicious_lines(self) -> list[str]:
        """Events of level warning and above that nobody has announced in `expected_warnings`."""
        lines = [line.split(" ", 3) for line in self.log_text().splitlines()]
        return [
            " ".join(line)
            for line in lines
            if line[1] in SUSPICIOUS_LEVELS
            and not any(text in line[-1] for text in self.expected_warnings)
        ]

    def require_silence(self) -> None:
        """Nothing suspicious was logged since this was asked last."""
        lines = self.suspicious_lines()
        fresh, self._lines_seen = lines[self._lines_seen :], len(lines)
        assert fresh == [], "\n".join(fresh)


@contextmanager
def unmounted_copy(store: Path) -> Iterator[MountedStore]:
    """A copy of a store that is there, for one test to mount, or do harm to."""
    copy = MountedStore()
    try:
        shutil.copytree(store, copy.store)
        yield copy
    finally:
        copy.close()


@dataclass(frozen=True, slots=True)
class Filesystem:
    """Where the tests of a run work."""

    folder: Path
    store: MountedStore | None  # None: an ordinary folder

    @property
    def is_plain(self) -> bool:
        """Whether this is an ordinary folder."""
        return self.store is None

    def remount(self) -> None:
        """Unmount and mount; nothing on an ordinary folder."""
        if self.store is not None:
            self.store.remount()

    def kill_and_mount(self) -> None:
        """Kill the daemon and mount; nothing on an ordinary folder."""
        if self.store is not None:
            self.store.kill_and_mount()


@contextmanager
def mounted(
    *options: str, command: Sequence[str] = COMMAND, structured: bool = False
) -> Iterator[MountedStore]:
    """A mount for one test, ending in umount, a clean fsck and a silent log."""
    with MountedStore(*options, command=command, structured=structured) as store:
        yield store
        if store.is_alive:
            store.umount()
        store.require_clean()
        store.require_silence()


@contextmanager
def cut_off_when_hung(store: MountedStore | None, seconds: float) -> Iterator[None]:
    """Let calls into the mount fail after a while, as the time limit of a test cannot end them.

    The tasks' stacks are in the log then.
    """
    if store is None:
        yield
        return

    def rescue() -> None:
        store.daemon.kill(signal.SIGUSR1)
        store.daemon.ended(STACKS_SECONDS)
        store.cut_off()

    watchdog = threading.Timer(seconds, rescue)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
