"""Do the rows of packs agree with the files, and with the objects that lie in them?"""

from collections import Counter
from collections.abc import Callable, Iterator

from fsmodel.ids import PackId
from fsmodel.store.pack_format import PACK_HEADER
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import number_of
from lmdb_index.records import PackRecord, PackState
from lmdb_index.schema import PACK

PackSize = Callable[[PackId], int | None]


def check_packs(
    view: IndexView, live_bytes: Counter[int], pack_size: PackSize
) -> Iterator[Finding]:
    """Look at the row of every pack. `live_bytes` are those of each pack's objects."""
    for key, row in view.scan(PACK):
        pack = number_of(key)
        if row.state == PackState.OPEN:
            continue
        if row.state == PackState.RETIRED:
            if live_bytes[pack]:
                yield _finding(f"pack {pack:016x} is retired, but objects lie in it")
            continue
        if pack_size(PackId(pack)) is not None:  # else its objects are reported, if it has any
            yield from _check_sealed(pack, row, live_bytes[pack], pack_size(PackId(pack)))


def _check_sealed(
    pack: int, row: PackRecord, live_bytes: int, size_bytes: int | None
) -> Iterator[Finding]:
    if row.size != size_bytes:
        yield _finding(f"pack {pack:016x} has {size_bytes} bytes, but was sealed with {row.size}")
    dead = max(row.size - PACK_HEADER.size, 0) - live_bytes
    if row.dead != dead:
        yield _finding(f"pack {pack:016x} says {row.dead} of its bytes are dead, but {dead} are")


def _finding(text: str) -> Finding:
    return Finding(Part.PACKS, text)
