"""Keeps the tables in docs/performance.md equal to the results they were made from."""

from collections.abc import Callable, Mapping
from pathlib import Path

from bench import report, results
from bench.indexes import result as indexes_result
from bench.mounts import BenchProblem
from bench.pauses import result as pauses_result
from bench.peers import comparison
from bench.peers import table as peers_table

PROJECT = Path(__file__).parents[1]
DOCUMENT = PROJECT / "docs" / "performance.md"
END = "<!-- end -->"


def _speeds(path: Path) -> str:
    return report.table_of(results.load(path))


def _peers(path: Path) -> str:
    return peers_table.table_of(comparison.load(path))


def _pauses(path: Path) -> str:
    return pauses_result.table_of(pauses_result.load(path))


def _indexes(path: Path) -> str:
    return indexes_result.table_of(indexes_result.load(path))


TABLES: Mapping[str, Callable[[Path], str]] = {
    "bench/results/baseline.json": _speeds,
    "bench/results/peers.json": _peers,
    "bench/results/pauses.json": _pauses,
    "bench/results/indexes.json": _indexes,
}


def with_table(text: str, source: str, table: str) -> str:
    """The document with another table between its marks. Raises BenchProblem without marks."""
    mark = f"<!-- begin: {source} -->"
    before, begin, rest = text.partition(mark)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BenchProblem(f"the document lacks the marks {mark} and {END}")
    return f"{before}{mark}\n{table}\n{END}{after}"


def expected() -> str:
    """The document as it should be."""
    text = DOCUMENT.read_text()
    for source, table_of in TABLES.items():
        text = with_table(text, source, table_of(PROJECT / source))
    return text


def update() -> None:
    """Write the tables of the kept results into the document."""
    DOCUMENT.write_text(expected())
