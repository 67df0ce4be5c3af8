"""`index-create`, `-list`, `-stats`, `-rebuild`, `-verify`, `-drop`, `-query`, `-range`, `-prefix`.

Values come as text and mean JSON, if they are that, else themselves; with `string` they always mean
themselves. Documents are told as text as well: JSON has numbers that not every decoder keeps.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any, Final

import msgspec

from daemon.control_commands.command import Context, NoArguments, VolumeCommand, at_once
from daemon.control_protocol import Progress
from daemon.status_report import printable_path
from fsmodel.errors import DocumentInvalid, InvalidArgument, NotFound
from fsmodel.indexes.definition import Definition, IndexType
from fsmodel.indexes.indexes import IndexInfo, Report
from fsmodel.indexes.queries import OPEN, Asked, Bound, Match
from fsmodel.indexes.values import value_from_text
from fsmodel.steps import PAUSE, Steps

BATCH_MATCHES: Final = 500  # told between two turns of others


class IndexArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which index."""

    name: str


class CreateArguments(IndexArguments, frozen=True, forbid_unknown_fields=True):
    """What a new index is about."""

    glob: str
    fields: tuple[str, ...]
    type: IndexType = "btree"
    unique: bool = False
    times: bool = False


class AskArguments(IndexArguments, frozen=True, forbid_unknown_fields=True):
    """How many answers, in which order, and whether with documents."""

    limit: int | None = None
    reverse: bool = False
    documents: bool = False
    string: bool = False  # values mean themselves, also if they are JSON


class QueryArguments(AskArguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which values: one for each field, or for the first ones."""

    values: tuple[str, ...]


class RangeArguments(AskArguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Between which values, both included; None is no bound. `equal` fixes the first fields."""

    low: str | None = None
    high: str | None = None
    equal: tuple[str, ...] = ()


class PrefixArguments(AskArguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What texts begin with. `equal` fixes the first fields."""

    prefix: str
    equal: tuple[str, ...] = ()


def create_document(context: Context, arguments: CreateArguments) -> Steps[object]:
    """The index, once it is built."""
    context.volume.require_room()
    definition = Definition(**msgspec.structs.asdict(arguments))
    info = yield from context.volume.indexes.create(definition, _reporting(context))
    return _described(info)


def list_document(context: Context, arguments: NoArguments) -> Steps[object]:
    """All indexes, by name."""
    return at_once({"indexes": [_described(each) for each in context.volume.indexes.all()]})


def stats_document(context: Context, arguments: IndexArguments) -> Steps[object]:
    """An index, and what it holds."""
    statistics = yield from context.volume.indexes.statistics(arguments.name)
    return {**_described(context.volume.indexes.info(arguments.name)), **asdict(statistics)}


def rebuild_document(context: Context, arguments: IndexArguments) -> Steps[object]:
    """The index, once it is built anew."""
    context.volume.require_room()
    info = yield from context.volume.indexes.rebuild(arguments.name, _reporting(context))
    return _described(info)


def verify_document(context: Context, arguments: IndexArguments) -> Steps[object]:
    """What was compared, and what differs."""
    report = yield from context.volume.indexes.verify(arguments.name, _reporting(context))
    return {"name": arguments.name, "clean": report.clean, **asdict(report)}


def drop_document(context: Context, arguments: IndexArguments) -> Steps[object]:
    """The name of the index that is no more."""
    context.volume.require_writable()
    yield from context.volume.indexes.drop(arguments.name)
    return {"name": arguments.name}


def query_document(context: Context, arguments: QueryArguments) -> Steps[object]:
    """The documents that have values."""
    values = _values(arguments, arguments.values)
    return _told(context, arguments, context.volume.indexes.query, values, _asked(arguments))


def range_document(context: Context, arguments: RangeArguments) -> Steps[object]:
    """The documents with a value within bounds, in the order of the values."""
    low, high = _bound(arguments, arguments.low), _bound(arguments, arguments.high)
    equal, ask = _values(arguments, arguments.equal), context.volume.indexes.range
    return _told(context, arguments, ask, low, high, equal, _asked(arguments))


def prefix_document(context: Context, arguments: PrefixArguments) -> Steps[object]:
    """The documents with a text that begins so, in the order of the texts."""
    equal, ask = _values(arguments, arguments.equal), context.volume.indexes.prefix
    return _told(context, arguments, ask, arguments.prefix, equal, _asked(arguments))


def _told(context: Context, arguments: AskArguments, ask: Any, *asked: object) -> Steps[object]:
    """Every match of a question, some at a time."""
    matches: Iterator[Match] = ask(arguments.name, *asked)
    told: list[dict[str, Any]] = []
    while batch := list(islice(matches, BATCH_MATCHES)):
        for match in batch:
            document = (yield from _document(context, match)) if arguments.documents else {}
            values = {"values": match.values.decode()} if match.values else {}
            told += [{"path": _path(path), **values, **document} for path in match.paths]
        if len(batch) == BATCH_MATCHES:
            yield PAUSE
    return {"name": arguments.name, "matches": told}


def _document(context: Context, match: Match) -> Steps[dict[str, str]]:
    """What a document says; nothing if it has gone, or can no longer be read."""
    try:
        value = yield from context.volume.indexes.document(match.inode)
    except (NotFound, DocumentInvalid):
        return {}
    return {"document": json.dumps(value, ensure_ascii=False)}


def _values(arguments: AskArguments, texts: Sequence[str]) -> list[Any]:
    return [text if arguments.string else value_from_text(text) for text in texts]


def _bound(arguments: AskArguments, text: str | None) -> Bound:
    return OPEN if text is None else _values(arguments, [text])[0]


def _asked(arguments: AskArguments) -> Asked:
    if arguments.limit is not None and arguments.limit < 0:
        raise InvalidArgument(f"a limit of {arguments.limit} means nothing: give 0 or more")
    return Asked(arguments.limit, arguments.reverse)


def _described(info: IndexInfo) -> dict[str, Any]:
    definition = msgspec.structs.asdict(info.definition)
    return {**definition, "state": info.state, "progress": info.progress}


def _path(path: bytes) -> str:
    return printable_path(os.fsdecode(path))


def _reporting(context: Context) -> Report:
    return lambda done, total, text: context.report(Progress(done, total, text))


def _changes(arguments: object) -> bool:
    return True


INDEXES: Final = (
    VolumeCommand("index-create", CreateArguments, create_document, _changes),
    VolumeCommand("index-list", NoArguments, list_document),
    VolumeCommand("index-stats", IndexArguments, stats_document),
    VolumeCommand("index-rebuild", IndexArguments, rebuild_document, _changes),
    VolumeCommand("index-verify", IndexArguments, verify_document),
    VolumeCommand("index-drop", IndexArguments, drop_document, _changes),
    VolumeCommand("index-query", QueryArguments, query_document),
    VolumeCommand("index-range", RangeArguments, range_document),
    VolumeCommand("index-prefix", PrefixArguments, prefix_document),
)
