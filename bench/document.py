"""Keeps tables and plots of docs/performance.md equal to the results they were made from."""

from collections.abc import Callable, Mapping
from pathlib import Path

from bench import kept, results, tables, targets
from bench.growth import result as growth_result
from bench.growth import tables as growth_tables
from bench.growth.drawing import drawings_of
from bench.indexes import result as indexes_result
from bench.latency import result as latency_result
from bench.mounts import BenchProblem
from bench.pauses import result as pauses_result
from bench.peers import comparison
from bench.peers import table as peers_table
from bench.starts import result as starts_result

PROJECT = kept.PROJECT
DOCUMENT = PROJECT / "docs" / "performance.md"
PLOTS = PROJECT / "docs" / "plots"
END = "<!-- end -->"
NOT_MEASURED = "Not measured yet."


def _speeds(path: Path) -> str:
    return tables.table_of(results.load(path))


def _peers(path: Path) -> str:
    return peers_table.table_of(comparison.load(path))


def _pauses(path: Path) -> str:
    return pauses_result.table_of(pauses_result.load(path))


def _indexes(path: Path) -> str:
    return indexes_result.table_of(indexes_result.load(path))


def _latency(path: Path) -> str:
    return latency_result.table_of(latency_result.load(path))


def _growth(path: Path) -> str:
    return growth_tables.table_of(growth_result.load(path))


def _starts(path: Path) -> str:
    return starts_result.table_of(starts_result.load(path))


def _targets(path: Path) -> str:
    """Of all results; the first of them is the path's own."""
    return targets.table_of(kept.judge(kept.suites()))


TABLES: Mapping[str, Callable[[Path], str]] = {
    "bench/results/baseline.json": _speeds,
    "bench/results/listing.json": _speeds,
    "bench/results/peers.json": _peers,
    "bench/results/pauses.json": _pauses,
    "bench/results/indexes.json": _indexes,
    "bench/results/tree.json": _speeds,
    "bench/results/applications.json": _speeds,
    "bench/results/s3ql.json": _speeds,
    "bench/results/fio.json": _speeds,
    "bench/results/latency.json": _latency,
    "bench/results/variants.json": _speeds,
    "bench/results/growth.json": _growth,
    "bench/results/starts.json": _starts,
    "bench/results/baseline.json: targets": _targets,
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
        path = PROJECT / source.partition(":")[0]
        text = with_table(text, source, table_of(path) if path.exists() else NOT_MEASURED)
    return text


def expected_plots() -> dict[Path, str]:
    """The plots as they should be, by their files."""
    drawn = drawings_of(growth_result.load(kept.GROWTH))
    return {PLOTS / one.name: one.svg for one in drawn}


def update() -> None:
    """Write the tables of the kept results into the document, and draw their plots."""
    DOCUMENT.write_text(expected())
    PLOTS.mkdir(exist_ok=True)
    for path, text in expected_plots().items():
        path.write_text(text)
