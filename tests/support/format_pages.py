"""Pages of docs/ that tell the stored format: their tables, and what they have to agree with."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from itertools import accumulate, takewhile
from pathlib import Path
from struct import Struct
from types import ModuleType
from typing import Final

DOCS: Final = Path(__file__).parents[2] / "docs"
TYPES: Final = {"B": ("u8", 1), "H": ("u16", 2), "I": ("u32", 4), "Q": ("u64", 8)}

Row = dict[str, str]


class FormatPage:
    """One of them."""

    def __init__(self, name: str) -> None:
        self._text = (DOCS / name).read_text("utf-8")

    def section(self, heading: str) -> str:
        """The text below a heading, up to the next one."""
        wanted = rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)"
        match = re.search(wanted, self._text, re.MULTILINE | re.DOTALL)
        assert match is not None, f"no section {heading}"
        return match[1]

    def rows(self, heading: str, first_column: str) -> list[Row]:
        """The rows of a section's table that begins with a column of this name."""
        lines = self.section(heading).splitlines()
        (start,) = (at for at, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
        table = takewhile(lambda line: line.startswith("|"), lines[start:])
        cells = [[cell.strip(" `") for cell in line.strip()[1:-1].split("|")] for line in table]
        return [dict(zip(cells[0], line, strict=True)) for line in cells[2:]]

    def meanings(self, heading: str) -> dict[str, str]:
        """What a section's table of bytes says of each field."""
        return {row["field"]: row["meaning"] for row in self.rows(heading, "offset")}

    def fenced(self, heading: str, language: str) -> str:
        """The block of a section in a language."""
        match = re.search(rf"```{language}\n(.*?)```", self.section(heading), re.DOTALL)
        assert match is not None, f"no {language} in section {heading}"
        return match[1]

    def require_bytes(self, heading: str, layout: Struct) -> None:
        """A section's table of bytes is a Struct."""
        table, written = self.rows(heading, "offset"), fields(layout)
        offsets = [0, *accumulate(size for _, size in written)][:-1]
        assert [(row["type"], int(row["size"])) for row in table] == written
        assert [int(row["offset"]) for row in table] == offsets


def fields(layout: Struct) -> list[tuple[str, int]]:
    """The fields of a little-endian Struct as (type, size)."""
    assert layout.format[0] == "<"
    found = []
    for count, code in re.findall(r"(\d*)([a-zA-Z])", layout.format):
        if code == "s":
            found.append(("bytes", int(count)))
        elif code == "x":
            found.append(("zero", int(count or 1)))
        else:
            found += [TYPES[code]] * int(count or 1)
    assert sum(size for _, size in found) == layout.size
    return found


def public_structs(package: ModuleType) -> Iterator[tuple[str, Struct]]:
    """Every Struct of a package that has a name for others, with where it stands."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Struct) and not name.startswith("_"):
                yield f"{module.name}.{name}", value
