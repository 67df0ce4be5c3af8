"""What docs/security.md promises has tests, and its limits are those of the code."""

import re
from importlib import import_module
from typing import Final

from tests.support.processes import PROJECT

PAGE: Final = (PROJECT / "docs" / "security.md").read_text()
PROMISES: Final = "What is promised"
TABLE: Final = "Which test holds it"
LIMITS: Final = "Limits"


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0].strip()


def rows(title: str) -> list[list[str]]:
    """The cells of a section's table."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[1:]]


def promised() -> list[str]:
    """The words in bold that each promise begins with."""
    return re.findall(r"^\*\*(.+?)\*\*", section(PROMISES), re.MULTILINE)


def shown(value: float, what: str) -> str:
    """A limit as the page has it; sizes that are counted in bytes have no unit of their own."""
    if "BYTES" not in what or value % 1024:
        return f"{value:,.0f}"
    unit, name = (1 << 20, "MiB") if value >= 1 << 20 else (1 << 10, "KiB")
    return f"{value / unit:,.0f} {name}"


def test_every_promise_has_a_test_and_every_test_a_promise() -> None:
    assert sorted(promised()) == sorted({words for words, _ in rows(TABLE)})


def test_every_test_exists() -> None:
    for *_, test in rows(TABLE) + rows(LIMITS):
        path, _, name = test.partition("::")
        assert f"def {name}(" in (PROJECT / path).read_text(), test


def test_every_limit_is_that_of_the_code() -> None:
    for what, limit, constant, _ in rows(LIMITS):
        if constant:
            module, _, name = constant.rpartition(".")
            value = getattr(import_module(module), name)
            assert shown(value, name) == limit, what
