"""Keeps the table in docs/performance.md equal to the baseline it was made from."""

from pathlib import Path

from bench.mounts import BenchProblem
from bench.report import table_of
from bench.results import load

PROJECT = Path(__file__).parents[1]
BASELINE = PROJECT / "bench" / "results" / "baseline.json"
DOCUMENT = PROJECT / "docs" / "performance.md"
BEGIN = "<!-- begin: bench/results/baseline.json -->"
END = "<!-- end -->"


def with_table(text: str, table: str) -> str:
    """The document with another table between its marks. Raises BenchProblem without marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BenchProblem(f"the document lacks the marks {BEGIN} and {END}")
    return f"{before}{begin}\n{table}\n{end}{after}"


def expected() -> str:
    """The document as it should be."""
    return with_table(DOCUMENT.read_text(), table_of(load(BASELINE)))


def update() -> None:
    """Write the baseline's table into the document."""
    DOCUMENT.write_text(expected())
