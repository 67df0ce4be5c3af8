"""Optimizing a store by hand, and what there is in it to be optimized."""

from dataclasses import replace

from fsmodel.optimizer.optimizer import Estimate, Outcome
from fsmodel.optimizer.strategies import StrategyName
from fsmodel.steps import run_inline
from fsmodel.store.pack_format import ObjectKind
from lmdb_index.schema import OBJECT
from tests.support.prose import edited, prose
from tests.support.volume_store import SMALL_PACKS, VolumeStore

TEXTS = 12
VERSIONS = 4
WITHOUT_DELTAS = replace(SMALL_PACKS, delta=False)


def write_versions(store: VolumeStore, texts: int = TEXTS, versions: int = VERSIONS) -> None:
    """Files that are versions of texts, each of one chunk."""
    for text in range(texts):
        data = prose(text)
        for version in range(versions):
            store.write(b"v%d-%02d.txt" % (version, text), data)
            data = edited(data, (text, version))


def estimated(store: VolumeStore, name: StrategyName) -> Estimate:
    """What a strategy would do."""
    (found,) = run_inline(store.volume.estimate([name], lambda *_: None))
    return found


def optimized(store: VolumeStore, *names: StrategyName) -> tuple[Outcome, ...]:
    """What strategies have done."""
    return run_inline(store.volume.optimize(list(names), lambda *_: None))


def stored_bytes(store: VolumeStore) -> int:
    """Bytes of packs that contents need; a collection adds a root, which is not counted."""
    rows = [row for _, row in store.volume._parts.index.scan(OBJECT)]
    return sum(row.stored for row in rows if row.kind in (ObjectKind.CHUNK, ObjectKind.MANIFEST))
