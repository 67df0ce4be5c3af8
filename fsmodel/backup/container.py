r"""The file of a backup: header, stretches of the store's files, and a catalog that names them.

Only ever appended to, but for two slots of which the newer one counts. A new state is there once
its slot is written, which is done after everything it speaks of is durable; whatever ends the
work before leaves the former state.

Header, at the beginning. Little-endian, without padding:

     0  magic         8s  b"\x89CAIRNBK"        12  zero           u32
     8  version       u16                       16  store uuid     16s
    10  flags         u16, zero                 32  checksum       u64, XXH3-64 of bytes 0 to 31

Slots, at 512 and 1024:

     0  generation    u64, the higher counts    24  catalog hash   32s, BLAKE3-256
     8  catalog at    u64                       56  checksum       u64, XXH3-64 of bytes 0 to 55
    16  catalog size  u64

The catalog is a JSON object. Segments and catalogs follow from 4096 on.
"""

import os
import re
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

import msgspec

from fsmodel.encoding.hashing import checksum64, object_id
from fsmodel.errors import BackupInvalid, FormatTooNew
from fsmodel.store.host_files import host_failures

BACKUP_MAGIC: Final = b"\x89CAIRNBK"
BACKUP_VERSION: Final = 1
BACKUP_HEADER: Final = Struct("<8sHHI16sQ")
HEADER_CHECKED: Final = 32
SLOT: Final = Struct("<QQQ32sQ")
SLOT_CHECKED: Final = 56
SLOTS_AT: Final = (512, 1024)  # each in a sector of its own
DATA_AT: Final = 4096
CATALOG_BYTES_MAX: Final = 256 << 20
PIECE_BYTES: Final = 4 << 20  # read and written at once

_STORED_NAME: Final = re.compile(r"format\.json|cairnfs\.toml|packs/[0-9a-f]{2}/[0-9a-f]{16}\.pack")


class Segment(msgspec.Struct, array_like=True, frozen=True):
    """A stretch of a store's file."""

    at: int  # in the backup
    size: int
    digest: str  # BLAKE3-256 in hexadecimal


class StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the store: its stretches, in order."""

    name: str  # below the store's folder
    segments: tuple[Segment, ...]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return sum(segment.size for segment in self.segments)


class Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A state of the store that can be restored."""

    created: str  # UTC, ISO 8601
    root: str  # id of the newest root, in hexadecimal
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Slot(NamedTuple):
    """Where a catalog lies."""

    generation: int
    at: int
    size: int
    digest: bytes


class Backup(NamedTuple):
    """An open backup, as its newest slot tells."""

    path: Path
    descriptor: int
    uuid: bytes
    slot: Slot
    catalog: Catalog

    @property
    def end(self) -> int:
        """Where the next stretch goes; what lies behind is of a backup that was cut short."""
        return self.slot.at + self.slot.size


def encode_header(uuid: bytes) -> bytes:
    """The header of a backup of the store with this uuid."""
    start = BACKUP_HEADER.pack(BACKUP_MAGIC, BACKUP_VERSION, 0, 0, uuid, 0)[:HEADER_CHECKED]
    return start + checksum64(start).to_bytes(8, "little")


def encode_slot(slot: Slot) -> bytes:
    """A slot with its checksum."""
    start = SLOT.pack(*slot, 0)[:SLOT_CHECKED]
    return start + checksum64(start).to_bytes(8, "little")


def read_backup(path: Path, descriptor: int) -> Backup:
    """Read which state a backup holds.

    Raises BackupInvalid for what is no backup or cannot be read, FormatTooNew, BackendError.
    """
    uuid = _read_header(path, descriptor)
    slots = [slot for at in SLOTS_AT if (slot := _read_slot(path, descriptor, at)) is not None]
    for slot in sorted(slots, reverse=True):
        catalog = _read_catalog(path, descriptor, slot)
        if catalog is not None:
            return Backup(path, descriptor, uuid, slot, catalog)
    raise BackupInvalid(f"{path} holds no complete backup: make another one")


def read_at(path: Path, descriptor: int, at: int, size: int) -> bytes:
    """So many bytes from there on, or fewer where the file ends. Raises BackendError."""
    with host_failures(path):
        return os.pread(descriptor, size, at)


def _read_header(path: Path, descriptor: int) -> bytes:
    data = read_at(path, descriptor, 0, BACKUP_HEADER.size)
    if len(data) != BACKUP_HEADER.size or not data.startswith(BACKUP_MAGIC):
        raise BackupInvalid(f"{path} is no backup of cairnfs")
    _, version, _, _, uuid, checksum = BACKUP_HEADER.unpack(data)
    if checksum != checksum64(data[:HEADER_CHECKED]):
        raise BackupInvalid(f"{path} has a damaged header: use another backup")
    if version > BACKUP_VERSION:
        raise FormatTooNew(f"{path} was written by a later version: upgrade cairnfs", str(path))
    return bytes(uuid)


def _read_slot(path: Path, descriptor: int, at: int) -> Slot | None:
    data = read_at(path, descriptor, at, SLOT.size)
    if len(data) != SLOT.size:
        return None
    *fields, checksum = SLOT.unpack(data)
    slot = Slot(*fields)
    whole = checksum == checksum64(data[:SLOT_CHECKED]) and slot.generation > 0
    return slot if whole and slot.at >= DATA_AT and slot.size <= CATALOG_BYTES_MAX else None


def _read_catalog(path: Path, descriptor: int, slot: Slot) -> Catalog | None:
    """The catalog of a slot; None when it is not whole."""
    data = read_at(path, descriptor, slot.at, slot.size)
    if object_id(data) != slot.digest:
        return None
    try:
        catalog = msgspec.json.decode(data, type=Catalog)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    names = {file.name for file in catalog.files}
    sound = len(names) == len(catalog.files) and all(map(_STORED_NAME.fullmatch, names))
    return catalog if sound and all(map(_is_sound, catalog.files)) else None


def _is_sound(file: StoredFile) -> bool:
    return all(each.at >= DATA_AT and each.size >= 0 for each in file.segments)
