"""What every test runs under. Markers, warnings and time limits are in pyproject.toml."""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# Machines that run the tests are slow and shared: time says nothing about the code under test.
settings.register_profile("base", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("base"), max_examples=30)
settings.register_profile(
    "ci", settings.get_profile("base"), max_examples=30, derandomize=True, print_blob=True
)
settings.register_profile("thorough", settings.get_profile("base"), max_examples=2000)
settings.load_profile("ci" if os.environ.get("CI") else "quick")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test printed may hold bytes that are no text; between workers only text can pass."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode())
        for title, text in report.sections
    ]
    return report
