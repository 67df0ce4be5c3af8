"""What the library can ask of chunks; see caller.py."""

import msgspec

from fsmodel.encoding.codecs import Codec
from fsmodel.errors import InvalidArgument
from fsmodel.library.answers import Chunk
from fsmodel.library.caller import Caller
from fsmodel.steps import Steps
from fsmodel.upkeep.chunk_query import ChunkInfo, ChunkOrder, ChunkQuery
from fsmodel.volume import Volume


class FindChunks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Chunks by what they are; the meaning is that of ChunkQuery."""

    min_size: int | None = None
    max_size: int | None = None
    has_base: bool | None = None
    codec: str | None = None
    min_references: int | None = None
    max_references: int | None = None
    order: ChunkOrder = ChunkOrder.SIZE
    reverse: bool = False
    limit: int = 100

    def run(self, volume: Volume, caller: Caller) -> Steps[list[Chunk]]:
        """Raises InvalidArgument."""
        asked = msgspec.structs.asdict(self)
        query = ChunkQuery(**{**asked, "codec": _codec(self.codec)})
        return [_told(each) for each in (yield from volume.chunks.find(query))]


class FindChunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chunk by its id, or how that begins."""

    id: str

    def run(self, volume: Volume, caller: Caller) -> Steps[Chunk]:
        """Raises NotFound, InvalidArgument."""
        yield from ()
        return _told(volume.chunks.resolve(self.id))


class ReadChunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bytes of a chunk, by its id or how that begins."""

    id: str

    def run(self, volume: Volume, caller: Caller) -> Steps[bytes]:
        """Raises NotFound, InvalidArgument, DataError."""
        return (yield from volume.chunks.read(volume.chunks.resolve(self.id).id))


def _codec(name: str | None) -> Codec | None:
    known = {codec.name.lower(): codec for codec in Codec}
    if name is not None and name not in known:
        raise InvalidArgument(f"no codec {name!r}: there are {', '.join(known)}")
    return None if name is None else known[name]


def _told(chunk: ChunkInfo) -> Chunk:
    return Chunk(
        chunk.id.hex(),
        chunk.size,
        chunk.stored,
        chunk.codec.name.lower(),
        chunk.references,
        None if chunk.base is None else chunk.base.hex(),
        chunk.last_read_ns,
    )
