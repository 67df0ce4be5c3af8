"""`series-list`, `-create`, `-delete`, `-restore`, `-clean`, `-status`: what series there are."""

import os
from itertools import islice
from typing import Any, Final

import msgspec

from daemon.control_commands.command import Context, NoArguments, VolumeCommand
from daemon.status_report import printable_path
from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.inodes import Creator
from fsmodel.series.all_series import AddressStatus, SeriesInfo
from fsmodel.steps import PAUSE, Steps

BATCH_ADDRESSES: Final = 1000  # told between two turns of others


class NameArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which series."""

    name: bytes


class CreateArguments(NameArguments, frozen=True, forbid_unknown_fields=True):
    """The document a new series begins with: the default one unless it is given."""

    document: bytes | None = None


class RestoreArguments(NameArguments, frozen=True, forbid_unknown_fields=True):
    """Under which name a deleted series comes back: its own unless another one is given."""

    new_name: bytes | None = None


class CleanArguments(NameArguments, frozen=True, forbid_unknown_fields=True):
    """Whose artifacts go."""

    address: bytes


class StatusArguments(NameArguments, frozen=True, forbid_unknown_fields=True):
    """Of which address: of all, unless one is given."""

    address: bytes | None = None


def list_document(context: Context, arguments: NoArguments) -> Steps[object]:
    """All series, the active ones first."""
    found = yield from context.volume.series.describe()
    return {"series": [_described(series) for series in found]}


def create_document(context: Context, arguments: CreateArguments) -> Steps[object]:
    """The name of the series that was made."""
    context.volume.require_room()
    root = context.volume.attributes(ROOT_INODE)[0]
    owner = Creator(root.uid, root.gid)
    yield from context.volume.series.create(arguments.name, arguments.document, owner)
    return {"name": _text(arguments.name)}


def delete_document(context: Context, arguments: NameArguments) -> Steps[object]:
    """The name of the series that was deleted."""
    yield from ()
    context.volume.require_writable()
    context.volume.series.delete(arguments.name)
    return {"name": _text(arguments.name)}


def restore_document(context: Context, arguments: RestoreArguments) -> Steps[object]:
    """The name that the series has now."""
    yield from ()
    context.volume.require_writable()
    context.volume.series.restore(arguments.name, arguments.new_name)
    return {"name": _text(arguments.new_name or arguments.name)}


def clean_document(context: Context, arguments: CleanArguments) -> Steps[object]:
    """The paths that were removed."""
    yield from ()
    context.volume.require_writable()
    removed = context.volume.series.clean(arguments.name, arguments.address)
    return {"removed": [_text(path) for path in removed]}


def status_document(context: Context, arguments: StatusArguments) -> Steps[object]:
    """Which kinds of artifacts each address has. Of a given one, also that it has none."""
    statuses = context.volume.series.status(arguments.name, arguments.address)
    addresses: list[dict[str, Any]] = []
    while batch := [_status(each) for each in islice(statuses, BATCH_ADDRESSES)]:
        addresses += batch
        yield PAUSE
    if arguments.address is not None and not addresses:
        addresses = [_status(AddressStatus(arguments.address, ()))]
    return {"series": _text(arguments.name), "addresses": addresses}


def _described(series: SeriesInfo) -> dict[str, Any]:
    return {
        "name": _text(series.name),
        "state": "deleted" if series.deleted else "active",
        "description": series.description,
        "kinds": list(series.kinds),
        "artifacts": series.artifacts,
    }


def _status(status: AddressStatus) -> dict[str, Any]:
    return {"address": _text(status.address), "kinds": [_text(kind) for kind in status.kinds]}


def _text(name: bytes) -> str:
    return printable_path(os.fsdecode(name))


def _changes(arguments: object) -> bool:
    return True


SERIES: Final = (
    VolumeCommand("series-list", NoArguments, list_document),
    VolumeCommand("series-create", CreateArguments, create_document, _changes),
    VolumeCommand("series-delete", NameArguments, delete_document, _changes),
    VolumeCommand("series-restore", RestoreArguments, restore_document, _changes),
    VolumeCommand("series-clean", CleanArguments, clean_document, _changes),
    VolumeCommand("series-status", StatusArguments, status_document),
)
