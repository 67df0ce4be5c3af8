"""`fsck`: the whole store against itself."""

from typing import Any, Final

import msgspec

from daemon.control_commands.command import Context, NoArguments, VolumeCommand
from daemon.control_protocol import Progress
from fsmodel.steps import Steps


def fsck_document(context: Context, arguments: NoArguments) -> Steps[object]:
    """What was checked and what was found."""
    context.report(Progress(0, 0, "checking"))
    report = yield from context.volume.fsck()
    document: dict[str, Any] = msgspec.to_builtins(report)
    return {"clean": report.clean, **document}


FSCK: Final = VolumeCommand("fsck", NoArguments, fsck_document)
