"""Blocks of a few rows, so that small tests have many of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lmdb_index import block_keys, packing
from lmdb_index.index import Index

STEPS_MAX = 1000


@contextmanager
def small_blocks() -> Iterator[None]:
    """Rows are packed in blocks of some 600 bytes, even when there are few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "ROOM_BYTES", 600)
        patch.setattr(packing, "FULL_BYTES", 500)
        patch.setattr(packing, "SMALL_BYTES", 250)
        patch.setattr(packing, "TAIL_ROWS_MIN", 4)
        patch.setattr(packing, "ABOVE_ROWS_MIN", 2)
        patch.setattr(packing, "STRETCH_ROWS", range(6, 14))
        patch.setattr(packing, "LOOKED_AT_MAX", 3)
        patch.setattr(packing, "AGAIN_BLOCKS", 3)
        patch.setattr(block_keys, "GROUP_ROWS", 4)
        yield


def pack_all(index: Index) -> None:
    """One sweep over all tables."""
    steps = 0
    while index.room.pack_step().more:
        steps += 1
        assert steps < STEPS_MAX, "the sweep does not end"
