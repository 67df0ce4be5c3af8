"""`backup-create`: everything that is stored, in one file."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from daemon.control_protocol import Progress
from fsmodel.steps import Steps


class BackupArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the backup goes."""

    file: bytes  # an absolute path


def backup_document(context: Context, arguments: BackupArguments) -> Steps[object]:
    """What the backup holds now, and what was added."""
    report = yield from context.volume.back_up(
        Path(os.fsdecode(arguments.file)),
        lambda done, total, text: context.report(Progress(done, total, text)),
    )
    return asdict(report)


BACKUP: Final = VolumeCommand(
    "backup-create",
    BackupArguments,
    backup_document,
    lambda arguments: True,
    needs_the_store_alone=True,
    settles_first=True,
    is_job=True,
)
