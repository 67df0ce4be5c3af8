"""What the figures depend on: machine, versions, the filesystem below."""

import os
import platform
from pathlib import Path

import msgspec

import daemon
from bench.mounts import BenchProblem, run_command
from bench.payloads import describe_text

COMMAND_SECONDS_MAX = 10.0
PROJECT = Path(__file__).parents[1]


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and the versions."""

    processor: str
    cores: int
    kernel: str
    python: str
    host_filesystem: str
    cairnfs: str
    commit: str
    text: str


def describe(folder: Path) -> Environment:
    """The machine, as far as it says, and the filesystem that holds a folder."""
    return Environment(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        host_filesystem=_filesystem(folder),
        cairnfs=daemon.__version__,
        commit=_commit(),
        text=describe_text(),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def _filesystem(folder: Path) -> str:
    output = run_command(["stat", "--file-system", "--format=%T", folder], COMMAND_SECONDS_MAX)
    # One magic number stands for ext2 to ext4, of which only the last is still made.
    return output.strip().replace("ext2/ext3", "ext4")


def _commit() -> str:
    try:
        words = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=12"]
        return run_command(words, COMMAND_SECONDS_MAX).strip()
    except BenchProblem:
        return "unknown"
