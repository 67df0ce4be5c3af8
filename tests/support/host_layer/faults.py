"""Letting chosen calls of the host fail, from inside a program that runs on the layer."""

import ctypes
from pathlib import Path
from typing import Final, NamedTuple

# Twins of those in layer.c.
CALLS: Final = (
    "open read write truncate allocate rename unlink mkdir rmdir fsync fdatasync statvfs mmap list"
).split()
ANY_CALL: Final = -1
SHORT_WRITE: Final = 0  # instead of an errno
NEVER: Final = 1 << 40


class Fired(NamedTuple):
    """Where a fault has struck."""

    times: int
    call: str
    place: str  # below the folder, without numbers of files


class Layer:
    """The layer under this program. Raises OSError when there is none."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.layer_seen.restype = ctypes.c_long
        self._library.layer_fired.restype = ctypes.c_long
        self._library.layer_fired_at.restype = ctypes.c_char_p
        self._library.layer_fault.argtypes = [
            ctypes.c_int,
            ctypes.c_long,
            ctypes.c_int,
            ctypes.c_long,
        ]

    def watch(self, folder: Path) -> None:
        """Mind this folder from now on, and no other."""
        self._library.layer_watch(str(folder).encode())

    def fail(self, number: int, error: int, *, times: int = 1, call: int = ANY_CALL) -> None:
        """Let a call fail, counted from now on, and so many in all."""
        self._library.layer_fault(call, number, error, times)

    def disarm(self) -> None:
        """Let nothing fail any more."""
        self.fail(NEVER, 0)

    @property
    def seen(self) -> int:
        """Calls since `fail`."""
        return int(self._library.layer_seen())

    @property
    def fired(self) -> Fired:
        """What has failed since `fail`."""
        place = self._library.layer_fired_at().decode()
        call = CALLS[self._library.layer_fired_call()]
        return Fired(int(self._library.layer_fired()), call, _kind(place))


def _kind(place: str) -> str:
    """Which part of a store a path belongs to: `journal/*.wal` for all segments."""
    part, _, name = place.rpartition("/")
    if name[:1].isdigit():
        name = "*." + name.partition(".")[2] if "." in name else "*"
    return f"{part.partition('/')[0]}/{name}" if part else name
