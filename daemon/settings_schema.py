"""Every setting of the daemon: its name, unit, default, range and meaning.

A key stands in STORE/cairnfs.toml under this name and in the environment as CAIRNFS_NAME in
capitals. Names end in their unit. `settings_reference()` is what the manual is made from.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
YEAR = 365 * 86400.0  # seconds
_UNITS: Final = ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"))


# What a running daemon takes over when it reads its configuration again; the rest waits for the
# next mount. daemon/reloading.py and fsmodel/adjusting.py do it.
LIVE: Final = frozenset(
    """
    cache_bytes dirty_bytes_max checkpoint_interval_seconds root_interval_seconds
    grace_period_seconds gc_garbage_bytes_min gc_garbage_ratio_min gc_idle_seconds
    archive_idle_seconds archive_stop_seconds scrub_bytes_per_second metadata_view_grace_seconds
    versions_count versions_days cache_quota_bytes cache_files_max cache_ttl_seconds
    metrics_interval_seconds log_level log_format
    """.split()
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one daemon, all checked."""

    cache_bytes: Annotated[
        int,
        Meta(ge=MIB, le=64 * GIB, description="Decoded chunks kept in memory for readers."),
    ] = 64 * MIB
    dirty_bytes_max: Annotated[
        int,
        Meta(
            ge=4 * MIB,
            le=16 * GIB,
            description="Written bytes held in memory until stored; above it writers wait.",
        ),
    ] = 32 * MIB
    checkpoint_interval_seconds: Annotated[
        float,
        Meta(ge=0.1, le=3600, description="A changed store commits its index this often."),
    ] = 5.0
    root_interval_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=86400,
            description="While names and attributes change, the packs learn of it this often.",
        ),
    ] = 60.0
    grace_period_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How long a stopping daemon waits for those who still use the mount.",
        ),
    ] = 10.0
    compression_level: Annotated[
        int,
        Meta(ge=1, le=19, description="zstd level for new chunks: 1 is fastest, 19 smallest."),
    ] = 3
    delta: Annotated[
        bool,
        Meta(description="Store chunks as deltas against similar ones; smaller, and slower."),
    ] = True
    delta_level: Annotated[
        int,
        Meta(ge=1, le=16, description="zstd level for deltas; small ones are tried 3 levels up."),
    ] = 3
    delta_depth_max: Annotated[
        int,
        Meta(ge=1, le=32, description="Chunks at most to decode before a delta can be read."),
    ] = 8
    gc_garbage_bytes_min: Annotated[
        int,
        Meta(
            ge=MIB,
            le=1 << 50,
            description="Less garbage than this is not collected before the store is idle.",
        ),
    ] = 64 * MIB
    gc_garbage_ratio_min: Annotated[
        float,
        Meta(ge=0, le=1, description="Nor is garbage of a smaller share of what is stored."),
    ] = 0.1
    gc_idle_seconds: Annotated[
        float,
        Meta(ge=1, le=YEAR, description="A store is idle when nothing has changed for so long."),
    ] = 300.0
    archive_idle_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=YEAR,
            description="After so long without a change, what was written is compressed hard.",
        ),
    ] = 10.0
    archive_stop_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How long a stopping daemon may do that; 0 leaves it out.",
        ),
    ] = 60.0
    scrub_bytes_per_second: Annotated[
        int,
        Meta(
            ge=0,
            le=64 * GIB,
            description="How fast a scrub of a mounted store reads; 0 sets no bound.",
        ),
    ] = 64 * MIB
    metadata_view_visible: Annotated[
        tuple[str, ...],
        Meta(
            max_length=100,
            description="Folders below which listings show `.metadata`; elsewhere it is hidden.",
        ),
    ] = ("output", "projects")
    metadata_view_grace_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=100 * YEAR,
            description="For how long an analysis stays that no content has any more.",
        ),
    ] = 7 * 86400.0
    versions_count: Annotated[
        int,
        Meta(ge=0, le=10_000, description="Earlier contents kept of a file; 0 keeps none."),
    ] = 10
    versions_days: Annotated[
        int,
        Meta(ge=0, le=36_500, description="For how many days they are kept."),
    ] = 30
    cache_quota_bytes: Annotated[
        int,
        Meta(ge=0, le=1 << 60, description="How much the folder `cache/` may hold."),
    ] = GIB
    cache_files_max: Annotated[
        int,
        Meta(ge=0, le=10_000_000, description="How many files the folder `cache/` may hold."),
    ] = 100_000
    cache_ttl_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=100 * YEAR,
            description="For how long `cache/` keeps what nobody uses.",
        ),
    ] = 7 * 86400.0
    metrics_interval_seconds: Annotated[
        float,
        Meta(ge=1, le=86400, description="In use, figures are written to `metrics/` this often."),
    ] = 60.0
    metrics_listen: Annotated[
        str,
        Meta(
            max_length=200,
            description="Serve `/metrics` and `/healthz` there: `127.0.0.1:9464`, `unix:/PATH`.",
        ),
    ] = ""
    symlinks: Annotated[
        Literal["free", "contained"],
        Meta(description="Whether links may lead anywhere, or must stay in the mount."),
    ] = "free"
    atime: Annotated[
        Literal["relatime", "noatime", "strictatime"],
        Meta(description="When reading moves access times; a mount option of that name wins."),
    ] = "relatime"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least severe events that are logged."),
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        Meta(description="How a logged event is written: a line of text or a JSON document."),
    ] = "text"


@dataclass(frozen=True, slots=True)
class SettingReference:
    """What the manual says of one setting."""

    name: str
    environment_name: str
    default: object
    unit: str  # "" for choices and plain numbers
    values: str  # which are allowed, in words
    meaning: str
    live: bool  # whether `cairnfs reload` lets a new value hold


def environment_name(setting: str) -> str:
    """The environment variable that sets a setting."""
    return f"CAIRNFS_{setting.upper()}"


def allowed_values(name: str) -> str:
    """What a setting may be, in words."""
    return _values(name, get_type_hints(Settings, include_extras=True)[name])


def settings_reference() -> list[SettingReference]:
    """All settings, in the order they are declared."""
    hints = get_type_hints(Settings, include_extras=True)
    defaults = msgspec.structs.asdict(Settings())
    return [
        SettingReference(
            name=name,
            environment_name=environment_name(name),
            default=defaults[name],
            unit=_unit(name),
            values=_values(name, hint),
            meaning=_meta(hint).description or "",
            live=name in LIVE,
        )
        for name, hint in hints.items()
    ]


def _meta(hint: Any) -> Meta:
    return next(meta for meta in hint.__metadata__ if isinstance(meta, Meta))


def _values(name: str, hint: Any) -> str:
    """What a setting may be, for people."""
    kind, meta = hint.__origin__, _meta(hint)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if kind is bool:
        return "true or false"
    if kind is str:
        return "text"
    if get_origin(kind) is tuple:
        return f"a list of text, at most {meta.max_length}"
    figure = size_text if "bytes" in name.split("_") else _number
    assert meta.ge is not None and meta.le is not None, "every number has bounds"
    return f"{figure(meta.ge)} to {figure(meta.le)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def size_text(value: float) -> str:
    """Bytes as configuration files may say them."""
    unit, name = next(((u, n) for u, n in _UNITS if value >= u), (1, ""))
    return f"{value / unit:,.0f}{name}"


def _unit(name: str) -> str:
    return next((unit for unit in ("bytes", "seconds") if unit in name.split("_")), "")
