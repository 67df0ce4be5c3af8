"""What docs/durability.md says has tests: each sentence stands in its table with one or more."""

import re
from collections import Counter
from typing import Final

from tests.support.processes import PROJECT

PAGE: Final = (PROJECT / "docs" / "durability.md").read_text()
TABLE: Final = "Which test holds it"
# The last section before the table says what to type, and how that is answered.
INSTRUCTIONS: Final = "Running all of it"
LOSSES: Final = ("kill", "power")  # the columns of the table of what survives what


def sections() -> dict[str, str]:
    """By title, in order."""
    parts = re.split(r"^## (.*)\n", PAGE, flags=re.MULTILINE)[1:]
    return {title: text.strip() for title, text in zip(parts[::2], parts[1::2], strict=True)}


def sentences() -> list[str]:
    """Of all sections; each cell of a table of promises is one: `kill: write may be lost`."""
    found = []
    promising = [text for title, text in sections().items() if title not in (TABLE, INSTRUCTIONS)]
    for block in re.split(r"\n\n|\n(?=[-|] ?)", "\n\n".join(promising)):
        if block.startswith("|"):
            found += promises_in(block)
        else:
            text = " ".join(block.removeprefix("- ").replace("**", "").split())
            found += re.split(r"(?<=[.]) (?=[A-Z`])", text)
    return found


def promises_in(row: str) -> list[str]:
    """What a row says of each loss; nothing for the head of the table."""
    if row.startswith(("|---", "| when")):
        return []
    call, *said = (cell.strip() for cell in row.strip("|").split("|"))
    return [f"{loss}: {call} {what}" for loss, what in zip(LOSSES, said, strict=True)]


def held() -> list[tuple[str, list[str]]]:
    """What each row of the table begins with, and its tests."""
    rows = [line.strip("| \n").split(" | ") for line in sections()[TABLE].splitlines()[2:]]
    return [(words.strip(), re.findall(r"`([^`]+)`", tests)) for words, tests in rows]


def test_every_sentence_has_one_row_and_every_row_a_sentence() -> None:
    rows = [(words, sum(each.startswith(words) for each in sentences())) for words, _ in held()]
    assert [words for words, count in rows if count != 1] == []
    beginnings = [words for words, _ in held()]
    found = {each: sum(map(each.startswith, beginnings)) for each in sentences()}
    assert [each for each, count in found.items() if count != 1] == []


def test_no_sentence_stands_there_twice() -> None:
    assert [each for each, count in Counter(sentences()).items() if count > 1] == []


def test_every_test_exists() -> None:
    for words, tests in held():
        assert tests, words
        for test in tests:
            path, _, name = test.partition("::")
            assert f"def {name}(" in (PROJECT / path).read_text(), test
