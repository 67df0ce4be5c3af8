"""Who keeps a mount busy, as far as /proc lets us see; for messages, never for decisions.

Paths are compared as text, so that nothing here can hang on the mount in question.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.mount_table import is_within, read_mount_table

NAMED_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that uses a mount."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def holders_of(mountpoint: str) -> list[Holder]:
    """Processes with a working directory, root, program or open file in the mount, but not us."""
    return [
        _holder(pid)
        for pid in _processes()
        if any(is_within(path, mountpoint) for path in _paths_used_by(pid))
    ]


def holders_elsewhere(device: str) -> list[Holder]:
    """One process for each other mount namespace in which the filesystem is mounted."""
    found: dict[str, Holder] = {}
    for pid in _processes():
        with suppress(OSError):
            namespace = _mount_namespace(pid)
            if namespace in found or namespace == _mount_namespace("self"):
                continue
            if any(mount.device == device for mount in read_mount_table(pid)):
                found[namespace] = _holder(pid)
    return list(found.values())


def named(holders: list[Holder]) -> str:
    """A few of them in words."""
    if not holders:
        return "a process that cannot be seen from here"
    names = ", ".join(str(holder) for holder in holders[:NAMED_MAX])
    more = len(holders) - NAMED_MAX
    return f"{names} and {more} more" if more > 0 else names


def _processes() -> Iterator[int]:
    own = os.getpid()
    return (int(name) for name in os.listdir("/proc") if name.isdecimal() and int(name) != own)


def _paths_used_by(pid: int) -> Iterator[str]:
    folder = Path(f"/proc/{pid}")
    for name in ("cwd", "root", "exe"):
        yield from _target(folder / name)
    with suppress(OSError):
        for name in os.listdir(folder / "fd"):
            yield from _target(folder / "fd" / name)


def _target(link: Path) -> Iterator[str]:
    with suppress(OSError):  # gone meanwhile, or not ours to see
        yield str(link.readlink())


def _mount_namespace(pid: int | str) -> str:
    return str(Path(f"/proc/{pid}/ns/mnt").readlink())


def _holder(pid: int) -> Holder:
    name = "?"
    with suppress(OSError):
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    return Holder(pid, name)
