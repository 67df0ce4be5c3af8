"""Queries of indexes: how their times are summed up, kept and shown, and who is asked besides."""

import json
import shutil
from pathlib import Path

import pytest

from bench.indexes.command import write_documents
from bench.indexes.result import IndexFigures, answer, table_of
from bench.indexes.rivals import jq_seconds
from bench.mounts import BenchProblem
from tests.support.bench_results import HEADING, kept_and_read

FOUND = IndexFigures(
    **HEADING,
    documents=10,
    range_matches=3,
    write_seconds=1.0,
    build_seconds=0.5,
    answers=[answer("one seed", "cairnfs", [0.001] * 98 + [0.002, 0.004])],
)


def test_a_result_is_kept_and_shown(tmp_path: Path) -> None:
    table = table_of(kept_and_read(FOUND, tmp_path))
    assert "| one seed | cairnfs | 100 | 1.00 | 4.00 |" in table


def test_documents_are_the_same_each_time(tmp_path: Path) -> None:
    for name in "ab":
        write_documents(tmp_path / name, 3)
    first, second = (sorted((tmp_path / name / "0000").iterdir()) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert [json.loads(path.read_text())["seed"] for path in first] == [0, 1, 2]


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_a_wrong_answer_is_no_figure(tmp_path: Path) -> None:
    write_documents(tmp_path, 3)
    assert jq_seconds(tmp_path, 1, 2, 2) > 0
    with pytest.raises(BenchProblem, match="found 2 documents instead of 3"):
        jq_seconds(tmp_path, 1, 2, 3)
