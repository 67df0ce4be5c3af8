"""`scrub`: read and verify everything that is stored."""

import os
from dataclasses import asdict
from typing import Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from daemon.control_protocol import Progress
from daemon.status_report import printable_path
from fsmodel.steps import Steps


class ScrubArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `cairnfs scrub` can be asked for."""

    restart: bool = False


def scrub_document(context: Context, arguments: ScrubArguments) -> Steps[object]:
    """What was checked, and each damaged object with the paths that need it."""
    report = yield from context.volume.scrub(
        lambda done, total, text: context.report(Progress(done, total, text)),
        restart=arguments.restart,
    )
    document = asdict(report)
    for damaged in document["damaged"]:
        damaged["paths"] = [printable_path(os.fsdecode(path)) for path in damaged["paths"]]
    return {"clean": not report.damaged, **document}


SCRUB: Final = VolumeCommand(
    "scrub",
    ScrubArguments,
    scrub_document,
    lambda arguments: True,
    needs_the_store_alone=True,
    is_job=True,
)
