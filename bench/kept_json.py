"""Results as they are kept: JSON that says when, where and of which code it was made."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, TypedDict, TypeVar

import msgspec

from bench.environment import Environment, describe
from bench.mounts import BenchProblem


class WrongKind(BenchProblem):
    """A file that holds another kind of result, or none."""


class KeptResult(msgspec.Struct, frozen=True, kw_only=True):
    """What every result says, whichever command found it."""

    FORMAT: ClassVar[int] = 1  # of one kind of result; another when its fields mean something else

    format: int
    made_at: str
    environment: Environment
    load_average: float | None = None  # of the machine when it ended: what else it did

    @property
    def conditions(self) -> str:
        """On which machine, with which code, when, and how busy the machine was: sentences."""
        machine = self.environment
        load = self.load_average
        return (
            f"{machine.processor}, {machine.cores} cores, Linux {machine.kernel}, Python "
            f"{machine.python}, on {machine.host_filesystem}; cairnfs {machine.cairnfs} "
            f"({machine.commit}), {self.made_at[:10]}."
            + ("" if load is None else f" The machine's load at the end was {load:.1f}.")
        )


class Heading(TypedDict):
    """The fields that all results have."""

    format: int
    made_at: str
    environment: Environment
    load_average: float


Result = TypeVar("Result", bound=KeptResult)


def heading(kind: type[KeptResult], folder: Path) -> Heading:
    """What a result says that has just been found, in a folder of the filesystem below."""
    return Heading(
        format=kind.FORMAT,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=describe(folder),
        load_average=round(os.getloadavg()[2], 1),
    )


def keep(result: KeptResult, path: Path) -> None:
    """Write a result as JSON, below folders that are made. Raises BenchProblem."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    except OSError as error:
        raise BenchProblem(f"{path}: the result cannot be kept: {error.strerror}") from error


def read_kept(path: Path, kind: type[Result]) -> Result:
    """Read a result. Raises BenchProblem, WrongKind when the file is none of this kind."""
    try:
        result = msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError as error:
        raise BenchProblem(f"{path} is not there: measure first, or name another file") from error
    except OSError as error:
        raise BenchProblem(f"{path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise WrongKind(f"{path} is no result of the kind wanted here: {error}") from error
    if result.format != kind.FORMAT:
        raise BenchProblem(f"{path} has format {result.format}; this bench reads {kind.FORMAT}")
    return result
