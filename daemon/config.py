"""Settings from STORE/cairnfs.toml, the file of a named mount, the environment, the command line.

The last one wins.

Each value is remembered with where it came from. A wrong one is refused with the place, the key
and what would be right; an unknown key with the nearest known one.
"""

import logging
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec

from daemon.human import shortened
from daemon.metrics_address import parse_metrics_address
from daemon.problems import ConfigInvalid, nearest_hint
from daemon.settings_schema import (
    GIB,
    KIB,
    MIB,
    Settings,
    allowed_values,
    environment_name,
)

CONFIG_FILE: Final = "cairnfs.toml"
CONFIG_BYTES_MAX: Final = 1 * MIB
SHOWN_CHARACTERS_MAX: Final = 100  # of a value that is refused
DEFAULT_ORIGIN: Final = "default"
COMMAND_LINE: Final = "command line"
# Environment names that are no settings: daemon/store_choice.py and daemon/cli/main.py read them.
RESERVED_NAMES: Final = frozenset({"CAIRNFS_STORE", "CAIRNFS_DATA_DIR", "CAIRNFS_DEBUG"})

_SIZE: Final = re.compile(r"([0-9]{1,20})\s*(B|KiB|MiB|GiB)?")
_SIZE_UNITS: Final = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}
_TYPES: Final = get_type_hints(Settings, include_extras=True)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResolvedSettings:
    """Checked settings, and for each key where its value came from."""

    values: Settings
    origins: Mapping[str, str]


def load_settings(
    store: Path,
    environment: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
    *,
    instance: tuple[str, Mapping[str, object]] | None = None,
) -> ResolvedSettings:
    """The settings for serving a store. Raises ConfigInvalid.

    `overrides` are keys given on the command line; those that are None were not given. `instance`
    is the file of a named mount, and what it sets; it wins over the store's own file.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(_TYPES, DEFAULT_ORIGIN)
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    for origin, layer in (
        (str(store / CONFIG_FILE), read_config_file(store / CONFIG_FILE) or {}),
        instance or ("", {}),
        ("environment", _environment_values(environment)),
        (COMMAND_LINE, given),
    ):
        for key, value in _flat(layer):
            values[key] = _checked(origin, key, value)
            origins[key] = origin
    return ResolvedSettings(Settings(**values), origins)


def parse_size(text: str) -> int:
    """Bytes from `4096`, `64MiB` or `2 GiB`. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("this is no size such as 4096, 64MiB or 2GiB")
    return int(match[1]) * _SIZE_UNITS[match[2] or "B"]


def read_config_file(path: Path) -> dict[str, Any] | None:
    """What a TOML file says; None when there is none. Raises ConfigInvalid."""
    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigInvalid(f"{path} is no file: put one there, or remove it")
            text = file.read(CONFIG_BYTES_MAX + 1)
        if len(text) > CONFIG_BYTES_MAX:
            raise ConfigInvalid(f"{path} has more than {CONFIG_BYTES_MAX} bytes: shorten it")
        return tomllib.loads(text.decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigInvalid(f"{path} is no valid TOML: {error}: mend or remove it") from error


def _at_once(path: str, flags: int) -> int:
    """Open what may be a FIFO, which would have us wait for somebody to write to it."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _flat(layer: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The keys of a layer; those of a TOML table are settings whose names begin with its name."""
    for key, value in layer.items():
        if isinstance(value, dict):
            yield from ((f"{key}_{below}", each) for below, each in value.items())
        else:
            yield key, value


def _environment_values(environment: Mapping[str, str]) -> dict[str, object]:
    """Settings among the environment's variables."""
    for name in _unknown_names(environment):
        known = (environment_name(key) for key in _TYPES)
        _log.warning("environment variable %s sets nothing%s", name, nearest_hint(name, known))
    return {
        key: environment[environment_name(key)]
        for key in _TYPES
        if environment_name(key) in environment
    }


def _unknown_names(environment: Mapping[str, str]) -> Iterator[str]:
    known = RESERVED_NAMES.union(map(environment_name, _TYPES))
    return (name for name in environment if name.startswith("CAIRNFS_") and name not in known)


def _checked(origin: str, key: str, value: object) -> object:
    """A value as its setting wants it. Raises ConfigInvalid."""
    if key not in _TYPES:
        raise ConfigInvalid(f"{origin}: unknown setting {key!r}{nearest_hint(key, _TYPES)}")
    place = f"{origin}: {key} = {shortened(repr(value), SHOWN_CHARACTERS_MAX)}"
    try:
        if isinstance(value, str) and "_bytes" in key:
            value = parse_size(value)
        if isinstance(value, str) and key == "metrics_listen":
            parse_metrics_address(value)
        from_text = isinstance(value, str)
        if isinstance(value, str) and _is_list(key):
            value = [part.strip() for part in value.split(",") if part.strip()]
        return msgspec.convert(value, _TYPES[key], strict=not from_text)
    except msgspec.ValidationError as error:
        raise ConfigInvalid(f"{place}: give {allowed_values(key)}") from error
    except ValueError as error:
        raise ConfigInvalid(f"{place}: {error}") from error


def _is_list(key: str) -> bool:
    """Whether a setting is a list, which is text with commas in the environment."""
    return isinstance(getattr(Settings(), key), tuple)
