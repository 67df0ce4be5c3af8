"""Results of the bench as tests make them, and what holds for every kind of them."""

from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from bench.environment import Environment
from bench.kept_json import Heading, KeptResult, keep, read_kept
from bench.mounts import BenchProblem

ENVIRONMENT = Environment(
    processor="a processor",
    cores=2,
    kernel="6.1",
    python="3.11",
    host_filesystem="ext4",
    cairnfs="0.1.0",
    commit="abc",
    text="text",
)
HEADING = Heading(
    format=KeptResult.FORMAT,
    made_at="2026-11-20T10:00:00+00:00",
    environment=ENVIRONMENT,
    load_average=0.5,
)
Result = TypeVar("Result", bound=KeptResult)


def kept_and_read(result: Result, folder: Path) -> Result:
    """The same after it was a file; a file that holds something else is refused."""
    kind, path = type(result), folder / "results" / "result.json"
    keep(result, path)
    found = read_kept(path, kind)
    assert found == result
    keep(replace(result, format=kind.FORMAT + 1), path)
    with pytest.raises(BenchProblem, match=f"has format {kind.FORMAT + 1}"):
        read_kept(path, kind)
    path.write_text("{}")
    with pytest.raises(BenchProblem, match="missing required field"):
        read_kept(path, kind)
    return found
