"""`jobs-list`, `jobs-resume`, `jobs-cancel`: long work that has not ended."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from daemon.control_commands.backup import BACKUP
from daemon.control_commands.command import (
    Context,
    NoArguments,
    VolumeCommand,
    at_once,
    checked_arguments,
)
from daemon.control_commands.importing import IMPORT
from daemon.control_commands.optimize import OPTIMIZE
from daemon.control_commands.scrub import SCRUB
from fsmodel.errors import Busy, InvalidArgument
from fsmodel.indexes.indexes import IndexInfo
from fsmodel.jobs import JobInfo
from fsmodel.steps import Steps

KINDS: Final = {command.name: command for command in (SCRUB, OPTIMIZE, BACKUP, IMPORT)}


class JobArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which job."""

    number: int


def list_document(context: Context, arguments: NoArguments) -> Steps[object]:
    """All jobs, and whether each is being done now; indexes that are being built have no number."""
    jobs = [_told(job) for job in context.volume.jobs.all()]
    indexes = context.volume.indexes.all()
    return at_once({"jobs": jobs + [_told_index(each) for each in indexes if not is_ready(each)]})


def resume_document(context: Context, arguments: JobArguments) -> Steps[object]:
    """What the command of the job answers, once it is done."""
    job = context.volume.jobs.find(arguments.number)
    if job.running:
        raise Busy(f"job {job.number} is being done")
    result = yield from context.volume.jobs.go_on(job.number, steps_of_job(context, job))
    return result


def cancel_document(context: Context, arguments: JobArguments) -> Steps[object]:
    """The job that was."""
    return at_once(_told(context.volume.jobs.cancel(arguments.number)))


def steps_of_job(context: Context, job: JobInfo) -> Steps[object]:
    """What carries out a job again. Raises InvalidArgument when no such command is known now."""
    command = KINDS.get(job.command)
    if command is None:
        raise InvalidArgument(f"{job.command!r} is no job that this version knows: cancel it")
    try:
        arguments = checked_arguments(command.arguments, json.loads(job.arguments))
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidArgument(f"job {job.number} cannot be done again: cancel it") from error
    return command.run(context, arguments)


def is_ready(index: IndexInfo) -> bool:
    """Whether an index is built."""
    return index.state == "ready"


def _told_index(index: IndexInfo) -> dict[str, Any]:
    """A build, which the daemon goes on with by itself, and `cairnfs index drop` ends."""
    return {
        "number": None,
        "command": "index-create",
        "arguments": json.dumps({"name": index.definition.name}),
        "started": None,
        "state": "running",
        "progress": round(index.progress, 3),
    }


def _told(job: JobInfo) -> dict[str, Any]:
    started = datetime.fromtimestamp(job.started_ns // 10**9, UTC)
    return {
        "number": job.number,
        "command": job.command,
        "arguments": job.arguments.decode(errors="backslashreplace"),
        "started": started.isoformat(timespec="seconds"),
        "state": "running" if job.running else "waiting",
        "progress": None,
    }


JOBS: Final = (
    VolumeCommand("jobs-list", NoArguments, list_document),
    VolumeCommand(
        "jobs-resume", JobArguments, resume_document, lambda _: True, needs_the_store_alone=True
    ),
    VolumeCommand("jobs-cancel", JobArguments, cancel_document, lambda _: True),
)
