"""The two hashes: one that names objects, one that notices damage."""

from blake3 import blake3
from xxhash import xxh3_64_intdigest

from fsmodel.buffers import Buffer
from fsmodel.ids import ObjectId


def object_id(data: Buffer) -> ObjectId:
    """The BLAKE3-256 hash of plain bytes: the name they are stored under. Any thread."""
    return ObjectId(blake3(data).digest())


def checksum64(data: Buffer, seed: int = 0) -> int:
    """The XXH3-64 checksum of stored bytes, unsigned. It finds accidents, not forgeries."""
    return xxh3_64_intdigest(data, seed)
