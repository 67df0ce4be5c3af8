"""`import`: a folder of the host, brought into the store."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from daemon.control_protocol import Progress
from fsmodel.library.caller import Caller
from fsmodel.library.paths import make_directory_at
from fsmodel.steps import Steps


class ImportArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes where."""

    source: bytes  # an absolute path of the host
    path: bytes  # of a directory of the store


def import_document(context: Context, arguments: ImportArguments) -> Steps[object]:
    """How many entries of each kind were imported or are there already, and what failed."""
    volume = context.volume
    volume.require_room()
    directory = make_directory_at(volume, arguments.path, Caller(context.uid, context.touched))
    report = yield from volume.importer.run(
        Path(os.fsdecode(arguments.source)),
        directory,
        lambda done, total, text: context.report(Progress(done, total, text)),
    )
    return asdict(report)


IMPORT: Final = VolumeCommand(
    "import", ImportArguments, import_document, lambda arguments: True, is_job=True
)
