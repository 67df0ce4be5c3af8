"""What docs/durability.md promises has tests: each sentence stands in its table with one."""

import re
from typing import Final

from tests.support.processes import PROJECT

PAGE: Final = (PROJECT / "docs" / "durability.md").read_text()
SECTIONS: Final = ("What a program has been told", "How", "When the disk fails")
TABLE: Final = "Which test holds it"


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0].strip()


def sentences() -> list[str]:
    """Of the sections that promise something; rows of their table count as sentences, too."""
    found = []
    for block in re.split(r"\n\n|\n(?=[-|] ?)", "\n\n".join(map(section, SECTIONS))):
        if block.startswith("|"):
            found += (
                [block.split("|")[1].strip()] if not block.startswith(("|---", "| when")) else []
            )
        else:
            text = " ".join(block.removeprefix("- ").replace("**", "").split())
            found += re.split(r"(?<=[.]) (?=[A-Z`])", text)
    return found


def held() -> list[tuple[str, str]]:
    """What each row of the table begins with, and its test."""
    rows = [line.strip("| \n").split(" | ") for line in section(TABLE).splitlines()[2:]]
    return [(words.strip(), test.strip(" `")) for words, test in rows]


def test_every_sentence_has_a_row() -> None:
    beginnings = [words for words, _ in held()]
    lacking = [each for each in sentences() if not any(map(each.startswith, beginnings))]
    assert lacking == []
    vain = [words for words in beginnings if not any(s.startswith(words) for s in sentences())]
    assert vain == []


def test_every_test_exists() -> None:
    for _, test in held():
        path, _, name = test.partition("::")
        assert f"def {name}(" in (PROJECT / path).read_text(), test
