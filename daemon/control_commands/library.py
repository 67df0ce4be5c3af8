"""`library`: what programs ask by the library face (fsmodel/library/), one call a request."""

from typing import Any, Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from fsmodel.library.calls import Caller
from fsmodel.library.transport import call_from
from fsmodel.steps import Steps


class LibraryArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call by its name, and what it is given."""

    call: str
    arguments: dict[str, Any]


def library_answer(context: Context, arguments: LibraryArguments) -> Steps[object]:
    """What the call returns."""
    call = call_from(arguments.call, arguments.arguments)
    return (yield from call.run(context.volume, Caller(context.uid, context.touched)))


LIBRARY: Final = VolumeCommand("library", LibraryArguments, library_answer, lambda _: True)
