"""Files that can be read without waiting, as packs are; not every file system knows that."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import pytest

LOOKS_MAX: Final = 1000
FILE_BYTES_MAX: Final = 2 << 20

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@contextmanager
def nowait_file(folder: Path, *pieces: bytes) -> Iterator[int]:
    """The descriptor of a new file that begins so; the test is skipped where it does not work."""
    descriptor = os.open(folder / "pack", os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC)
    try:
        os.writev(descriptor, pieces)
        try:
            os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError as error:
            pytest.skip(f"the host cannot: {error}")
        yield descriptor
    finally:
        os.close(descriptor)


def looked_again(
    descriptor: int,
    read: Callable[Arguments, Answer],
    *arguments: Arguments.args,
    **options: Arguments.kwargs,
) -> Answer:
    """What such a read answers; the host may have had to let go of the file's bytes before."""
    for _ in range(LOOKS_MAX):
        try:
            return read(*arguments, **options)
        except BlockingIOError:
            os.pread(descriptor, FILE_BYTES_MAX, 0)
    return read(*arguments, **options)
