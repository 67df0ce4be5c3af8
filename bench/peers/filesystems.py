"""Filesystems that a folder is copied into: btrfs with duperemove, and cairnfs."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.mounts import UNMOUNT_SECONDS_MAX, BenchProblem, force_unmount, run_command
from bench.peers.tools import Copy, Held, Watch, held_by, run_tool
from bench.systems import COMMAND

IMAGE_BYTES_MIN = 512 << 20


class Btrfs:
    """btrfs in an image, compressing with zstd; duperemove then shares equal extents."""

    name = "btrfs + duperemove"
    needs: Sequence[str] = ("mkfs.btrfs", "duperemove", "mount")

    def copy(self, source: Path, home: Path) -> Copy:
        """Fill an image; what counts is what the filesystem calls used."""
        image, folder = home / "image", home / "mount"
        size = max(IMAGE_BYTES_MIN, 2 * held_by(source).allotted_bytes)
        with image.open("wb") as file:
            file.truncate(size)
        run_tool("mkfs.btrfs", "--quiet", "--metadata=single", "--data=single", image)
        folder.mkdir()
        with _mounted(image, folder):
            watch = Watch()
            run_tool("cp", "-a", f"{source}/.", folder / "copy")
            run_tool("sync", "--file-system", folder)
            run_tool("duperemove", "-d", "-r", "-q", folder / "copy")
            run_tool("sync", "--file-system", folder)
            seconds = watch.seconds()
            figures = os.statvfs(folder)
        used = (figures.f_blocks - figures.f_bfree) * figures.f_frsize
        return Copy(Held(used, used), seconds)


@contextmanager
def _mounted(image: Path, folder: Path) -> Iterator[None]:
    run_tool("mount", "-o", "loop,compress=zstd", image, folder)
    try:
        yield
    finally:
        run_command(["umount", folder], UNMOUNT_SECONDS_MAX)


class Cairnfs:
    """This project, through a mount. Every file of the store counts.

    With a strategy, `cairnfs optimize` goes over the store after it was unmounted.
    """

    needs: Sequence[str] = ("cp",)

    def __init__(self, name: str, strategy: str | None = None) -> None:
        self.name = name
        self._strategy = strategy

    def copy(self, source: Path, home: Path) -> Copy:
        """Copy into a new store and unmount."""
        store, folder = home / "store", home / "mount"
        folder.mkdir()
        run_tool(*COMMAND, "mkfs", store)
        run_tool(*COMMAND, "mount", store, folder)
        watch = Watch()
        try:
            run_tool("cp", "-a", f"{source}/.", folder / "copy")
            run_tool(*COMMAND, "umount", folder)
        except BenchProblem:
            force_unmount(folder)
            raise
        if self._strategy is not None:
            run_tool(*COMMAND, "optimize", "run", "--strategy", self._strategy, "--store", store)
        return Copy(held_by(store), watch.seconds())


def can_optimize() -> bool:
    """Whether this version of the project has `cairnfs optimize`."""
    try:
        run_tool(*COMMAND, "optimize", "run", "--help")
    except BenchProblem:
        return False
    return True
