"""Bytes of packs that no row points at any more, counted in each pack's row."""

from fsmodel.change import Change
from lmdb_index.keys import number_key
from lmdb_index.records import PackRecord, PackState
from lmdb_index.schema import PACK


def count_dead(change: Change, pack: int, size_bytes: int) -> None:
    """Count more bytes of a pack as dead, as part of the change that makes them so."""
    key = number_key(pack)
    row = change.operation.get(PACK, key) or PackRecord(PackState.OPEN)
    row.dead += size_bytes
    change.operation.put(PACK, key, row)
