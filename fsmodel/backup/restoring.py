"""Looks through a backup, and makes a store of it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from fsmodel.backup.container import PIECE_BYTES, Backup, Segment, StoredFile, read_at, read_backup
from fsmodel.errors import BackupInvalid
from fsmodel.rebuild.rebuild import RebuildReport, rebuild_index
from fsmodel.store.host_files import host_failures, sync_descriptor, sync_folder, write_at
from fsmodel.store.layout import FOLDER_MODE, StoreLayout
from fsmodel.upkeep.garbage import Report


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a backup holds, and what is wrong with it."""

    created: str
    packs: int
    store_bytes: int
    damaged: tuple[str, ...]  # names of the files that are not what they were
    restorable: bool | None  # whether a store was made of it on trial; None: that was not tried


def restore_backup(backup_file: Path, store: Path, report: Report) -> RebuildReport:
    """Make a store of a backup, in a folder that is empty or not there yet.

    Raises BackupInvalid, FormatTooNew, StoreExists, StoreDamaged, NoSpace, BackendError; the folder
    is empty then.
    """
    with opened_backup(backup_file) as backup:
        damaged = [file.name for file in backup.catalog.files if not _is_whole(backup, file)]
        if damaged:
            raise BackupInvalid(
                f"{backup_file} is damaged ({damaged[0]} is not what it was): use another backup"
            )
        layout = StoreLayout(store)
        layout.create()
        try:
            _copy_out(backup, layout, report)
            return rebuild_index(store, report)
        except BaseException:
            for entry in store.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            raise


def verify_backup(backup_file: Path, report: Report, *, thorough: bool) -> VerifyReport:
    """Read a whole backup and compare; `thorough` makes a store of it for a trial, beside it.

    Raises BackupInvalid, FormatTooNew, NoSpace, BackendError.
    """
    damaged: list[str] = []
    with opened_backup(backup_file) as backup:
        catalog, done = backup.catalog, 0
        for file in catalog.files:
            report(done, catalog.size, "bytes verified")
            if not _is_whole(backup, file):
                damaged.append(file.name)
            done += file.size
    restorable = None
    if thorough and not damaged:
        with tempfile.TemporaryDirectory(dir=backup_file.parent, prefix=".cairnfs-trial-") as trial:
            restorable = restore_backup(backup_file, Path(trial) / "store", report).complete
    packs = sum(file.name.startswith("packs/") for file in catalog.files)
    return VerifyReport(catalog.created, packs, catalog.size, tuple(damaged), restorable)


@contextmanager
def opened_backup(path: Path) -> Iterator[Backup]:
    """A backup to be read. Raises BackupInvalid, FormatTooNew, BackendError."""
    with host_failures(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield read_backup(path, descriptor)
    finally:
        os.close(descriptor)


def _pieces(backup: Backup, segment: Segment) -> Iterator[bytes]:
    at, end = segment.at, segment.at + segment.size
    while at < end:
        piece = read_at(backup.path, backup.descriptor, at, min(PIECE_BYTES, end - at))
        if not piece:
            return
        yield piece
        at += len(piece)


def _is_whole(backup: Backup, file: StoredFile) -> bool:
    for segment in file.segments:
        hasher = blake3()
        for piece in _pieces(backup, segment):
            hasher.update(piece)
        if hasher.hexdigest() != segment.digest:
            return False
    return True


def _copy_out(backup: Backup, layout: StoreLayout, report: Report) -> None:
    """The files of a store, the one that makes it a store last."""
    files = sorted(backup.catalog.files, key=lambda file: file.name == layout.format_file.name)
    done = 0
    for file in files:
        report(done, backup.catalog.size, "bytes restored")
        place = layout.folder / file.name
        with host_failures(place):
            place.parent.mkdir(FOLDER_MODE, exist_ok=True)
            _write(backup, file, place)
            sync_folder(place.parent)
        done += file.size
    with host_failures(layout.folder):
        sync_folder(layout.packs)
        sync_folder(layout.folder)


def _write(backup: Backup, file: StoredFile, place: Path) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        at = 0
        for segment in file.segments:
            for piece in _pieces(backup, segment):
                write_at(descriptor, [piece], at)
                at += len(piece)
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)
