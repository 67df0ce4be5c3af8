"""Results as files, and what stands above each table."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.kept_json import heading, keep, read_kept
from bench.mounts import BenchProblem
from bench.starts.result import Starts
from tests.support.bench_results import HEADING

FOUND = Starts(**HEADING, python=[0.1], help=[0.2], mount=[0.3], unmount=[0.4], resident_bytes=[5])


def test_a_machine_is_described_with_its_load_where_it_is_known() -> None:
    assert FOUND.conditions == (
        "a processor, 2 cores, Linux 6.1, Python 3.11, on ext4; cairnfs 0.1.0 (abc), 2026-11-20. "
        "The machine's load at the end was 0.5."
    )
    assert replace(FOUND, load_average=None).conditions.endswith("2026-11-20.")


def test_a_heading_says_what_is_so_here(tmp_path: Path) -> None:
    found = heading(Starts, tmp_path)
    assert found["format"] == Starts.FORMAT
    assert found["environment"].cores >= 1
    assert found["load_average"] >= 0


@pytest.mark.parametrize("content", [None, b"", b"not JSON", b'{"format": 99}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "starts.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BenchProblem, match=str(path)):
        read_kept(path, Starts)


def test_where_nothing_can_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchProblem, match=r"file/starts\.json: the result cannot be kept: "):
        keep(FOUND, tmp_path / "file" / "starts.json")
