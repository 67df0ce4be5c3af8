"""`chunks-list`, `chunks-show`, `chunks-verify`: what the contents of files are stored as."""

import os
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from daemon.status_report import printable_path
from fsmodel.encoding.codecs import Codec
from fsmodel.errors import DataError, InvalidArgument
from fsmodel.steps import Steps
from fsmodel.upkeep.chunk_query import ChunkInfo, ChunkOrder, ChunkQuery

CODECS: Final = {codec.name.lower(): codec for codec in Codec}


class ListArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `cairnfs chunks list` can be asked for; the meaning is that of ChunkQuery."""

    min_size: int | None = None
    max_size: int | None = None
    has_base: bool | None = None
    codec: str | None = None
    min_refs: int | None = None
    max_refs: int | None = None
    sort: ChunkOrder = ChunkOrder.SIZE
    reverse: bool = False
    limit: int = 100


class ShowArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chunk's id, or how it begins."""

    id: str


class VerifyArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ids of chunks, or how they begin."""

    ids: list[str]


def list_document(context: Context, arguments: ListArguments) -> Steps[object]:
    """The chunks that fit, in order."""
    found = yield from context.volume.chunks.find(_query(arguments))
    return {"chunks": [_told(each) for each in found]}


def show_document(context: Context, arguments: ShowArguments) -> Steps[object]:
    """One chunk, and the files that cannot be read without it."""
    chunks = context.volume.chunks
    found = chunks.resolve(arguments.id)
    paths = yield from chunks.paths_needing([found.id])
    return {**_told(found), "paths": sorted(map(_shown, paths[found.id]))}


def verify_document(context: Context, arguments: VerifyArguments) -> Steps[object]:
    """For each chunk whether it can be read, and what is wrong if not. All ids come first."""
    chunks = context.volume.chunks
    meant = [chunks.resolve(each) for each in arguments.ids]
    verified: list[dict[str, Any]] = []
    for each in meant:
        problem: str | None = None
        try:
            yield from chunks.verify(each.id)
        except DataError as error:
            problem = str(error)
        verified.append({"id": each.id.hex(), "sound": problem is None, "problem": problem})
    return {"sound": all(each["sound"] for each in verified), "chunks": verified}


def _query(asked: ListArguments) -> ChunkQuery:
    if asked.codec is not None and asked.codec not in CODECS:
        raise InvalidArgument(f"no codec {asked.codec!r}: there are {', '.join(CODECS)}")
    return ChunkQuery(
        asked.min_size,
        asked.max_size,
        asked.has_base,
        None if asked.codec is None else CODECS[asked.codec],
        asked.min_refs,
        asked.max_refs,
        asked.sort,
        asked.reverse,
        asked.limit,
    )


def _told(chunk: ChunkInfo) -> dict[str, Any]:
    return {
        "id": chunk.id.hex(),
        "size": chunk.size,
        "stored": chunk.stored,
        "codec": chunk.codec.name.lower(),
        "references": chunk.references,
        "base": None if chunk.base is None else chunk.base.hex(),
        "depth": chunk.depth,
        "pack": chunk.pack,
        "last_read": _moment(chunk.last_read_ns),
    }


def _moment(time_ns: int) -> str | None:
    if not time_ns:
        return None
    return datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shown(path: bytes) -> str:
    return printable_path(os.fsdecode(path))


CHUNKS: Final = (
    VolumeCommand("chunks-list", ListArguments, list_document),
    VolumeCommand("chunks-show", ShowArguments, show_document, settles_first=True),
    VolumeCommand("chunks-verify", VerifyArguments, verify_document),
)
