"""What every test runs under. Markers, warnings and time limits are in pyproject.toml."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from fsmodel.store import space
from tests.support import long_runs

HERE: Final = Path(__file__).parent
GENERATED: Final = {HERE / "fuzz", HERE / "property", HERE / "stateful"}

# Machines that run the tests are slow and shared: time says nothing about the code under test.
settings.register_profile("base", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("base"), max_examples=30)
settings.register_profile(
    "ci", settings.get_profile("base"), max_examples=30, derandomize=True, print_blob=True
)
settings.register_profile(
    "thorough", settings.get_profile("base"), max_examples=1000, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    long_runs.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    long_runs.configure(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lives on generated examples runs again with many more of them in `make crash`."""
    for item in items:
        if GENERATED.intersection(item.path.parents):
            item.add_marker("fuzz")


@pytest.fixture
def roomy_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes quickly is stored in haste, however full the disk of this machine is."""
    monkeypatch.setattr(space, "AMPLE_SHARE", 1 << 40)


@pytest.fixture
def seed_base(request: pytest.FixtureRequest) -> int:
    """What a harness adds to its seeds: 0, unless another run is wanted than the usual one."""
    return long_runs.seed_base(request.config)


@pytest.fixture
def count(request: pytest.FixtureRequest) -> long_runs.Count:
    """Counts what a harness has done, as the end of `make crash` shows it."""
    assert isinstance(request.node, pytest.Item)
    return long_runs.counter_of(request.node)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> long_runs.Figure:
    """Takes figures, such as latencies, for the file that `make crash` writes."""
    assert isinstance(request.node, pytest.Item)
    return long_runs.figures_of(request.node)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test printed may hold bytes that are no text; between workers only text can pass."""
    if call.when == "call":
        long_runs.count_examples(item)
    report = yield
    long_runs.tell_how_to_repeat(item, report)
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode())
        for title, text in report.sections
    ]
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    long_runs.summarize(config, terminalreporter.write_line)
