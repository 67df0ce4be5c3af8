"""Takes a backup of an open store, beside normal use."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from fsmodel.backup.container import Catalog, StoredFile
from fsmodel.backup.writer import BackupWriter, writing
from fsmodel.steps import Steps, Work
from fsmodel.store.host_files import host_failures
from fsmodel.upkeep.garbage import Report
from fsmodel.upkeep.store_parts import StoreParts
from fsmodel.upkeep.upkeep import Upkeep
from lmdb_index.keys import number_key
from lmdb_index.meta import ROOT_KEY
from lmdb_index.records import PackState
from lmdb_index.schema import META, PACK

WriteRoot = Callable[[], Steps[None]]  # one that shows everything up to now


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds, and what it took."""

    created: str  # UTC, ISO 8601
    root: str  # id of the root it is of, in hexadecimal
    packs: int
    store_bytes: int  # of the files it can restore
    added_bytes: int  # copied this time


class _Source(NamedTuple):
    """A file of the store, and how many bytes of it count."""

    name: str
    size: int


def create_backup(
    parts: StoreParts, upkeep: Upkeep, write_root: WriteRoot, target: Path, report: Report
) -> Steps[BackupReport]:
    """Put the store as it is now into a file; what that has already is not copied again.

    No pack goes meanwhile, since no collection may run. Raises Busy, BackupInvalid, FormatTooNew,
    NoSpace, DataError; the file is then as it was.
    """
    with upkeep.alone("a backup"):
        yield from write_root()
        created = datetime.now(UTC).isoformat(timespec="seconds")
        root = parts.index.get(META, ROOT_KEY)
        assert root is not None, "a root was written"
        sources = list(_sources(parts))
        total = sum(source.size for source in sources)
        with writing(target, parts.uuid, total) as writer:
            files: list[StoredFile] = []
            done = 0
            for source in sources:
                report(done, total, "bytes backed up")
                copy = partial(_copy, parts.layout.folder, source, writer)
                file: StoredFile = yield Work(copy, source.size)
                files.append(file)
                done += source.size
            catalog = Catalog(created=created, root=root.value.hex(), files=tuple(files))
            yield Work(partial(writer.commit, catalog), total)
            packs = sum(source.name.startswith("packs/") for source in sources)
            return BackupReport(created, catalog.root, packs, catalog.size, writer.added_bytes)


def _sources(parts: StoreParts) -> Iterator[_Source]:
    """What makes the store at this moment: frames of packs are whole, and none is retired."""
    layout = parts.layout
    for path in (layout.format_file, layout.configuration):
        if path.exists():
            yield _Source(path.name, path.stat().st_size)
    growing = parts.writer.growing
    for number in sorted(layout.pack_numbers()):
        row = parts.index.get(PACK, number_key(number))
        if row is not None and row.state == PackState.RETIRED:
            continue
        path = layout.pack(number)
        size = growing.get(number)
        if size is None:
            with host_failures(path):
                size = path.stat().st_size
        yield _Source(str(path.relative_to(layout.folder)), size)


def _copy(folder: Path, source: _Source, writer: BackupWriter) -> StoredFile:
    """Take what the backup lacks of a file."""
    place = folder / source.name
    with _opened(place) as descriptor:
        is_pack = source.name.startswith("packs/")
        known = writer.known(source.name, descriptor, source.size) if is_pack else None
        former = known.segments if known is not None else ()
        start = sum(segment.size for segment in former)
        if start == source.size:
            return StoredFile(source.name, former)
        added = writer.append(descriptor, place, start, source.size - start)
        return StoredFile(source.name, (*former, added))


@contextmanager
def _opened(place: Path) -> Iterator[int]:
    with host_failures(place):
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
