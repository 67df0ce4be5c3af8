"""The connection to the kernel: made, served, ended. pyfuse3 allows one to a process."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyfuse3

from daemon.arrivals import Arrivals
from daemon.mount_options import MountOptions, libfuse_options
from daemon.mounting import last_line
from daemon.problems import MountProblem
from daemon.request_turns import take_turns

STANDARD_ERROR = 2

_log = logging.getLogger(__name__)


class FuseSession:
    """A mounted filesystem, from `mount` until `close`."""

    def __init__(self, mountpoint: str) -> None:
        self.mountpoint = mountpoint

    @classmethod
    def mount(
        cls, operations: pyfuse3.Operations, mountpoint: str, store: str, options: MountOptions
    ) -> "FuseSession":
        """Mount at a resolved path. Raises MountProblem with what libfuse had to say."""
        with _standard_error_kept() as kept:
            failure = _try_mount(operations, mountpoint, libfuse_options(options, store))
        kept.seek(0)
        said = kept.read()
        kept.close()
        if failure is not None:
            reason = last_line(said) if said else str(failure)
            raise MountProblem(f"{mountpoint} could not be mounted: {reason}") from failure
        if said:
            _log.warning("libfuse, when it mounted: %s", last_line(said))
        return cls(mountpoint)

    async def serve(self, arrivals: Arrivals) -> None:
        """Answer the kernel until the filesystem is unmounted or `end` is called."""
        with take_turns(arrivals):
            await pyfuse3.main()

    def end(self) -> None:
        """Have `serve` return, mounted or not."""
        pyfuse3.terminate()

    def close(self, *, detached: bool) -> None:
        """Let go of the kernel. Unless the mount is `detached` already, detach it if it is there.

        libfuse leaves the path alone once the kernel has ended the connection, but not when the
        mount was only detached: then another one may be there by now.
        """
        pyfuse3.close(unmount=not detached)


def _try_mount(
    operations: pyfuse3.Operations, mountpoint: str, options: frozenset[str]
) -> RuntimeError | None:
    try:
        pyfuse3.init(operations, mountpoint, set(options))
    except RuntimeError as error:
        return error
    return None


@contextmanager
def _standard_error_kept() -> Iterator[BinaryIO]:
    """Standard error of C code and of programs started meanwhile goes to the file given."""
    original = os.dup(STANDARD_ERROR)
    kept = open(os.memfd_create("standard-error"), "w+b")  # noqa: SIM115  # the caller reads it
    os.dup2(kept.fileno(), STANDARD_ERROR)
    try:
        yield kept
    finally:
        os.dup2(original, STANDARD_ERROR)
        os.close(original)
