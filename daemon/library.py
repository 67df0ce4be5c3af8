"""The library face for programs: `open_store` opens a store, whether it is mounted or not.

A store that a daemon serves is reached through its control socket, any other is opened by this
process, which then holds it. Both give a Store with the same answers and errors (docs/library.md).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from daemon.config import load_settings
from daemon.control_client import ControlClient
from daemon.problems import NotServed, Problem, RequestFailed
from daemon.store_choice import resolved
from daemon.store_waiting import open_when_released
from daemon.volume_settings import volume_settings
from fsmodel.errors import StoreError
from fsmodel.library.caller import Call
from fsmodel.library.store import Store
from fsmodel.library.transport import error_from, open_in_process

FRESH_SECONDS: Final = 30.0  # a daemon lets a silent client go after a minute

Answer = TypeVar("Answer")


def open_store(store: str | os.PathLike[str]) -> Store:
    """Open a store by its folder, for a `with` block.

    Raises NotAStore, StoreLocked when somebody else holds it and serves nobody, StoreError for a
    configuration without meaning, DataError.
    """
    folder = resolved(os.fspath(store))
    try:
        return Store(OverSocket(folder))
    except NotServed:
        pass
    try:
        settings = volume_settings(load_settings(folder, os.environ).values)
    except Problem as problem:
        raise StoreError(str(problem)) from problem
    return Store(open_when_released(folder, lambda: open_in_process(folder, settings=settings)))


class OverSocket:
    """The daemon of a store. Raises NotServed when there is none."""

    def __init__(self, store: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._client = ControlClient(store)
        self._used = monotonic()

    def call(self, call: Call, answer: type[Answer]) -> Answer:
        """Have the daemon run it. Raises CairnError, StoreError when the daemon does not answer."""
        arguments = {"call": type(call).__name__, "arguments": _plain(call)}
        try:
            self._refresh()
            return msgspec.convert(self._client.ask("library", arguments)["answer"], answer)
        except RequestFailed as failure:
            raise error_from(failure.kind, str(failure)) from None
        except Problem as problem:
            raise StoreError(str(problem)) from problem

    def close(self) -> None:
        """End the connection; the daemon goes on."""
        self._client.close()

    def _refresh(self) -> None:
        """Connect again after a silence in which the daemon may have hung up."""
        now = self._monotonic()
        if now - self._used > FRESH_SECONDS:
            self._client.close()
            self._client = ControlClient(self._store)
        self._used = now


def _plain(call: Call) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(call)
    return plain
