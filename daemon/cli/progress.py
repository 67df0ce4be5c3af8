"""Progress of long work: a moving bar on a terminal, a plain line now and then elsewhere.

It goes to standard error, so that standard output holds the answer alone.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from daemon.control_protocol import Progress

PLAIN_LINE_SECONDS: Final = 5.0

Show = Callable[[Progress], None]


@contextmanager
def shown_progress() -> Iterator[Show]:
    """Gives the function that shows how far work has come, until the block ends."""
    if sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _PlainLines().show


class _PlainLines:
    """A line every few seconds, so that a log of short work stays empty."""

    def __init__(self) -> None:
        self._next_at = time.monotonic() + PLAIN_LINE_SECONDS

    def show(self, progress: Progress) -> None:
        """Print it if it is time."""
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + PLAIN_LINE_SECONDS
            total = f" of {progress.total}" if progress.total else ""
            print(f"{progress.text}: {progress.done}{total}", file=sys.stderr, flush=True)


@contextmanager
def _bar() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("working", total=None)

        def show(progress: Progress) -> None:
            bar.update(
                task,
                description=progress.text,
                completed=progress.done,
                total=progress.total or None,
            )

        yield show
