"""From a request to mount to a running daemon, for `cairnfs mount` and the helper of mount(8)."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon.background import start_in_background
from daemon.cli.reporting import explain, say
from daemon.config import load_settings
from daemon.instance import PLACES, Instance, load_instance
from daemon.lasting import kept_for_good
from daemon.logs import LOG_FILE
from daemon.mount_options import parse_mount_options
from daemon.mount_plan import MountPlan, Reread
from daemon.settings_schema import Settings
from daemon.store_choice import default_store, named_store


@dataclass(frozen=True, slots=True)
class MountRequest:
    """What the user asked for."""

    store: str | None  # None: as the environment says, else the default
    mountpoint: str  # resolved
    options: tuple[str, ...] = ()  # the texts behind each -o
    read_only: bool = False
    create: bool = False
    foreground: bool = False
    sloppy: bool = False  # pass over unknown options
    log_file: str | None = None
    overrides: Mapping[str, object] = field(default_factory=dict)  # of settings; None: not given
    instance: Instance | None = None  # the named mount it is about


def start(request: MountRequest) -> None:
    """Mount as asked: returns when the mount is usable, or in the foreground when it has ended.

    Raises UsageProblem, ConfigInvalid, MountProblem, StoreError, DataError.
    """
    plan = plan_of(request)
    if request.foreground:
        _serve(plan, lambda notice: None)  # the log says it
        return
    notice = start_in_background(lambda announce: _serve(plan, announce), explain)
    if notice:
        say(notice)


def plan_of(request: MountRequest) -> MountPlan:
    """Decide everything that can be decided in advance. Raises UsageProblem, ConfigInvalid."""
    choice = named_store(request.store, os.environ) or default_store(os.environ)
    options = parse_mount_options(
        request.options, read_only=request.read_only, sloppy=request.sloppy
    )
    log_file = Path(os.path.realpath(request.log_file)) if request.log_file else None
    if log_file is None and not request.foreground:
        log_file = choice.folder / LOG_FILE
    return MountPlan(
        store=choice.folder,
        mountpoint=request.mountpoint,
        options=options,
        settings=_settings(request, choice.folder, request.instance),
        reread=lambda: _reread(request, choice.folder),
        create=request.create or choice.is_default,
        log_file=log_file,
        background=not request.foreground,
    )


def _settings(request: MountRequest, store: Path, instance: Instance | None) -> Settings:
    layer = None if instance is None else (instance.origin, instance.settings)
    return load_settings(store, os.environ, request.overrides, instance=layer).values


def _reread(request: MountRequest, store: Path) -> Reread:
    """What the configuration says by now. Raises ConfigInvalid, UsageProblem."""
    if request.instance is None:
        return Reread(_settings(request, store, None))
    now = load_instance(request.instance.name)
    moved = tuple(key for key in PLACES if getattr(now, key) != getattr(request.instance, key))
    return Reread(_settings(request, store, now), moved)


def _serve(plan: MountPlan, announce: Callable[[str], None]) -> None:
    with kept_for_good():
        from daemon.lifecycle import serve_mount  # trio and pyfuse3: only after the fork

    serve_mount(plan, announce)
