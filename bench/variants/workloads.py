"""What is asked of the variants: the main workloads, and those that variants are about."""

import os
import random
from pathlib import Path
from typing import Final

from bench.payloads import incompressible, source_text
from bench.stream_workloads import RANDOM_ACCESS, STREAMS, read_stream, write_stream
from bench.tree_workloads import CREATED, SMALL_BYTES, TREES
from bench.workload import SOON_SECONDS, Caches, Place, Unit, Watch, Workload, write_all

EDIT_EVERY: Final = 16 << 10  # so that hardly a chunk is without one
EDIT_BYTES: Final = 8
MAIN: Final = frozenset(
    {
        "write_unique",
        "write_duplicate",
        "write_text",
        "read_remounted",
        "random_read_remounted",
        "random_overwrite",
        "create",
        "stat_remounted",
        "open_read_remounted",
        "list_remounted",
        "rename",
        "unlink",
    }
)


def _edited(place: Place) -> Path:
    return place.folder / "edited"


def edits(piece: bytes, seed: int) -> bytes:
    """The same text with other bytes at one place of each 16 KiB."""
    draw, changed = random.Random(seed), bytearray(piece)
    for at in range(0, len(piece) - EDIT_BYTES, EDIT_EVERY):
        changed[at : at + EDIT_BYTES] = draw.randbytes(EDIT_BYTES)
    return bytes(changed)


def _write_edited(place: Place, watch: Watch) -> int:
    pieces = [
        edits(piece, number) for number, piece in enumerate(source_text(place.sizes.text_bytes))
    ]
    return write_stream(_edited(place), pieces, watch)


def _read_edited(place: Place, watch: Watch) -> int:
    with watch.running():
        return read_stream(_edited(place))


def _replace(place: Place, watch: Watch) -> int:
    """As programs save: another file is written, and takes the name."""
    count = place.sizes.small_files
    content = b"".join(incompressible(place.seed + 1, count * SMALL_BYTES))
    beside = place.small / ".saved.aB3dE6"  # a temporary name, which leaves no version itself
    with watch.running():
        for number in range(count):
            descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            write_all(descriptor, content[number * SMALL_BYTES : (number + 1) * SMALL_BYTES])
            os.close(descriptor)
            os.rename(beside, place.small / f"{number:06d}")
    return count


_OWN_STREAMS: Final = (
    Workload(
        "write_edited",
        "write, the same text with edits, fsync",
        Unit.BYTES,
        _write_edited,
        needs=("write_text",),
    ),
    Workload(
        "read_edited",
        "read of that, mount's caches cold",
        Unit.BYTES,
        _read_edited,
        Caches.REMOUNTED,
        needs=("write_edited",),
    ),
)
_OWN_TREES: Final = (
    Workload(
        "replace",
        "write 4 KiB beside + rename over the file",
        Unit.OPERATIONS,
        _replace,
        needs=CREATED,
        put_off_seconds=SOON_SECONDS,
    ),
)


def _workloads() -> tuple[Workload, ...]:
    """In the order of a round; `replace` while the small files are there."""
    streams = [one for one in (*STREAMS, *RANDOM_ACCESS) if one.name in MAIN]
    trees = [one for one in TREES if one.name in MAIN]
    return (*streams, *_OWN_STREAMS, *trees[:-1], *_OWN_TREES, trees[-1])


VARIANT_WORKLOADS: Final = _workloads()
