"""`library`: what programs ask by the library face (fsmodel/library/), one call a request."""

from typing import Any, Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from fsmodel.library.caller import Caller
from fsmodel.library.transport import call_from
from fsmodel.steps import Steps


class LibraryArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call by its name, and what it is given."""

    call: str
    arguments: dict[str, Any]


def library_answer(context: Context, arguments: LibraryArguments) -> Steps[object]:
    """What a call of fsmodel/library/calls.py returns, as `answer`."""
    call = call_from(arguments.call, arguments.arguments)
    caller = Caller(context.uid, context.touched)
    return {"answer": (yield from call.run(context.volume, caller))}


LIBRARY: Final = VolumeCommand("library", LibraryArguments, library_answer, lambda _: True)
