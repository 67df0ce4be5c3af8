"""The form of a metadata document: what is kept of one that is written, and how one is shown.

    {"version": "4.0", "content_hash": "<sha256>", "file_name": "image1.png", "file_size": 1234567,
     "analysis": {...}, ... unknown keys ...,
     "storage": {"blake3": "...", "chunks": 3, "stored_size": 801234,
                 "file_names": ["image1.png"], "versions": 2}}

Kept are `analysis` and the keys that are unknown here; all else is derived when it is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from fsmodel.documents.bounded_json import Members, compact, members_of, parse_object
from fsmodel.errors import DocumentInvalid

VERSION: Final = "4.0"
DOCUMENT_BYTES_MAX: Final = 4 << 20
NOTHING_KEPT: Final = b'{"analysis":{}}'  # of a content that nobody has analysed
_INDENT: Final = 2
_TYPES: Final[dict[str, tuple[type, str]]] = {
    "version": (str, "text"),
    "content_hash": (str, "text"),
    "file_name": (str, "text"),
    "file_size": (int, "a whole number"),
    "analysis": (dict, "an object"),
    "storage": (dict, "an object"),
}
_DERIVED: Final = _TYPES.keys() - {"analysis"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document says of a content beside its analysis."""

    sha256: str
    blake3: str
    size_bytes: int
    chunks: int
    stored_bytes: int
    names: Sequence[str]  # of the files in its folder that have the content; one at least, or none
    versions: int  # earlier contents that are kept under these names, and the present one


def kept_of(data: bytes, sha256: str) -> bytes:
    """What is kept of a document written under the name of a hash. Raises DocumentInvalid."""
    if len(data) > DOCUMENT_BYTES_MAX:
        raise DocumentInvalid(f"more than {DOCUMENT_BYTES_MAX} bytes")
    document = parse_object(data)
    _check_types(document)
    if document.get("version", VERSION) != VERSION:
        text = f"version is {document['version']!a}, only {VERSION!r} is known"
        raise DocumentInvalid(text, "version")
    if "content_hash" not in document:
        text = "content_hash is missing: it must be the hash in the name"
        raise DocumentInvalid(text, "content_hash")
    if document["content_hash"] != sha256:
        raise DocumentInvalid("content_hash is not the hash in the name", "content_hash")
    return kept_members(members_of(data))


def kept_members(members: Members) -> bytes:
    """What is kept of the members of a document: the analysis first, then what is unknown."""
    kept = {"analysis": members.get("analysis", msgspec.Raw(b"{}"))}
    return compact(kept | {key: raw for key, raw in members.items() if key not in _DERIVED})


def shown(kept: bytes, facts: Facts) -> bytes:
    """A whole document, as it is read."""
    members = members_of(kept)
    document: dict[str, Any] = {
        "version": VERSION,
        "content_hash": facts.sha256,
        "file_name": facts.names[0] if facts.names else "",
        "file_size": facts.size_bytes,
        **members,
        "storage": {
            "blake3": facts.blake3,
            "chunks": facts.chunks,
            "stored_size": facts.stored_bytes,
            "file_names": facts.names,
            "versions": facts.versions,
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=_INDENT) + b"\n"


def shown_waiting(kept: bytes, sha256: str) -> bytes:
    """A document of a content that is not there yet: nothing can be derived."""
    document = {"version": VERSION, "content_hash": sha256, **members_of(kept)}
    return msgspec.json.format(msgspec.json.encode(document), indent=_INDENT) + b"\n"


def _check_types(document: dict[str, Any]) -> None:
    for key, (kind, words) in _TYPES.items():
        value = document.get(key)
        if key in document and (not isinstance(value, kind) or isinstance(value, bool)):
            raise DocumentInvalid(f"{key} is not {words}", key)
