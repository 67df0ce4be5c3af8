"""What `make crash` adds to a run: a seed that can be given again, and counts of what was done.

    --seed N       begins all chance of the harnesses; 0, the default, is the same each time. A
                   test that fails says how it is repeated
    --counts FILE  writes what the harnesses have counted to FILE, as JSON, with the figures they
                   have taken and how long each part of the tests ran; prints the sums

A test asks for the fixtures `seed_base`, `count` and `figure`. What they are told travels to the
process that sums it up with the reports of tests, so workers need no file in common.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import pytest

SEEDS_BETWEEN: Final = 1000  # bases, so that the seeds of two runs are different ones
COUNTED: Final = "counted"  # a property of a report
TAKEN: Final = "taken"  # another one
SHOWN: Final = 12  # of what a kind is made up of, the largest
EXAMPLES: Final = re.compile(r"(\d+) (?:passing|failing|invalid)")  # of its own statistics
GENERATED: Final = {
    "fuzz": "fuzz executions",
    "property": "property examples",
    "stateful": "runs of state machines",
}

Count: TypeAlias = Callable[[str, str, int], None]  # kind, what of it, how many
Figure: TypeAlias = Callable[[str, object], None]  # of what, and the figures as JSON has them


class Counts:
    """The sums of a run, in the process that hears of all its tests."""

    def __init__(self) -> None:
        self.kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.figures: dict[str, object] = {}
        self.seconds: defaultdict[str, float] = defaultdict(float)  # of tests, by their folder
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add what a test has counted, once it has ended."""
        self.seconds[report.nodeid.partition("::")[0].rpartition("/")[0]] += report.duration
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "teardown":
            for name, value in report.user_properties:
                if name == COUNTED and isinstance(value, list):
                    kind, what, number = value
                    self.kinds[kind][what] += number
                elif name == TAKEN and isinstance(value, list):
                    self.figures[value[0]] = value[1]

    def document(self, seed: int) -> dict[str, object]:
        """What is written to the file."""
        kinds = {
            kind: {"total": found.total(), "by": dict(sorted(found.items()))}
            for kind, found in sorted(self.kinds.items())
        }
        return {
            "seed": seed,
            "failed": self.failed,
            "seconds": {part: round(took) for part, took in sorted(self.seconds.items())},
            "counts": kinds,
            "figures": self.figures,
        }

    def lines(self) -> Iterator[str]:
        """What is printed."""
        for part, took in sorted(self.seconds.items()):
            yield f"{took:>10,.0f}  seconds of {part}"
        for kind, found in sorted(self.kinds.items()):
            yield f"{found.total():>10,}  {kind}"
            yield from (f"{number:>18,}  {what}" for what, number in found.most_common(SHOWN))
            if len(found) > SHOWN:
                yield f"{'':>18}  and {len(found) - SHOWN} more in the file"


def add_options(parser: pytest.Parser) -> None:
    """The options above."""
    group = parser.getgroup("long runs")
    group.addoption("--seed", type=int, default=0, help="begins all chance of the harnesses")
    group.addoption("--counts", type=Path, help="write there, as JSON, what harnesses counted")


def configure(config: pytest.Config) -> None:
    """Sum up what is counted, where all tests are heard of."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Counts(), "counts")


def seed_of(config: pytest.Config) -> int:
    """The number given with --seed."""
    return int(config.getoption("--seed"))


def seed_base(config: pytest.Config) -> int:
    """What a harness adds to seeds of its own."""
    return SEEDS_BETWEEN * seed_of(config)


def counter_of(item: pytest.Item) -> Count:
    """What a test counts with."""

    def count(kind: str, what: str, number: int) -> None:
        item.user_properties.append((COUNTED, [kind, what, number]))

    return count


def figures_of(item: pytest.Item) -> Figure:
    """What a test hands in figures with."""

    def take(what: str, figures: object) -> None:
        item.user_properties.append((TAKEN, [what, figures]))

    return take


def count_examples(item: pytest.Item) -> None:
    """What Hypothesis has tried in a test, if that is one of those that try anything."""
    examples = sum(map(int, EXAMPLES.findall(getattr(item, "hypothesis_statistics", ""))))
    kind = GENERATED.get(item.path.parent.name)
    if examples and kind is not None:
        counter_of(item)(kind, item.nodeid.rpartition("/")[2], examples)


def tell_how_to_repeat(item: pytest.Item, report: pytest.TestReport) -> None:
    """A failing test says what it was begun with."""
    seed = seed_of(item.config)
    if report.failed and seed:
        options = f"--seed={seed} --hypothesis-seed={seed} --hypothesis-profile=thorough"
        report.sections.append(("to repeat", f"scripts/test -m '' {options} '{item.nodeid}'"))


def summarize(config: pytest.Config, write_line: Callable[[str], None]) -> None:
    """Print the sums, and write the file, at the end of a run that was asked to."""
    counts, file = config.pluginmanager.get_plugin("counts"), config.getoption("--counts")
    if file is None or not isinstance(counts, Counts):
        return
    document = counts.document(seed_of(config))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2) + "\n")
    write_line(f"seed {seed_of(config)}; counts in {file}")
    for line in counts.lines():
        write_line(line)
