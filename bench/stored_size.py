"""What a folder takes in a store: copied in without a mount, with deltas and without.

    python -m bench.stored_size FOLDER... [--delta-level N] [--depth N] [--level N]

Each folder gets a store of its own in a temporary folder. The figures are bytes of files in that
store: packs, index and journal, after a clean close.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.settings import VolumeSettings
from fsmodel.statistics import VolumeStatistics
from fsmodel.steps import run_inline
from fsmodel.volume import Volume

PIECE_BYTES = 1 << 20
SPILL_BYTES = 4 << 20
PARTS = ("packs", "index", "journal")
OWNER = Creator(uid=0, gid=0)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a copy took."""

    packs_bytes: int
    index_bytes: int
    journal_bytes: int
    seconds: float
    figures: VolumeStatistics

    @property
    def total_bytes(self) -> int:
        """All that counts when stores are compared."""
        return self.packs_bytes + self.index_bytes + self.journal_bytes


def copy_file(volume: Volume, source: Path, inode: InodeId) -> None:
    """Write a file as a stream, chunked on the way when it is long."""
    volume.open_file(inode, writing=True)
    offset = 0
    with source.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            state = volume.write(inode, offset, piece)
            offset += len(piece)
            if state.dirty_bytes >= SPILL_BYTES:
                run_inline(volume.contents.settle(inode, whole=False))
    run_inline(volume.contents.settle(inode))
    volume.close_file(inode)


def copy_tree(volume: Volume, source: Path, parent: InodeId) -> None:
    """Copy what a folder holds, in the order of names."""
    for entry in sorted(source.iterdir()):
        name = entry.name.encode()
        if entry.is_dir():
            made = volume.make_directory(parent, name, 0o755, OWNER)
            copy_tree(volume, entry, made)
        elif entry.is_file() and not entry.is_symlink():
            copy_file(volume, entry, volume.make_node(parent, name, 0o100644, 0, OWNER))
        if volume.needs_checkpoint:
            volume.checkpoint()


def folder_bytes(folder: Path) -> int:
    """Bytes of the files below a folder, holes left out."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def store_folder(source: Path, settings: VolumeSettings) -> Stored:
    """Copy a folder into a new store, and say what that took."""
    with tempfile.TemporaryDirectory(prefix="cairnfs-size-") as scratch:
        store = Path(scratch) / "store"
        Volume.create(store, plain=True)
        volume = Volume.open(store, settings=settings)
        begun = time.perf_counter()
        copy_tree(volume, source, ROOT_INODE)
        seconds = time.perf_counter() - begun
        figures = volume.statistics()
        volume.close()
        packs, index, journal = (folder_bytes(store / part) for part in PARTS)
    return Stored(packs, index, journal, seconds, figures)


def line(name: str, mode: str, stored: Stored) -> str:
    """One row of the table."""
    figures = stored.figures
    megabytes = (
        figures.logical_bytes,
        stored.total_bytes,
        stored.packs_bytes,
        stored.index_bytes,
        stored.journal_bytes,
        figures.delta_saved_bytes,
    )
    numbers = " ".join(f"{size / 1e6:9.2f}" for size in megabytes)
    chunks = f"{figures.files:7d} {figures.chunks:7d} {figures.delta_chunks:7d}"
    return f"{name:<10} {mode:<6} {numbers} {chunks} {stored.seconds:7.1f}"


HEADER = (
    "folder     mode     logical    stored     packs     index   journal     saved"
    "   files  chunks  deltas seconds"
)


def main(arguments: Sequence[str]) -> None:
    """Measure each folder with deltas and without."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--level", type=int, default=3)
    parser.add_argument("--delta-level", type=int, default=3)
    parser.add_argument("--depth", type=int, default=8)
    options = parser.parse_args(arguments)
    print(HEADER)
    for folder in options.folders:
        for mode in ("plain", "delta"):
            settings = VolumeSettings(
                compression_level=options.level,
                delta=mode == "delta",
                delta_level=options.delta_level,
                delta_depth_max=options.depth,
            )
            print(line(folder.name, mode, store_folder(folder, settings)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
