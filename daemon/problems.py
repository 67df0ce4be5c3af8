"""What the daemon and the command line tell people: one line that says what, where, what to do.

    Problem
    |-- UsageProblem          the command was given wrongly; exit status 2, all others 1
    |-- ConfigInvalid         a setting that is unknown or has no meaning
    |-- MountProblem          mounting or unmounting is not possible
    |-- NotServed             no daemon answers for the store
    `-- RequestFailed         the daemon answered that it could not do it

The model has its own tree (fsmodel/errors.py); the command line prints both alike.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class Problem(Exception):
    """Something a person has to know. Its text is one line."""


class UsageProblem(Problem):
    """A command, option or argument that does not exist or does not fit."""


class ConfigInvalid(Problem):
    """A setting that is unknown, has the wrong type or is out of range."""


class MountProblem(Problem):
    """Why a mount cannot be made or ended."""


class NotServed(Problem):
    """No daemon answers on the store's control socket."""


class RequestFailed(Problem):
    """The daemon's own word for why it could not do what was asked.

    `kind` is the name of the error class on its side, for programs to tell failures apart.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def other_version(found: str) -> Problem:
    """An answer that this command cannot read, as that of a daemon from before an upgrade."""
    return Problem(
        f"the daemon is of another version than this command: {found}: unmount and mount again"
    )


def innermost(error: BaseException) -> BaseException:
    """The first failure inside the groups that nurseries wrap around failures."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """`; did you mean NAME?` for something close to what was typed, else nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
