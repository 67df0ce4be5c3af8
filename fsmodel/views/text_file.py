"""A file of a view that is a text made when it is opened."""

import stat
from typing import NamedTuple

from fsmodel.errors import Stale
from fsmodel.steps import Steps
from fsmodel.views.nodes import ViewAttributes, ViewFile


class Text(NamedTuple):
    """A text, and what stat says of it."""

    data: bytes
    mtime_ns: int
    permissions: int = 0o444
    uid: int = 0
    gid: int = 0

    @property
    def attributes(self) -> ViewAttributes:
        """As of a regular file."""
        mode = stat.S_IFREG | self.permissions
        return ViewAttributes(
            mode, self.uid, self.gid, len(self.data), self.mtime_ns, self.mtime_ns
        )


class TextFile(ViewFile):
    """Shows a text to be read only; who has it open reads what it was when he opened it."""

    def __init__(self, identity: bytes) -> None:
        super().__init__(identity)
        self._opened: Text | None = None
        self._opens = 0

    def text(self) -> Steps[Text]:
        """The text as of now. Raises NotFound, DataError."""
        raise NotImplementedError

    def attributes(self) -> Steps[ViewAttributes]:
        """As of now."""
        return (yield from self.text()).attributes

    def open(self, *, writing: bool) -> Steps[None]:
        """Make the text. Raises ReadOnly, NotFound, DataError."""
        yield from super().open(writing=writing)
        self._opened = yield from self.text()
        self._opens += 1

    def read(self, offset: int, size: int) -> Steps[bytes]:
        """A part of it."""
        if self._opened is None:
            raise Stale("this file is no longer open")
        return self._opened.data[offset : offset + size]
        yield  # a generator, as its overrides are

    def close(self) -> None:
        """Nobody reads it any more."""
        self._opens -= 1
        if not self._opens:
            self._opened = None
