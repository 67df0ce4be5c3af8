"""System calls as another user, without another process.

Linux keeps credentials per thread; it is the C library that changes them in all threads at once.
The bare system calls used here change the calling thread alone, in a few microseconds, and leave
a watchdog in another thread the rights it needs. The saved uid stays 0, which is the way back.
"""

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pytest

NOBODY: Final = 65534
USER: Final = 65533  # two users and a group that nothing on a machine belongs to
OTHER: Final = 65532
SHARED_GROUP: Final = 65531

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can act as several users; run the tests as root"
)

_SETRESUID: Final = {"x86_64": 117, "aarch64": 147}
_SETRESGID: Final = {"x86_64": 119, "aarch64": 149}
_SETGROUPS: Final = {"x86_64": 116, "aarch64": 159}
_MACHINE: Final = os.uname().machine
_libc: Final = ctypes.CDLL(None, use_errno=True)


@contextmanager
def as_user(uid: int, gid: int | None = None, groups: Sequence[int] = ()) -> Iterator[None]:
    """Be that user in this thread; `gid` is the uid's number unless given. Needs root."""
    former_groups = os.getgroups()
    _become(uid, uid if gid is None else gid, groups)
    try:
        yield
    finally:
        _call(_SETRESUID, 0, 0, 0)
        _become(0, 0, former_groups)


def _become(uid: int, gid: int, groups: Sequence[int]) -> None:
    array = (ctypes.c_uint32 * len(groups))(*groups)
    _call(_SETGROUPS, len(groups), array)
    _call(_SETRESGID, gid, gid, 0)
    _call(_SETRESUID, uid, uid, 0)


def _call(numbers: dict[str, int], *arguments: object) -> None:
    converted = [
        ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments
    ]
    if _libc.syscall(ctypes.c_long(numbers[_MACHINE]), *converted) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
