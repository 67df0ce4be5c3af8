"""The figures in docs/performance.md are those of the results beside the bench."""

import pytest

from bench import document
from bench.mounts import BenchProblem

MARK = "<!-- begin: results.json -->"


def test_the_page_shows_the_kept_results() -> None:
    assert document.DOCUMENT.read_text() == document.expected(), "run: python -m bench document"


def test_the_plots_are_those_of_the_kept_results_and_shown() -> None:
    page = document.DOCUMENT.read_text()
    for path, text in document.expected_plots().items():
        assert path.read_text() == text, "run: python -m bench document"
        assert f"](plots/{path.name})" in page


def test_only_what_is_between_the_marks_changes() -> None:
    page = f"{document.END}\nbefore\n{MARK}\nold\n{document.END}\nafter\n{document.END}\n"
    assert document.with_table(page, "results.json", "new") == page.replace("old", "new")


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(BenchProblem, match="lacks the marks"):
        document.with_table("no marks", "results.json", "new")
