"""Keeps tables and plots of docs/performance.md equal to the results they were made from."""

from collections.abc import Callable, Mapping
from pathlib import Path

from bench import kept, tables, targets
from bench.growth import tables as growth_tables
from bench.growth.drawing import drawings_of
from bench.growth.result import Growth
from bench.indexes import result as indexes_result
from bench.indexes.result import IndexFigures
from bench.kept_json import Result, read_kept
from bench.latency import result as latency_result
from bench.latency.result import Latencies
from bench.mounts import BenchProblem
from bench.pauses import result as pauses_result
from bench.pauses.result import Pauses
from bench.peers import table as peers_table
from bench.peers.comparison import Comparison
from bench.results import Run
from bench.starts import result as starts_result
from bench.starts.result import Starts

PROJECT = kept.PROJECT
DOCUMENT = PROJECT / "docs" / "performance.md"
PLOTS = PROJECT / "docs" / "plots"
END = "<!-- end -->"
NOT_MEASURED = "Not measured yet."


def _table(kind: type[Result], table_of: Callable[[Result], str]) -> Callable[[Path], str]:
    """What makes a table of a file that keeps such a result."""
    return lambda path: table_of(read_kept(path, kind))


def _targets(path: Path) -> str:
    """Of all results; the first of them is the path's own."""
    return targets.table_of([*kept.judge(kept.suites()), *kept.state(kept.suites())])


SUITES = ("baseline", "listing", "tree", "applications", "s3ql", "fio", "variants")
TABLES: Mapping[str, Callable[[Path], str]] = {
    **{f"bench/results/{name}.json": _table(Run, tables.table_of) for name in SUITES},
    "bench/results/baseline.json: targets": _targets,
    "bench/results/growth.json": _table(Growth, growth_tables.table_of),
    "bench/results/indexes.json": _table(IndexFigures, indexes_result.table_of),
    "bench/results/latency.json": _table(Latencies, latency_result.table_of),
    "bench/results/pauses.json": _table(Pauses, pauses_result.table_of),
    "bench/results/peers.json": _table(Comparison, peers_table.table_of),
    "bench/results/starts.json": _table(Starts, starts_result.table_of),
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
    drawn = drawings_of(read_kept(kept.GROWTH, Growth))
    return {PLOTS / one.name: one.svg for one in drawn}


def update() -> None:
    """Write the tables of the kept results into the document, and draw their plots."""
    DOCUMENT.write_text(expected())
    PLOTS.mkdir(exist_ok=True)
    for path, text in expected_plots().items():
        path.write_text(text)
