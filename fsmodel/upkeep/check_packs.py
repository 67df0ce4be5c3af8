"""Do the rows of packs agree with the files, and with the objects that lie in them?"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fsmodel.ids import PackId
from fsmodel.store.pack_format import PACK_HEADER
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import PackRecord, PackState
from lmdb_index.schema import PACK

PackSize = Callable[[PackId], int | None]


class WrongPack(NamedTuple):
    """A pack whose row is not right, and what it should be."""

    pack: PackId
    former: PackRecord | None
    right: PackRecord
    text: str


def check_packs(
    view: IndexView, live_bytes: Counter[int], pack_size: PackSize
) -> Iterator[Finding]:
    """Look at the row of every pack. `live_bytes` are those of each pack's objects."""
    for wrong in wrong_packs(view, live_bytes, pack_size):
        yield Finding(Part.PACKS, f"pack {wrong.pack:016x} {wrong.text}")


def wrong_packs(
    view: IndexView, live_bytes: Counter[int], pack_size: PackSize
) -> Iterator[WrongPack]:
    """Every pack whose row is not right. That a file is missing is told of its objects."""
    for number in live_bytes:
        if view.get(PACK, number_key(number)) is None:
            right = PackRecord(PackState.OPEN)
            yield WrongPack(PackId(number), None, right, "has objects, but no row")
    for key, row in view.scan(PACK):
        pack = PackId(number_of(key))
        live = live_bytes[pack]
        if row.state == PackState.SEALED:
            size = pack_size(pack)
            if size is not None:
                yield from _check_sealed(pack, row, live, size)
        elif row.state == PackState.RETIRED and live:
            right = PackRecord(PackState.OPEN)
            yield WrongPack(pack, row, right, "is retired, but objects lie in it")
        elif row.state not in (PackState.OPEN, PackState.RETIRED):
            right = PackRecord(PackState.OPEN)
            yield WrongPack(pack, row, right, f"has state {row.state}, which there is not")


def _check_sealed(
    pack: PackId, row: PackRecord, live_bytes: int, size_bytes: int
) -> Iterator[WrongPack]:
    """Of a pack that was cut short, less than nothing may be dead: what is cut off is missing."""
    dead = max(size_bytes - PACK_HEADER.size, 0) - live_bytes
    right = PackRecord(PackState.SEALED, size_bytes, dead)
    if row.size != size_bytes:
        text = f"has {size_bytes} bytes, but was sealed with {row.size}"
        yield WrongPack(pack, row, right, text)
    elif row.dead != dead:
        text = f"says {row.dead} of its bytes are dead, but {dead} are"
        yield WrongPack(pack, row, right, text)
