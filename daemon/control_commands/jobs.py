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
from daemon.control_commands.optimize import OPTIMIZE
from daemon.control_commands.scrub import SCRUB
from fsmodel.errors import Busy, InvalidArgument
from fsmodel.jobs import JobInfo
from fsmodel.steps import Steps

KINDS: Final = {command.name: command for command in (SCRUB, OPTIMIZE, BACKUP)}


class JobArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which job."""

    number: int


def list_document(context: Context, arguments: NoArguments) -> Steps[object]:
    """All jobs, and whether each is being done now."""
    return at_once({"jobs": [_told(job) for job in context.volume.jobs.all()]})


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


def _told(job: JobInfo) -> dict[str, Any]:
    started = datetime.fromtimestamp(job.started_ns // 10**9, UTC)
    return {
        "number": job.number,
        "command": job.command,
        "arguments": job.arguments.decode(errors="backslashreplace"),
        "started": started.isoformat(timespec="seconds"),
        "state": "running" if job.running else "waiting",
    }


JOBS: Final = (
    VolumeCommand("jobs-list", NoArguments, list_document),
    VolumeCommand(
        "jobs-resume", JobArguments, resume_document, lambda _: True, needs_the_store_alone=True
    ),
    VolumeCommand("jobs-cancel", JobArguments, cancel_document, lambda _: True),
)
