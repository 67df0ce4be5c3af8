"""Measuring a store: what takes how much, how it is held, and how it lies."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from fsmodel.encoding.codecs import Codec
from fsmodel.ids import PackId
from fsmodel.optimizer.file_order import chunks_of, files_in_order
from fsmodel.optimizer.jobs import LoadObject
from fsmodel.optimizer.repacking import jumps
from fsmodel.store.pack_format import Location, ObjectKind
from fsmodel.store.placement import is_in_group, placement_of
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import number_of
from lmdb_index.schema import EXTENT, OBJECT, PACK, UNSETTLED


@dataclass(slots=True)
class Held:
    """Some objects, and what they take."""

    objects: int = 0
    stored_bytes: int = 0  # of packs
    plain_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Analysis:
    """A store as it is."""

    kinds: dict[str, Held]  # chunk, manifest, tree, ...
    codecs: dict[str, Held]  # raw, zstd, delta, group
    depths: dict[str, int]  # objects by how many bases they need
    groups: int
    packs: int
    pack_bytes: int
    dead_bytes: int  # of packs, as far as they were measured: no object needs them
    unreferenced_bytes: int  # of objects that nothing names
    file_chunks: int  # chunks of all files, in the order of names
    file_jumps: int  # how often the next of them does not lie behind the one before
    unsettled_files: int
    unsettled_bytes: int  # which are in the index, not yet in chunks
    hot_chunks: int  # read often since the store was opened


@dataclass(slots=True)
class _Rows:
    """What the rows of objects say, added up."""

    kinds: dict[str, Held] = field(default_factory=lambda: defaultdict(Held))
    codecs: dict[str, Held] = field(default_factory=lambda: defaultdict(Held))
    depths: Counter[str] = field(default_factory=Counter)
    group_shares: float = 0.0
    unreferenced_bytes: int = 0


def analyze(
    view: IndexView,
    load: LoadObject,
    pack_size: Callable[[PackId], int | None],
    hot_chunks: int,
) -> Analysis:
    """Measure a store by a view of its index. Any thread may run it. Reads manifest pages only."""
    rows = _rows(view)
    chunks, jumped = _order(view, load)
    packs = [(PackId(number_of(key)), row) for key, row in view.scan(PACK)]
    return Analysis(
        kinds=dict(sorted(rows.kinds.items())),
        codecs=dict(sorted(rows.codecs.items())),
        depths=dict(sorted(rows.depths.items(), key=lambda item: int(item[0]))),
        groups=round(rows.group_shares),
        packs=len(packs),
        pack_bytes=sum(pack_size(pack) or 0 for pack, _ in packs),
        dead_bytes=sum(row.dead for _, row in packs),
        unreferenced_bytes=rows.unreferenced_bytes,
        file_chunks=chunks,
        file_jumps=jumped,
        unsettled_files=view.count(UNSETTLED),
        unsettled_bytes=sum(len(row.data) for _, row in view.scan(EXTENT)),
        hot_chunks=hot_chunks,
    )


def _rows(view: IndexView) -> _Rows:
    found = _Rows()
    for _, row in view.scan(OBJECT):
        for held in (
            found.kinds[ObjectKind(row.kind).name.lower()],
            found.codecs[Codec(row.codec).name.lower()],
        ):
            held.objects += 1
            held.stored_bytes += row.stored
            held.plain_bytes += row.plain
        found.depths[str(row.depth)] += 1
        if is_in_group(row):
            found.group_shares += row.stored / row.frame
        if not row.references:
            found.unreferenced_bytes += row.stored
    return found


def _order(view: IndexView, load: LoadObject) -> tuple[int, int]:
    """Chunks of all files in the order of names, and how often the next one lies elsewhere."""
    chunks = jumped = 0
    last: Location | None = None
    for file in files_in_order(view):
        for chunk in chunks_of(file.content, load):
            row = view.get(OBJECT, chunk)
            if row is None:
                continue
            location = placement_of(row).location
            jumped += jumps([last, location]) if last is not None else 0
            last = location
            chunks += 1
    return chunks, jumped
