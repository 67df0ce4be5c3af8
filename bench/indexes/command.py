"""`python -m bench indexes`: point and range queries over many small documents."""

import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from bench.indexes.result import POINT_MS_MAX, Answer, IndexFigures, answer, table_of
from bench.indexes.rivals import duckdb_seconds, jq_seconds
from bench.kept_json import heading
from bench.mounts import BenchProblem, run_command
from bench.options import finish, folder_option, output_option, progress
from bench.systems import COMMAND, Cairnfs, stopping
from daemon.control_client import ControlClient

FOLDER_DOCUMENTS: Final = 1000  # in each folder
POINT_QUERIES: Final = 2000
RANGE_QUERIES: Final = 50
RIVAL_QUERIES: Final = 3
RANGE_MATCHES: Final = 100
BUILD_SECONDS_MAX: Final = 1800.0
POINT, RANGE = "one seed", "a range of seeds"


@click.command()
@click.option(
    "--documents", default=100_000, show_default=True, type=click.IntRange(1000), help="Indexed."
)
@folder_option
@output_option("indexes")
def indexes(documents: int, output: Path, folder: Path) -> None:
    """Measure queries of an index, beside DuckDB and jq.

    These read the same documents for each question.
    """
    with tempfile.TemporaryDirectory(prefix="cairnfs-indexes.", dir=folder) as home:
        found = measure(Path(home), documents)
    finish(found, table_of(found), output)
    for one in found.answers:
        if one.question == POINT and one.asker == "cairnfs" and one.median_ms > POINT_MS_MAX:
            progress(f"a point query: the target is {POINT_MS_MAX} ms")


def measure(home: Path, documents: int) -> IndexFigures:
    """Write documents into a mount and a plain folder, and ask. Raises BenchProblem."""
    plain, system = home / "plain", Cairnfs(home)
    with stopping(system):
        system.start()
        write_documents(plain, documents)
        began = time.perf_counter()
        write_documents(system.folder / "runs", documents)
        written = time.perf_counter()
        create = ("create", "seeds", "--glob", "runs/**/*.json", "--field", "seed")
        run_command([*COMMAND, "--store", home / "store", "index", *create], BUILD_SECONDS_MAX)
        built = time.perf_counter()
        answers = _asked(home / "store", documents)
    for asker, ask in (("DuckDB", duckdb_seconds), ("jq", jq_seconds)):
        for question, matches in ((POINT, 1), (RANGE, RANGE_MATCHES)):
            seconds = [ask(plain, 7, 6 + matches, matches) for _ in range(RIVAL_QUERIES)]
            answers.append(answer(question, asker, seconds))
    return IndexFigures(
        **heading(IndexFigures, home),
        documents=documents,
        range_matches=RANGE_MATCHES,
        write_seconds=round(written - began, 1),
        build_seconds=round(built - written, 1),
        answers=sorted(answers, key=lambda one: one.question),
    )


def write_documents(folder: Path, documents: int) -> None:
    """Documents as a pipeline leaves them, each with a seed of its own."""
    draw = random.Random(documents)
    for seed in range(documents):
        place = folder / f"{seed // FOLDER_DOCUMENTS:04}"
        if seed % FOLDER_DOCUMENTS == 0:
            place.mkdir(parents=True)
        document = {
            "seed": seed,
            "model": f"model-{draw.randrange(20)}",
            "prompt": " ".join(f"word{draw.randrange(5000)}" for _ in range(12)),
            "size": {"width": 64 * draw.randrange(4, 32), "height": 64 * draw.randrange(4, 32)},
        }
        (place / f"{seed:08}.json").write_text(json.dumps(document, indent=2))


def _asked(store: Path, documents: int) -> list[Answer]:
    """The index's own answers, over one connection to the daemon."""
    draw = random.Random(0)
    with ControlClient(store) as client:

        def point() -> int:
            arguments = {"name": "seeds", "values": [str(draw.randrange(documents))]}
            return len(client.ask("index-query", arguments)["matches"])

        def span() -> int:
            low = draw.randrange(documents - RANGE_MATCHES)
            bounds = {"low": str(low), "high": str(low + RANGE_MATCHES - 1)}
            return len(client.ask("index-range", {"name": "seeds", **bounds})["matches"])

        def status() -> int:
            return len(client.ask("index-list", {})["indexes"])

        return [
            answer(POINT, "cairnfs", _timed(point, POINT_QUERIES, 1)),
            answer(RANGE, "cairnfs", _timed(span, RANGE_QUERIES, RANGE_MATCHES)),
            answer("nothing: a list of one index", "cairnfs", _timed(status, POINT_QUERIES, 1)),
        ]


def _timed(ask: Callable[[], int], times: int, expected: int) -> list[float]:
    """How long each of many questions took. Raises BenchProblem for a wrong answer."""
    ask()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        found = ask()
        seconds.append(time.perf_counter() - began)
        if found != expected:
            raise BenchProblem(f"the index told {found} matches instead of {expected}")
    return seconds
