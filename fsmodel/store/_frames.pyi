"""The C kernel of fsmodel.store.frames."""

from collections.abc import Sequence
from typing import Any

from fsmodel.buffers import Buffer
from fsmodel.ids import ObjectId

def read_chunks(
    descriptor: int,
    offset: int,
    seed: int,
    chunks: Sequence[tuple[ObjectId, int, *tuple[Any, ...]]],
    into: Buffer,
    /,
) -> int: ...
def read_part(
    descriptor: int,
    offset: int,
    seed: int,
    chunk: tuple[ObjectId, int, *tuple[Any, ...]],
    low: int,
    high: int,
    /,
) -> bytes | None: ...
def bring_part(
    descriptor: int,
    offset: int,
    chunk: tuple[ObjectId, int, *tuple[Any, ...]],
    low: int,
    high: int,
    /,
) -> bytes | None: ...
def section_values(data: Buffer, /) -> bytes: ...
def joined(values: Buffer, /) -> bytes: ...
def blank(size: int, /) -> memoryview: ...
