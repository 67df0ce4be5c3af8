"""What every peer is: something that takes a copy of a folder, and then holds so many bytes."""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

from bench.mounts import run_command

COPY_SECONDS_MAX = 3600.0

Variables = Mapping[str, str | Path]  # of the environment


@dataclass(frozen=True, slots=True)
class Held:
    """What a copy takes: the sizes of the files that hold it, and what the host allots to them."""

    file_bytes: int
    allotted_bytes: int


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that was made: what it takes, and how long making it took."""

    held: Held
    seconds: float


class Peer(Protocol):
    """A program that stores a folder. Its methods raise BenchProblem."""

    @property
    def name(self) -> str:
        """What it is called in tables."""

    @property
    def needs(self) -> Sequence[str]:
        """Commands that have to be installed."""

    def copy(self, source: Path, home: Path) -> Copy:
        """Store a folder; whatever that makes is below `home`, which is empty."""


def missing_tools(peer: Peer) -> list[str]:
    """Commands a peer needs and the machine has not."""
    return [tool for tool in peer.needs if shutil.which(tool) is None]


def run_tool(
    *command: str | Path,
    folder: Path | None = None,
    variables: Variables | None = None,
) -> str:
    """Run a command of a peer, in a folder, with more variables in its environment."""
    settings = [f"{name}={value}" for name, value in (variables or {}).items()]
    place = [] if folder is None else [f"--chdir={folder}"]
    return run_command(["env", *place, *settings, *command], COPY_SECONDS_MAX)


def held_by(*places: Path) -> Held:
    """What the files at and below some places take. Hard links count once."""
    found: dict[tuple[int, int], os.stat_result] = {}
    for place in places:
        for path in (place, *place.rglob("*")):
            facts = path.lstat()
            if S_ISREG(facts.st_mode):
                found[facts.st_dev, facts.st_ino] = facts
    return Held(
        sum(facts.st_size for facts in found.values()),
        sum(facts.st_blocks * 512 for facts in found.values()),
    )


class Watch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._begun
