"""`migrate-status`: which schema the index of a store has."""

from dataclasses import asdict
from typing import Final

from daemon.control_commands.command import Context, NoArguments, VolumeCommand, at_once
from fsmodel.steps import Steps


def status_document(context: Context, arguments: NoArguments) -> Steps[object]:
    """The schema, the newest one that is known, and each migration."""
    return at_once(asdict(context.volume.schema_status()))


MIGRATE_STATUS: Final = VolumeCommand("migrate-status", NoArguments, status_document)
