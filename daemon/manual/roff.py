"""Text as the macros of man(7) want it."""

from collections.abc import Iterable
from typing import Final

_ESCAPES: Final = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)


def escaped(text: str) -> str:
    """Text that stands for itself wherever it is put in a line."""
    plain = text.translate(_ESCAPES)
    return rf"\&{plain}" if plain.startswith(".") else plain


def bold(text: str) -> str:
    """A word to be typed as it stands."""
    return rf"\fB{escaped(text)}\fR"


def italic(text: str) -> str:
    """A word to be replaced by another."""
    return rf"\fI{escaped(text)}\fR"


class Page:
    """A manual page being written."""

    def __init__(self, title: str, section: int, version: str) -> None:
        self.title = title
        self.section = section
        self._lines = [
            f'.TH "{escaped(title.upper())}" {section} "" "cairnfs {version}" "cairnfs manual"',
            ".nh",
            ".ad l",
        ]

    @property
    def file_name(self) -> str:
        """What it is called below man/."""
        return f"man{self.section}/{self.title}.{self.section}"

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._lines.append(f'.SH "{escaped(text)}"')

    def subheading(self, text: str) -> None:
        """Begin a part of a section."""
        self._lines.append(f'.SS "{escaped(text)}"')

    def raw(self, line: str) -> None:
        """A line with markup of its own, which must not begin with a dot or an apostrophe."""
        self._lines.append(line)

    def paragraphs(self, text: str) -> None:
        r"""Paragraphs between empty lines; one that begins with \b keeps its lines."""
        for number, block in enumerate(text.strip("\n").split("\n\n")):
            if number:
                self._lines.append(".PP")
            if block.lstrip().startswith("\b"):
                self.verbatim(block.replace("\b", "").strip("\n").splitlines())
            else:
                self._lines.append(escaped(" ".join(block.split())))

    def verbatim(self, lines: Iterable[str]) -> None:
        """Lines as they are."""
        self._lines += [".PP", ".RS 4", ".nf", *map(escaped, lines), ".fi", ".RE"]

    def item(self, term: str, *meanings: str) -> None:
        """A term, with markup, and what it means."""
        self._lines += [".TP", term]
        for number, meaning in enumerate(meanings):
            self._lines += [".sp"] * (number > 0) + [escaped(" ".join(meaning.split()))]

    def text(self) -> str:
        """The source of the page."""
        return "\n".join(line for line in self._lines if line) + "\n"
