"""`versions-list`, `versions-restore`, `versions-prune`: earlier contents of files."""

import os
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from daemon.status_report import printable_path
from fsmodel.errors import InvalidArgument
from fsmodel.steps import Steps
from fsmodel.versions.version_names import stamp_from_text, stamp_text
from fsmodel.versions.versions import VersionInfo


class PathArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is or was a file or directory, by its path in the store."""

    path: bytes


class RestoreArguments(PathArguments, frozen=True, forbid_unknown_fields=True):
    """Which file, and which version of it: the last one unless told."""

    time: str | None = None


class PruneArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file or tree is to have no versions any more.

    Without a path: what policies do not allow any more, or every version there is.
    """

    path: bytes | None = None
    everything: bool = False


def list_document(context: Context, arguments: PathArguments) -> Steps[object]:
    """The versions, by name and then oldest first."""
    found = yield from context.volume.list_versions(arguments.path)
    return {"versions": [_described(version) for version in found]}


def restore_document(context: Context, arguments: RestoreArguments) -> Steps[object]:
    """The version that was brought back."""
    stamp = None if arguments.time is None else stamp_from_text(arguments.time.encode())
    if stamp is None and arguments.time is not None:
        raise InvalidArgument(
            f"{arguments.time} is no time of a version: give one as `cairnfs versions list` does"
        )
    version = yield from context.volume.restore_version(arguments.path, stamp)
    return {"path": printable_path(os.fsdecode(arguments.path)), **_described(version)}


def prune_document(context: Context, arguments: PruneArguments) -> Steps[object]:
    """How many versions went."""
    if arguments.path is not None:
        dropped = yield from context.volume.prune_versions(arguments.path)
    elif arguments.everything:
        dropped = yield from context.volume.prune_versions(None)
    else:
        dropped = yield from context.volume.tidy_versions()
    return {"dropped": dropped}


def _described(version: VersionInfo) -> dict[str, Any]:
    modified = datetime.fromtimestamp(version.mtime_ns // 10**9, UTC)
    return {
        "name": printable_path(os.fsdecode(version.name)),
        "time": stamp_text(version.stamp_us).decode(),
        "size": version.size,
        "modified": modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


LIST: Final = VolumeCommand("versions-list", PathArguments, list_document)
RESTORE: Final = VolumeCommand(
    "versions-restore", RestoreArguments, restore_document, lambda arguments: True
)
PRUNE: Final = VolumeCommand(
    "versions-prune", PruneArguments, prune_document, lambda arguments: True
)
VERSIONS: Final = (LIST, RESTORE, PRUNE)
