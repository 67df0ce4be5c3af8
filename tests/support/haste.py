"""Files that come faster than they are compressed, and how their chunks are stored."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from fsmodel.content import settle
from fsmodel.content.chunking import ChunkLimits, cut_points
from fsmodel.encoding.codecs import encode
from fsmodel.settings import VolumeSettings
from fsmodel.store.pack_format import FRAME_HEADER, ObjectKind
from fsmodel.volume import Volume
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT
from tests.support.volume_store import VolumeStore

MUCH: Final = 40_000  # for these tests; several chunks


def text(seed: int, size: int = MUCH) -> bytes:
    """Words that compress, and better with more effort."""
    source = random.Random(seed)
    words = [bytes(source.choices(b"abcdefghijklmnop", k=source.randint(2, 9))) for _ in range(400)]
    return b" ".join(source.choices(words, k=size))[:size]


@contextmanager
def soon_hasty(
    folder: Path, settings: VolumeSettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VolumeStore]:
    """A store for which `MUCH` is much; it has to be sound at the end."""
    monkeypatch.setattr(settle, "HASTY_BYTES_MIN", MUCH)
    made = VolumeStore(folder, settings)
    yield made
    made.require_sound()
    made.abandon()


def chunk_rows(volume: Volume) -> list[ObjectRecord]:
    """The rows of all chunks."""
    rows = volume._parts.index.scan(OBJECT)
    return [row for _, row in rows if row.kind == ObjectKind.CHUNK]


def stored_chunks(volume: Volume) -> int:
    """Bytes of the frames of all chunks."""
    return sum(row.stored for row in chunk_rows(volume))


def stored_at(data: bytes, level: int) -> int:
    """Bytes of the frames of a file at a zstd level."""
    cuts = [0, *cut_points(data, ChunkLimits(), final=True)]
    pieces = [data[low:high] for low, high in pairwise(cuts)]
    return sum(FRAME_HEADER.size + len(encode(piece, level)[1]) for piece in pieces)
