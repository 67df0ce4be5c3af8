"""`fsck`: the whole store against itself, and what is wrong put right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from daemon.control_protocol import Progress
from fsmodel.repair.repair import repair_store
from fsmodel.repair.repairs import RepairReport
from fsmodel.steps import Steps, run_inline
from fsmodel.upkeep.fsck import FsckReport
from fsmodel.volume import Volume


class FsckArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `cairnfs fsck` can be asked for."""

    repair: bool = False


def fsck_document(context: Context, arguments: FsckArguments) -> Steps[object]:
    """What was checked, found and repaired on a store in use."""
    context.report(Progress(0, 0, "checking"))
    if arguments.repair:
        return _document((yield from context.volume.repair()), mounted=True)
    return _document((yield from context.volume.fsck()), mounted=True)


def fsck_unmounted(
    store: Path, arguments: FsckArguments, report: Callable[[Progress], None]
) -> object:
    """The same of a store that nobody uses, which may be too damaged to be used."""
    if arguments.repair:
        repaired = repair_store(
            store, lambda done, total, text: report(Progress(done, total, text))
        )
        return _document(repaired, mounted=False)
    report(Progress(0, 0, "checking"))
    volume = Volume.open(store, dry=True, thorough=True)
    try:
        return _document(run_inline(volume.fsck()), mounted=False)
    finally:
        volume.close()


def _document(report: FsckReport | RepairReport, *, mounted: bool) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(report)
    return {"clean": report.clean, "mounted": mounted, "repaired": [], "set_aside": [], **document}


FSCK: Final = VolumeCommand(
    "fsck",
    FsckArguments,
    fsck_document,
    changes_store=lambda arguments: arguments.repair,
    needs_the_store_alone=True,
    unmounted=fsck_unmounted,
)
