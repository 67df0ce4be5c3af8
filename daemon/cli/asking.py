"""Gets an answer about a store: from its daemon if one serves it, else from the store itself.

The model is loaded only in the second case: a third of a second that `--help` need not take.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from daemon.cli.progress import shown_progress
from daemon.control_client import ControlClient
from daemon.control_protocol import Progress
from daemon.problems import NotServed, UsageProblem


def ask(store: Path, command: str, arguments: dict[str, Any] | None = None) -> Any:
    """The answer to a volume command, the same from either source; progress is shown meanwhile.

    Raises UsageProblem, RequestFailed, Problem, StoreError, DataError.
    """
    given = arguments or {}
    _require_text(given.values())
    with shown_progress() as show:
        try:
            with ControlClient(store) as client:
                return client.ask(command, given, on_progress=show)
        except NotServed:
            return _answer_directly(store, command, given, show)


def _require_text(values: Iterable[object]) -> None:
    """Words that were typed as text are that; paths go as bytes. Raises UsageProblem."""
    for value in values:
        if isinstance(value, (list, tuple)):
            _require_text(value)
        elif isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise UsageProblem(f"{value!a} is no text in UTF-8: type it again") from None


def _answer_directly(
    store: Path, name: str, given: dict[str, Any], show: Callable[[Progress], None]
) -> Any:
    from daemon.config import load_settings
    from daemon.control_commands import VOLUME_COMMANDS
    from daemon.control_commands.command import Context, checked_arguments, steps_of
    from daemon.store_waiting import open_when_released
    from daemon.volume_settings import volume_settings
    from fsmodel.steps import run_inline
    from fsmodel.volume import Volume

    command = VOLUME_COMMANDS[name]
    arguments = checked_arguments(command.arguments, given)
    if command.unmounted is not None:
        unmounted = command.unmounted
        answer = open_when_released(store, lambda: unmounted(store, arguments, show))
        return msgspec.to_builtins(answer)
    settings = volume_settings(load_settings(store, os.environ).values)
    settings = dataclasses.replace(settings, scrub_bytes_per_second=0)  # nobody else is there
    dry = not command.changes_store(arguments)
    volume = open_when_released(store, lambda: Volume.open(store, dry=dry, settings=settings))
    try:
        answer = run_inline(steps_of(command, Context(volume, show), arguments))
    finally:
        volume.close()
    return msgspec.to_builtins(answer)
