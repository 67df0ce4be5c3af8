"""`snapshot-…`: named snapshots of the whole tree."""

import os
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from daemon.control_commands.command import Context, NoArguments, VolumeCommand, at_once
from daemon.control_protocol import Progress
from daemon.status_report import printable_path
from fsmodel.history.differences import Difference
from fsmodel.history.snapshots import SnapshotInfo
from fsmodel.steps import Steps

DIFFERENCES_MAX: Final = 100_000  # told one by one unless asked for more
REPORT_EVERY: Final = 1000


class NameArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A snapshot's name."""

    name: str


class DiffArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be compared; without `later` with the present."""

    former: str
    later: str | None = None
    path: bytes = b"/"
    limit: int = DIFFERENCES_MAX


class RestoreArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be brought back from which snapshot, and where if not to its place."""

    name: str
    path: bytes
    destination: bytes | None = None


def create_document(context: Context, arguments: NameArguments) -> Steps[object]:
    """The new snapshot."""
    context.report(Progress(0, 0, "writing changed folders"))
    return _told((yield from context.volume.snapshots.create(arguments.name.encode())))


def list_document(context: Context, arguments: NoArguments) -> Steps[object]:
    """All snapshots, by name."""
    return at_once({"snapshots": [_told(each) for each in context.volume.snapshots.all()]})


def delete_document(context: Context, arguments: NameArguments) -> Steps[object]:
    """The snapshot that was."""
    return at_once(_told(context.volume.snapshots.delete(arguments.name.encode())))


def diff_document(context: Context, arguments: DiffArguments) -> Steps[object]:
    """The differences, as fsmodel/history/differences.py names them, and how many there are."""
    told: list[dict[str, Any]] = []
    seen = 0

    def note(difference: Difference) -> None:
        nonlocal seen
        seen += 1
        if len(told) < arguments.limit:
            kind = "directory" if difference.is_directory else "file"
            told.append({"change": difference.kind, "path": _shown(difference.path), "type": kind})
        if seen % REPORT_EVERY == 0:
            context.report(Progress(seen, 0, "differences"))

    later = arguments.later.encode() if arguments.later is not None else None
    count = yield from context.volume.snapshots.compare(
        arguments.former.encode(), later, arguments.path, note
    )
    return {"differences": told, "count": count}


def restore_document(context: Context, arguments: RestoreArguments) -> Steps[object]:
    """Where it is now."""
    path, to = arguments.path, arguments.destination
    yield from context.volume.snapshots.restore(arguments.name.encode(), path, to)
    return {"path": _shown(path), "restored_to": _shown(path if to is None else to)}


def _shown(path: bytes) -> str:
    return printable_path(os.fsdecode(path))


def _told(snapshot: SnapshotInfo) -> dict[str, Any]:
    moment = datetime.fromtimestamp(snapshot.created_ns / 1e9, UTC)
    return {
        "name": _shown(snapshot.name),
        "created": moment.isoformat(timespec="milliseconds"),
        "root": snapshot.root.hex(),
        "logical_bytes": snapshot.logical_bytes,
        "files": snapshot.files,
    }


SNAPSHOTS: Final = (
    VolumeCommand(
        "snapshot-create", NameArguments, create_document, lambda _: True, settles_first=True
    ),
    VolumeCommand("snapshot-list", NoArguments, list_document),
    VolumeCommand("snapshot-delete", NameArguments, delete_document, lambda _: True),
    VolumeCommand(
        "snapshot-diff",
        DiffArguments,
        diff_document,
        lambda arguments: arguments.later is None,
        settles_first=True,
    ),
    VolumeCommand("snapshot-restore", RestoreArguments, restore_document, lambda _: True),
)
