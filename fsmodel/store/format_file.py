"""format.json: what makes a folder a store, and what must be known before anything else is read.

It is written once by mkfs, and again only by a migration. Whatever decides how stored bytes are to
be understood stands here; settings a user may change at will stand in cairnfs.toml.
"""

from datetime import datetime, timedelta
from errno import ENOENT, ENOTDIR
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec

from fsmodel.encoding.hashing import checksum64
from fsmodel.errors import BackendError, FormatTooNew, NotAStore, StoreDamaged
from fsmodel.store.host_files import host_failures, write_file_atomically
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import OBJECT_BYTES_MAX

FORMAT_MAGIC: Final = "cairnfs"
FORMAT_VERSION: Final = 1
KNOWN_FEATURES: Final[frozenset[str]] = frozenset()  # version 1 has none; see StoreFormat
FILE_BYTES_MAX: Final = 64 << 10


Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,64}\Z")]


class Chunking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How file content is cut. Other values would cut equal files differently."""

    chunker: Name  # name of the algorithm and its tables
    min: int  # bytes
    average: int
    max: int


class StoreFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of format.json.

    `features` names what a store uses beyond its format version, without which it cannot be
    understood: a cairnfs that does not know one of them refuses the store.
    """

    magic: str = FORMAT_MAGIC
    format: int = FORMAT_VERSION
    uuid: UUID
    created: datetime  # UTC
    chunking: Chunking
    features: tuple[Name, ...] = ()


def write_format(layout: StoreLayout, content: StoreFormat) -> None:
    """Make the folder a store of this format, whole and durably.

    Raises NoSpace, BackendError; format.json is then as it was before.
    """
    assert _problem(content) is None
    fields = msgspec.to_builtins(content)
    document = {**fields, "checksum": _checksum(fields)}
    text = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    assert len(text) <= FILE_BYTES_MAX
    write_file_atomically(layout.format_file, text)


def read_format(layout: StoreLayout) -> StoreFormat:
    """What the store is, verified.

    Raises NotAStore when there is no store, StoreDamaged when its format.json is garbled,
    FormatTooNew when it takes a later cairnfs, BackendError when the host cannot read it.
    """
    return parse_format(_read_text(layout), layout.folder)


def parse_format(text: bytes, folder: Path) -> StoreFormat:
    """Decode and verify format.json; `folder` names the store in errors.

    Raises NotAStore, StoreDamaged, FormatTooNew.
    """
    try:
        fields = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(folder, "it is no JSON object") from error
    _check_version(fields, folder)
    if fields.pop("checksum", None) != _checksum(fields):
        raise _damaged(folder, "its checksum does not match its content")
    try:
        content = msgspec.convert(fields, StoreFormat)
    except msgspec.ValidationError as error:
        reason = str(error).encode("unicode_escape").decode()  # it may quote what it found
        raise _damaged(folder, reason) from error
    problem = _problem(content)
    if problem is not None:
        raise _damaged(folder, problem)
    unknown = sorted(set(content.features) - KNOWN_FEATURES)
    if unknown:
        raise FormatTooNew(
            f"{folder} was made by a newer cairnfs (it uses {', '.join(unknown)}): upgrade cairnfs",
            "format.json",
        )
    return content


def _read_text(layout: StoreLayout) -> bytes:
    """The bytes of format.json, up to one more than it may have."""
    try:
        with host_failures(layout.format_file), layout.format_file.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except BackendError as error:
        if error.errno in (ENOENT, ENOTDIR):
            raise _no_store(layout) from error
        raise


def _no_store(layout: StoreLayout) -> NotAStore:
    if layout.folder.is_dir():
        reason = f"{layout.folder} is no cairnfs store, as it has no format.json"
    else:
        reason = f"{layout.folder} does not exist or is no folder"
    return NotAStore(f"{reason}: make a store with `cairnfs mkfs`, or name the folder of one")


def _check_version(fields: dict[str, Any], folder: Path) -> None:
    """Look at what no format version may change: the magic and the version itself."""
    if fields.get("magic") != FORMAT_MAGIC:
        raise NotAStore(
            f"{folder} is no cairnfs store, as its format.json is of something else: "
            f"name the folder of a store"
        )
    version = fields.get("format")
    if type(version) is not int or version < 1:
        raise _damaged(folder, "it names no format version")
    if version > FORMAT_VERSION:
        raise FormatTooNew(
            f"{folder} was made by a newer cairnfs (format {version}, this one knows up to "
            f"{FORMAT_VERSION}): upgrade cairnfs",
            "format.json",
        )


def _problem(content: StoreFormat) -> str | None:
    """What is wrong with values of the right types, if anything is."""
    chunking = content.chunking
    if not 0 < chunking.min <= chunking.average <= chunking.max <= OBJECT_BYTES_MAX:
        return "its chunk sizes make no sense"
    if content.created.utcoffset() != timedelta(0):
        return "its time of creation is not in UTC"
    return None


def _checksum(fields: dict[str, Any]) -> str:
    """XXH3-64 of the other fields as JSON with sorted keys and no spaces, as 16 hex digits."""
    return f"{checksum64(msgspec.json.encode(fields, order='sorted')):016x}"


def _damaged(folder: Path, reason: str) -> StoreDamaged:
    return StoreDamaged(
        f"{folder}/format.json is damaged ({reason}): restore this file from a backup of the store",
        "format.json",
    )
