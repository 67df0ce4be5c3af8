"""What a call of the library is, and on whose behalf it runs.

A call is what travels: it runs where the volume is open, in this process or in that of a daemon,
so that both give the same answer. Its fields are its arguments; paths are bytes from the root of
the store and follow no symbolic link. `run` raises what the model raises. It changes all or
nothing, but for directories that it makes above a path.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from fsmodel.ids import InodeId
from fsmodel.steps import Steps
from fsmodel.volume import Volume

STRETCH: Final = 1000  # of a listing, before others have their turn


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the names that stand for something else since he has."""

    uid: int
    touched: list[tuple[InodeId, bytes]] = field(default_factory=list)

    def changed(self, volume: Volume, directory: InodeId, name: bytes) -> None:
        """A name has come, gone, or stands for something else."""
        self.touched.append((directory, name))
        volume.entry_changed(directory, name)


class Call(Protocol):
    """One thing asked for."""

    def run(self, volume: Volume, caller: Caller) -> Steps[Any]:
        """Do it, on behalf of a caller."""
        ...
