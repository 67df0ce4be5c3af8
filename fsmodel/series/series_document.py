"""What a series' document says: `series/NAME.json`, a JSON object.

    {"description": "…",
     "kinds": {"data": [".txt"], "generated": [".png"]},
     "retention": {"versions": 10, "days": 30},
     "metadata_view": true,
     "symlinks": "contained",
     …}

All keys are optional, and keys of any other name are the user's: they are kept byte for byte, as
the whole document is. What is checked here is what cairnfs acts upon.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from fsmodel.documents.bounded_json import parse_object
from fsmodel.errors import DocumentInvalid, NameInvalid
from fsmodel.series.artifact_names import check_strict_name, is_temporary
from fsmodel.versions.policy import COUNT_MAX, DAYS_MAX, NO_VERSIONS, VersionPolicy

SERIES_BYTES_MAX: Final = 1 << 20  # of one document
KINDS_MAX: Final = 64
EXTENSIONS_MAX: Final = 32
KIND_BYTES_MAX: Final = 64
ANNOTATED: Final = "annotated"
SELECTOR: Final = "selector"

_TEXT: Final = (".txt",)
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp")
DEFAULT_KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "data": _TEXT,
        "title": _TEXT,
        "terse": _TEXT,
        "prompt": _TEXT,
        "enhanced": _TEXT,
        "generated": _PICTURES,
        ANNOTATED: _PICTURES,
        SELECTOR: (".json",),
        "audio": (".mp3",),
    }
)
DEFAULT_DOCUMENT: Final = b'{\n  "description": ""\n}\n'

_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9_+-]{1,32}", re.ASCII)
_SYMLINKS: Final = ("contained", "none")


@dataclass(frozen=True, slots=True)
class SeriesConfig:
    """What cairnfs does about a series."""

    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: DEFAULT_KINDS)
    versions: VersionPolicy | None = None  # None: as for the rest of the mount
    metadata_view: bool | None = None  # whether listings show `.metadata`; None: as elsewhere
    symlinks: bool = True  # whether there may be any; they never leave the series

    def encoded(self) -> bytes:
        """As it is stored beside the output; `decode_config` reads it."""
        versions = None if self.versions is None else [self.versions.count, self.versions.days]
        values = {
            "kinds": {kind: list(each) for kind, each in self.kinds.items()},
            "versions": versions,
            "metadata_view": self.metadata_view,
            "symlinks": self.symlinks,
        }
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=1024)
def decode_config(data: bytes) -> SeriesConfig:
    """What `SeriesConfig.encoded` has written."""
    values = json.loads(data)
    versions = values["versions"]
    return SeriesConfig(
        kinds=MappingProxyType({kind: tuple(each) for kind, each in values["kinds"].items()}),
        versions=None if versions is None else VersionPolicy(*versions),
        metadata_view=values["metadata_view"],
        symlinks=values["symlinks"],
    )


def parse_series(data: bytes) -> SeriesConfig:
    """What a document says. Raises DocumentInvalid, naming the key that is wrong."""
    if len(data) > SERIES_BYTES_MAX:
        raise DocumentInvalid(f"{len(data)} bytes: a series has at most {SERIES_BYTES_MAX}")
    values = parse_object(data)
    if not isinstance(values.get("description", ""), str):
        raise DocumentInvalid("description: text is wanted")
    symlinks = values.get("symlinks", _SYMLINKS[0])
    if symlinks not in _SYMLINKS:
        raise DocumentInvalid(f"symlinks: say {' or '.join(map(repr, _SYMLINKS))}")
    view = values.get("metadata_view")
    if view is not None and not isinstance(view, bool):
        raise DocumentInvalid("metadata_view: say true or false")
    return SeriesConfig(
        kinds=_kinds(values["kinds"]) if "kinds" in values else DEFAULT_KINDS,
        versions=_retention(values["retention"]) if "retention" in values else None,
        metadata_view=view,
        symlinks=symlinks == _SYMLINKS[0],
    )


def description_of(data: bytes) -> str:
    """The description in a document that has been accepted."""
    return str(parse_object(data).get("description", ""))


def _kinds(given: Any) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(given, dict) or len(given) > KINDS_MAX:
        raise DocumentInvalid(f"kinds: an object of at most {KINDS_MAX} folders is wanted")
    return MappingProxyType(
        {_folder(kind): _extensions(kind, each) for kind, each in given.items()}
    )


def _folder(kind: str) -> str:
    name = kind.encode()
    try:
        check_strict_name(name)
    except NameInvalid as error:
        raise DocumentInvalid(f"kinds: {error}") from error
    if not name or is_temporary(name) or "/" in kind or len(name) > KIND_BYTES_MAX:
        raise DocumentInvalid(
            f"kinds: {kind!a} cannot name a folder: no leading dot, no '/', "
            f"at most {KIND_BYTES_MAX} bytes"
        )
    return kind


def _extensions(kind: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= EXTENSIONS_MAX:
        raise DocumentInvalid(f"kinds: {kind!a}: a list of 1 to {EXTENSIONS_MAX} extensions")
    for each in given:
        if not isinstance(each, str) or not _EXTENSION.fullmatch(each):
            raise DocumentInvalid(f"kinds: {kind!a}: {each!a} is no extension such as '.txt'")
    return tuple(given)


def _retention(given: Any) -> VersionPolicy:
    if given == "off":
        return NO_VERSIONS
    if not isinstance(given, dict) or given.keys() - {"versions", "days"}:
        raise DocumentInvalid('retention: say "off", or {"versions": COUNT, "days": DAYS}')
    default = VersionPolicy()
    return VersionPolicy(
        _number(given, "versions", default.count, COUNT_MAX),
        _number(given, "days", default.days, DAYS_MAX),
    )


def _number(given: dict[str, Any], key: str, default: int, limit: int) -> int:
    number = given.get(key, default)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= limit:
        raise DocumentInvalid(f"retention: {key}: a whole number from 0 to {limit} is wanted")
    return number
