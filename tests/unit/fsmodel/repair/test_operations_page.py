"""docs/operations.md says of every part of a store what a repair does about it."""

from pathlib import Path

from fsmodel.upkeep.findings import Part

PAGE = Path(__file__).parents[4] / "docs" / "operations.md"


def test_each_part_has_its_line_in_the_table_of_repairs() -> None:
    table = PAGE.read_text().partition("| finding | what is repaired")[2]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")]
    for part in Part:
        assert any(part.value in row for row in rows), part
