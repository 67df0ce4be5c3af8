"""The table of a run, whichever suite it was."""

from bench import report
from bench.plan import VARIANTS
from bench.results import Run
from bench.variants import table


def table_of(run: Run) -> str:
    """Markdown, which also reads well on a terminal."""
    return table.table_of(run) if run.suite == VARIANTS else report.table_of(run)
