"""Keeps tables and plots of docs/performance.md equal to the results they were made from."""

from collections.abc import Callable, Mapping
from pathlib import Path

from bench import kept, tables, targets
from bench.growth.drawing import drawings_of
from bench.growth.result import Growth
from bench.kept_json import read_kept
from bench.mounts import BenchProblem

PROJECT = kept.PROJECT
DOCUMENT = PROJECT / "docs" / "performance.md"
PLOTS = PROJECT / "docs" / "plots"
END = "<!-- end -->"
NOT_MEASURED = "Not measured yet."


def _targets(path: Path) -> str:
    """Of all results; the first of them is the path's own."""
    return targets.table_of([*kept.judge(kept.suites()), *kept.state(kept.suites())])


SUITES = ("baseline", "listing", "tree", "applications", "s3ql", "fio", "variants")
OTHERS = ("growth", "indexes", "latency", "pauses", "peers", "starts")
TABLES: Mapping[str, Callable[[Path], str]] = {
    **{f"bench/results/{name}.json": tables.table_of_file for name in (*SUITES, *OTHERS)},
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
    drawn = drawings_of(read_kept(kept.GROWTH, Growth))
    return {PLOTS / one.name: one.svg for one in drawn}


def update() -> None:
    """Write the tables of the kept results into the document, and draw their plots."""
    DOCUMENT.write_text(expected())
    PLOTS.mkdir(exist_ok=True)
    for path, text in expected_plots().items():
        path.write_text(text)
