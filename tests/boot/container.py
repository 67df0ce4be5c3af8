"""A Debian of its own that boots a real systemd, in memory, thrown away at the end.

The host is left alone: mounts, processes and units of the container live in namespaces of their
own and end with it. Needs root, systemd-nspawn, and mmdebstrap with a mirror to fetch from.
"""

import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

SUITE: Final = "bookworm"
PACKAGES: Final = """
systemd systemd-sysv libpam-systemd dbus dbus-user-session
python3 fuse3 libfuse3-3 rsync procps man-db
""".split()
ROOM: Final = "size=3g,mode=755"  # in memory, as packages are synced file by file
COMMAND_SECONDS: Final = 180.0
STATE_SECONDS: Final = 120.0  # for anything that has to come about by itself
LOOK_SECONDS: Final = 0.2
# It registers nowhere and sees no network; FUSE is what it shares with the host.
BOOT: Final = """
--boot --quiet --register=no --keep-unit --console=pipe --capability=all
--resolv-conf=off --timezone=off --private-network
""".split()
FUSE_DEVICE: Final = os.makedev(10, 229)
CLEAN: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
}


def missing_tools() -> str:
    """What this host lacks for a container; empty when it has all."""
    if os.geteuid() != 0:
        return "root"
    tools = ("mmdebstrap", "systemd-nspawn", "nsenter")
    return ", ".join(tool for tool in tools if shutil.which(tool) is None)


class Container:
    """A booted Debian. A context manager: makes it, boots it, and takes it away."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="boot-"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", ROOM, "boot", self.root], check=True)
        self._name = f"cairnfs-{os.getpid()}"
        self.tree = self.root / "tree"  # the container's /
        self.transcript: list[str] = []  # commands and what they printed
        self._console = (self.root / "console.txt").open("wb")
        self._nspawn: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Container":
        try:
            self._install()
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command inside as root; what it printed, errors included."""
        enter = ["nsenter", "-t", str(self._leader()), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        done = subprocess.run(
            [*enter, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
            timeout=COMMAND_SECONDS,
            env=CLEAN,
            cwd="/",
        )
        self.transcript.append(f"# {shlex.join(command)}\n{done.stdout}")
        assert done.returncode == 0 or not check, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def shell(self, script: str, *, check: bool = True) -> str:
        """The same for a line of shell."""
        return self.run("sh", "-ec", script, check=check)

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        """Look until something holds. Fails, with the journal, when that takes too long."""
        end = time.monotonic() + STATE_SECONDS
        while not holds():
            assert time.monotonic() < end, f"not {what}\n{self.journal()}"
            time.sleep(LOOK_SECONDS)

    def journal(self, unit: str = "cairnfs@*") -> str:
        """What the units of a pattern have logged since the boot."""
        return self.run("journalctl", "--no-pager", "-b", "-o", "cat", "-u", unit, check=False)

    def reboot(self) -> None:
        """Shut the whole system down in order, and boot it again."""
        assert self._nspawn is not None
        self.run("systemctl", "poweroff", check=False)
        self._nspawn.wait(STATE_SECONDS)
        self._boot()

    def close(self) -> None:
        """End all of it, and leave nothing."""
        if self._nspawn is not None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    self._nspawn.send_signal(number)
                    self._nspawn.wait(60)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self._console.close()
        subprocess.run(["umount", "--lazy", self.root], check=True)
        self.root.rmdir()
        with suppress(FileNotFoundError):
            Path(f"/run/systemd/nspawn/propagate/{self._name}").rmdir()

    def _install(self) -> None:
        tree = self.tree
        packages = f"--include={','.join(PACKAGES)}"
        manual = "--dpkgopt=path-include=/usr/share/man/*"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", packages, manual, SUITE, str(tree)]
        subprocess.run(command, check=True, stdout=self._console, stderr=subprocess.STDOUT)

    def _boot(self) -> None:
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "-D", str(self.tree), "-M", self._name, *BOOT, self._fuse()],
            env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        end = time.monotonic() + STATE_SECONDS
        while not self._is_up():
            assert time.monotonic() < end, self._said()
            time.sleep(LOOK_SECONDS)

    def _fuse(self) -> str:
        """The option that gives it /dev/fuse, as every user of a Debian may open it."""
        node = self.root / "fuse"
        if not node.exists():
            os.mknod(node, stat.S_IFCHR, FUSE_DEVICE)
            node.chmod(0o666)
        return f"--bind={node}:/dev/fuse"

    def _said(self) -> str:
        """What the console shows, for a failure."""
        return (self.root / "console.txt").read_text(errors="replace")

    def _leader(self) -> int:
        """The process that is PID 1 inside. Raises LookupError while there is none."""
        assert self._nspawn is not None
        assert self._nspawn.poll() is None, self._said()
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text()
        for child in children.split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        raise LookupError("no systemd runs inside")

    def _is_up(self) -> bool:
        try:
            state = self.run("systemctl", "is-system-running", check=False).strip()
        except (LookupError, FileNotFoundError):
            return False
        return state in ("running", "degraded")
