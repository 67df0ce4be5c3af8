"""Mounts by name: /etc/cairnfs/NAME.toml says which store is served where, and with what settings.

    store = "/srv/cairn"            required
    mountpoint = "/mnt/cairn"       required
    options = "allow_other,noatime" as behind `-o`; none when left out
    cache_bytes = "256MiB"          any setting; it wins over the store's own cairnfs.toml

A name without a file is a mount point as systemd-escape(1) --path writes it (`mnt-cairn` is
/mnt/cairn), served from the store of that name below /var/lib/cairnfs.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from daemon.config import read_config_file
from daemon.problems import ConfigInvalid, UsageProblem

INSTANCE_FOLDER: Final = Path("/etc/cairnfs")
STORES_FOLDER: Final = Path("/var/lib/cairnfs")

PLACES: Final = ("store", "mountpoint", "options")
_ESCAPED_BYTE: Final = re.compile(rb"\\x([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Instance:
    """What an instance of the service serves."""

    name: str
    store: str
    mountpoint: str
    options: str
    settings: dict[str, Any]  # keys of the file that are settings, not checked yet
    origin: str  # where they stand
    has_file: bool


def load_instance(name: str, folder: Path = INSTANCE_FOLDER) -> Instance:
    """What a name stands for. Raises ConfigInvalid, UsageProblem."""
    if not name or {"/", "\0"} & set(name) or name.startswith("."):
        raise UsageProblem(f"{name!r} is no name of an instance: see {folder}/NAME.toml")
    file = folder / f"{name}.toml"
    values = read_config_file(file)
    if values is None:
        return Instance(name, str(STORES_FOLDER / name), unescaped_path(name), "", {}, "", False)
    store, mountpoint, options = (_text(file, values, key) for key in PLACES)
    for key, value in (("store", store), ("mountpoint", mountpoint)):
        if not value.startswith("/"):
            raise ConfigInvalid(f"{file}: {key} is to be an absolute path, not {value!r}")
    settings = {key: value for key, value in values.items() if key not in PLACES}
    return Instance(name, store, mountpoint, options, settings, str(file), True)


def unescaped_path(name: str) -> str:
    r"""The path that systemd-escape(1) --path wrote as `name`: `-` is `/`, `\xNN` is a byte."""
    plain = name.replace("-", "/").encode("utf-8", "surrogateescape")
    path = _ESCAPED_BYTE.sub(lambda match: bytes([int(match[1], 16)]), plain)
    return "/" + path.decode("utf-8", "surrogateescape").strip("/")


def _text(file: Path, values: dict[str, Any], key: str) -> str:
    value = values.get(key, "")
    if not isinstance(value, str):
        raise ConfigInvalid(f"{file}: {key} = {value!r} is to be text in quotes")
    if "\0" in value:
        raise ConfigInvalid(f"{file}: {key} = {value!r} has a NUL character: no path has one")
    return value
