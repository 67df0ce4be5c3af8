"""`gc`: give back what nothing needs."""

from dataclasses import asdict
from typing import Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from daemon.control_protocol import Progress
from fsmodel.steps import Steps


class GcArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `cairnfs gc` can be asked for."""

    dry_run: bool = False


def gc_document(context: Context, arguments: GcArguments) -> Steps[object]:
    """What was given back, as fsmodel/upkeep/garbage.py names and explains it."""
    report = yield from context.volume.collect_garbage(
        lambda done, total, text: context.report(Progress(done, total, text)),
        thorough=True,
        dry_run=arguments.dry_run,
    )
    return asdict(report)


GC: Final = VolumeCommand(
    "gc",
    GcArguments,
    gc_document,
    lambda arguments: not arguments.dry_run,
    needs_the_store_alone=True,
)
