"""Chunks that are stored as they are, as their frames stand in a pack."""

from collections.abc import Collection
from random import Random
from typing import Final

from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId
from fsmodel.store.pack_format import raw_chunk_header
from fsmodel.store.sections import section_values

SEED: Final = 0xFEDCBA9876543210
BEFORE: Final = b"what lies in front"


def bodies_of(sizes: list[int], seed: int = 0) -> list[bytes]:
    """Random chunks of these sizes."""
    return [Random(seed + number).randbytes(size) for number, size in enumerate(sizes)]


def frames_of(
    bodies: list[bytes], seed: int = SEED, *, bare: Collection[int] = frozenset()
) -> bytes:
    """Their frames, one behind the other; nobody looks at the checksum of a body.

    Those with some numbers have no values of sections.
    """
    return b"".join(
        frame_of(body, seed, sectioned=number not in bare) for number, body in enumerate(bodies)
    )


def frame_of(body: bytes, seed: int = SEED, *, sectioned: bool = True) -> bytes:
    """One of them, with values of sections if they are wanted and it can have them."""
    values = section_values(body) if sectioned else b""
    header = raw_chunk_header(seed, object_id(body), len(body), sectioned=bool(values))
    return header + body + values


def wanted_of(bodies: list[bytes]) -> list[tuple[ObjectId, int]]:
    """What to ask for, to have them."""
    return [(object_id(body), len(body)) for body in bodies]
