"""`clone` and `lock`: copies that share their data, and what may not change any more."""

import os
import re
from typing import Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from daemon.control_protocol import Progress
from daemon.status_report import printable_path
from fsmodel.errors import AccessDenied, InvalidArgument
from fsmodel.steps import Steps

_IN_SNAPSHOT: Final = re.compile(rb"/*\.snapshots/+(?P<name>[^/]+)(?P<path>/.*)?", re.DOTALL)


class CloneArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to have a copy, and where."""

    source: bytes
    destination: bytes


class LockArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be locked, or not any more."""

    path: bytes
    recursive: bool = False
    undo: bool = False


def clone_document(context: Context, arguments: CloneArguments) -> Steps[object]:
    """What was copied where to."""
    volume = context.volume
    source, destination = arguments.source, arguments.destination
    folder, _, name = destination.rstrip(b"/").rpartition(b"/")
    if not name:
        raise InvalidArgument("the root is there already: name a file or folder below it")
    context.report(Progress(0, 0, "copying names"))
    parent, snapshot = volume.resolve(folder), _IN_SNAPSHOT.fullmatch(source)
    if snapshot is None:
        yield from volume.clone(volume.resolve(source), parent, name)
    else:
        path = snapshot["path"] or b"/"
        yield from volume.snapshots.clone(snapshot["name"], path, parent, name)
    return {"source": _shown(source), "clone": _shown(destination)}


def lock_document(context: Context, arguments: LockArguments) -> Steps[object]:
    """How many files and folders have changed their state."""
    volume, path = context.volume, arguments.path
    if arguments.undo and context.uid != 0:
        raise AccessDenied("only root may undo a lock")
    act = volume.unlock if arguments.undo else volume.lock
    changed = yield from act(volume.resolve(path), recursive=arguments.recursive)
    return {"path": _shown(path), "locked": not arguments.undo, "changed": changed}


def _shown(path: bytes) -> str:
    return printable_path(os.fsdecode(path))


COPIES: Final = (
    VolumeCommand("clone", CloneArguments, clone_document, lambda _: True, settles_first=True),
    VolumeCommand("lock", LockArguments, lock_document, lambda _: True, settles_first=True),
)
