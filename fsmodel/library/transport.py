"""How a call of the library reaches an open volume."""

import os
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from fsmodel import errors
from fsmodel.library.caller import Call, Caller
from fsmodel.library.calls import CALLS
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.volume import Volume

Answer = TypeVar("Answer")


class Transport(Protocol):
    """Carries calls, one at a time."""

    def call(self, call: Call, answer: type[Answer]) -> Answer:
        """What a call returns, as that type. Raises CairnError."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


class InProcess:
    """A volume that this process has opened. Owner: the thread that made it."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume

    def call(self, call: Call, answer: type[Answer]) -> Answer:
        """Run it here and now."""
        result: Answer = run_inline(call.run(self._volume, Caller(os.geteuid())))
        return result

    def close(self) -> None:
        """Store what is left, and give the store free. Raises NoSpace, DataError."""
        self._volume.close()


def open_in_process(
    store: Path, *, settings: VolumeSettings | None = None, read_only: bool = False
) -> InProcess:
    """Open a store that nobody has mounted. Raises StoreLocked, StoreError, DataError."""
    return InProcess(Volume.open(store, settings=settings, read_only=read_only))


def call_from(name: str, arguments: dict[str, Any]) -> Call:
    """A call that came from outside. Raises msgspec.ValidationError."""
    kind = CALLS.get(name)
    if kind is None:
        raise msgspec.ValidationError(f"the library has no call {name!r}")
    call: Call = msgspec.convert(arguments, kind)
    return call


def error_from(kind: str, text: str) -> errors.CairnError:
    """An error that the other side named by its class, as far as this side knows that.

    What such an error says beside its text stays there.
    """
    known = getattr(errors, kind, None)
    if not (isinstance(known, type) and issubclass(known, errors.CairnError)):
        return errors.StoreError(f"{kind}: {text}")
    error = known.__new__(known)
    error.args = (text,)
    return error
