"""The table of a kept result, whichever command made it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bench import report
from bench.growth import tables as growth_tables
from bench.growth.result import Growth
from bench.indexes import result as indexes_result
from bench.kept_json import KeptResult, WrongKind, read_kept
from bench.latency import result as latency_result
from bench.mounts import BenchProblem
from bench.pauses import result as pauses_result
from bench.peers import table as peers_table
from bench.peers.comparison import Comparison
from bench.plan import VARIANTS
from bench.results import Run
from bench.starts import result as starts_result
from bench.variants import table as variants_table


def table_of(run: Run) -> str:
    """Markdown, which also reads well on a terminal, of a run of whichever suite."""
    return variants_table.table_of(run) if run.suite == VARIANTS else report.table_of(run)


# No two kinds have the same fields, so that a file is a result of one of them at most.
TABLES: Final[Mapping[type[KeptResult], Callable[[Any], str]]] = {
    Run: table_of,
    Growth: growth_tables.table_of,
    indexes_result.IndexFigures: indexes_result.table_of,
    latency_result.Latencies: latency_result.table_of,
    pauses_result.Pauses: pauses_result.table_of,
    Comparison: peers_table.table_of,
    starts_result.Starts: starts_result.table_of,
}


def table_of_file(path: Path) -> str:
    """The same of a file. Raises BenchProblem when it holds no result."""
    for kind, shown in TABLES.items():
        with suppress(WrongKind):
            return shown(read_kept(path, kind))
    raise BenchProblem(f"{path} is no result of this bench")
