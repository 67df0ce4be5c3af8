"""Whether what lies in a store folder lies there itself, before anything in it is written.

Where a file or folder of a store is a symbolic link, writing to the store would write somewhere
else: with the rights of who opens it, and decided by who could put the link there. Packs are left
out: they are made anew (O_EXCL), and whatever is read of them is verified.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from fsmodel.errors import StoreDamaged
from fsmodel.store.host_files import host_failures
from fsmodel.store.layout import StoreLayout


def require_own_files(layout: StoreLayout) -> None:
    """Raises StoreDamaged when a link is among a store's files; BackendError.

    The configuration, which is only read, may be one.
    """
    for place in _links(layout):
        if place != layout.configuration:
            raise StoreDamaged(
                f"{place} is a symbolic link, and all of a store lies in its folder: "
                "put what it leads to in its place",
                place.name,
            )


def _links(layout: StoreLayout) -> Iterator[Path]:
    own = (layout.index, layout.journal, layout.packs, layout.rebuilding, layout.rebuilt)
    for folder in (layout.folder, *own):
        if folder.is_dir():
            with host_failures(folder), os.scandir(folder) as entries:
                yield from (Path(entry.path) for entry in entries if entry.is_symlink())
