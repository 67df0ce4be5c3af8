"""The figures in docs/performance.md are those of the baseline beside the bench."""

import pytest

from bench import document
from bench.mounts import BenchProblem


def test_the_page_shows_the_baseline() -> None:
    assert document.DOCUMENT.read_text() == document.expected(), "run: python -m bench document"


def test_only_what_is_between_the_marks_changes() -> None:
    page = f"before\n{document.BEGIN}\nold\n{document.END}\nafter\n"
    assert document.with_table(page, "new") == page.replace("old", "new")


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(BenchProblem, match="lacks the marks"):
        document.with_table("no marks", "new")
