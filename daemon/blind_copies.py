"""Programs that make what they copy without looking whether it is there.

cp, mv and tar take it that a folder they have just made is empty: they make `.metadata` in it, the
folders in that and the documents, and fail when these exist. For everybody else they do exist, as
soon as there are files. So to such a program a view in a folder it has made looks empty, until it
has made there what it copies; and a document that tar has removed to make room stays away from it.

The kernel does not say why a name is looked up, only for which process; hence the names of
programs. Whatever is not known of a process any more it sees as everybody does.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from fsmodel.ids import InodeId
from fsmodel.namespace.names import is_view_name
from fsmodel.views.nodes import is_view

PROGRAMS: Final = frozenset({"cp", "mv", "tar", "bsdtar"})
REMEMBERED_MAX: Final = 50_000  # of each kind; about 200 bytes each


class _Name(NamedTuple):
    """A name as one process sees it."""

    process: int
    parent: int
    name: bytes


def program_of(process: int) -> str:
    """The name of a process's program; empty when it has ended or cannot be seen."""
    try:
        return Path(f"/proc/{process}/comm").read_text().removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        return ""


class BlindCopies:
    """Remembers who has made and removed what. Owner: the event-loop thread."""

    def __init__(self, program: Callable[[int], str] = program_of) -> None:
        self._program = program
        self._makers: OrderedDict[int, int] = OrderedDict()  # process by directory
        self._made: OrderedDict[_Name, None] = OrderedDict()
        self._removed: OrderedDict[_Name, None] = OrderedDict()

    def note_directory(self, directory: int, process: int) -> None:
        """A process has made a directory, or entered a view as if it had."""
        self._makers[directory] = process
        _bound(self._makers)

    def note_made(self, parent: int, name: bytes, process: int) -> None:
        """A process has made a name in a view, or a view."""
        made = _Name(process, parent, name)
        self._removed.pop(made, None)
        self._made[made] = None
        _bound(self._made)

    def note_removed(self, parent: int, name: bytes, process: int) -> None:
        """A process has removed a name from a view."""
        removed = _Name(process, parent, name)
        self._made.pop(removed, None)
        self._removed[removed] = None
        _bound(self._removed)

    def hides(self, parent: int, name: bytes, process: int) -> bool:
        """Whether a name of a view, or a view, is to be absent for a process."""
        asked = _Name(process, parent, name)
        if asked not in self._removed:
            if self._makers.get(parent) != process or asked in self._made:
                return False
            if not is_view(parent) and not is_view_name(InodeId(parent), name):
                return False
        return self._program(process) in PROGRAMS


def _bound(remembered: OrderedDict[int, int] | OrderedDict[_Name, None]) -> None:
    if len(remembered) > REMEMBERED_MAX:
        remembered.popitem(last=False)
