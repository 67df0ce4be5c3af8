"""Do the rows that are only hints and caches speak of what there is?

None of them is needed: what is wrong with one is mended by forgetting it. But a wrong digest would
be answered to whoever asks for it.
"""

from collections.abc import Iterator
from typing import Final

from fsmodel.store.similarity import BLOCK_SKETCHES
from fsmodel.store.sketches import SKETCH_BYTES
from fsmodel.upkeep.check_digests import wrong_digests
from fsmodel.upkeep.findings import Finding, Part, WrongHint
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.schema import SCRUB, SKETCH

BLOCK_BYTES: Final = BLOCK_SKETCHES * SKETCH_BYTES


def check_hints(view: IndexView) -> Iterator[Finding]:
    """Look at sketches, digests and the progress of scrub."""
    return (Finding(Part.HINTS, hint.text) for hint in wrong_hints(view))


def wrong_hints(view: IndexView) -> Iterator[WrongHint]:
    """Every hint that is wrong."""
    yield from wrong_digests(view)
    for key, row in view.scan(SKETCH):
        if len(row.value) % SKETCH_BYTES or not 0 < len(row.value) <= BLOCK_BYTES:
            text = f"sketches {key.hex()}: {len(row.value)} bytes are no whole number of them"
            yield WrongHint(SKETCH, key, text)
    for key, progress in view.scan(SCRUB):
        if progress.ended_ns and progress.next:
            text = "the last scrub is said to have ended, and to have more to look at"
            yield WrongHint(SCRUB, key, text)
