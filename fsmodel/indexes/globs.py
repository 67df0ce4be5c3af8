"""Globs of paths: which documents an index is about.

A glob is a path from the root of the mount: `*` stands for any characters of one name but a slash,
`?` for one of them, `[ab]` for one of those listed, and `**` as a whole name for any number of
folders, none included.
"""

import re
from functools import lru_cache
from typing import Final

from fsmodel.errors import InvalidArgument

GLOB_BYTES_MAX: Final = 1024
_FOLDERS: Final = "**"
_CACHED_MAX: Final = 4096  # patterns of single names


class Glob:
    """A glob, ready to be compared with paths."""

    def __init__(self, text: str) -> None:
        """Raises InvalidArgument for what is no glob."""
        self.text = text.strip("/")
        self._parts = tuple(self.text.split("/"))
        if len(text.encode(errors="surrogateescape")) > GLOB_BYTES_MAX:
            raise InvalidArgument(f"a glob has at most {GLOB_BYTES_MAX} bytes")
        if not all(self._parts) or {".", ".."} & set(self._parts) or "\0" in text:
            raise InvalidArgument(
                f"glob {text!a} has an empty name, '.' or '..': give a path from the root of the "
                "mount, such as 'output/*/selector/*.json'"
            )
        if any(_FOLDERS in part and part != _FOLDERS for part in self._parts):
            raise InvalidArgument(f"glob {text!a}: '**' stands for whole folders, as in 'runs/**'")
        try:
            for part in self._parts:
                _pattern(part)
        except re.error as error:
            raise InvalidArgument(f"glob {text!a} has brackets of no meaning: {error}") from error

    @property
    def parts(self) -> tuple[str, ...]:
        """The names it is made of."""
        return self._parts

    def matches(self, path: bytes) -> bool:
        """Whether a file at a path is meant."""
        return len(self._parts) in self._after(_names(path))

    def may_match_below(self, directory: bytes) -> bool:
        """Whether a file somewhere below a directory can be meant."""
        return any(at < len(self._parts) for at in self._after(_names(directory)))

    def _after(self, names: list[bytes]) -> set[int]:
        """How many parts may stand for these names: each number that is possible."""
        reached = self._skipping({0})
        for name in names:
            stepped = {at for at in reached if self._is_folders(at)}
            stepped |= {
                at + 1
                for at in reached
                if at < len(self._parts)
                and not self._is_folders(at)
                and _pattern(self._parts[at]).fullmatch(name)
            }
            reached = self._skipping(stepped)
        return reached

    def _skipping(self, reached: set[int]) -> set[int]:
        """The same where `**` may also stand for nothing."""
        found = set(reached)
        for behind in range(len(self._parts)):
            if behind in found and self._is_folders(behind):
                found.add(behind + 1)
        return found

    def _is_folders(self, at: int) -> bool:
        return at < len(self._parts) and self._parts[at] == _FOLDERS


def _names(path: bytes) -> list[bytes]:
    return [name for name in path.split(b"/") if name]


@lru_cache(_CACHED_MAX)
def _pattern(part: str) -> re.Pattern[bytes]:
    """One name as a regular expression that takes no longer for being refused.

    What stands between two stars is taken at the first place where it fits, for good (an atomic
    group): if what follows does not fit behind that, it fits behind no later one.
    """
    first, *others = _between_stars(part)
    last = others.pop() if others else ""
    middle = "".join(f"(?>.*?{piece})" for piece in others)
    end = f".*{last}" if "*" in part else ""
    return re.compile((first + middle + end).encode("latin-1"), re.DOTALL)


def _between_stars(part: str) -> list[str]:
    """The regular expressions of what stands before, between and behind the stars of a name."""
    pieces, at = [""], 0
    while at < len(part):
        end = part.find("]", at + 2) if part[at] == "[" else -1
        if part[at] == "*":
            pieces.append("")
        elif part[at] == "?":
            pieces[-1] += "(?:[\\x00-\\x7f]|[\\xc0-\\xff][\\x80-\\xbf]*+)"
        elif end > 0 and part[at : end + 1].isascii():
            pieces[-1] += _one_of(part[at + 1 : end])
            at = end
        else:
            pieces[-1] += _literal(part[at])
        at += 1
    return pieces


def _one_of(listed: str) -> str:
    negated = listed[0] in "!^"
    inner = re.sub(r"([\\^\[\]&~|])", r"\\\1", listed[1:] if negated else listed)
    return f"[{'^' if negated else ''}{inner}]"


def _literal(character: str) -> str:
    """A character as its bytes in UTF-8."""
    encoded = character.encode(errors="surrogateescape")
    return "".join(re.escape(chr(byte)) for byte in encoded)
