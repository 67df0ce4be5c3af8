"""A disk that keeps what was synced, and of the rest what it likes, when the power goes.

Journal segments and packs only ever grow, so what is synced of a file is its first so many bytes.
Of the others, a loss of power leaves some, none, or blocks of zeros; each file on its own. A name
is durable once its folder was synced; a deleted file can come back until then. LMDB's file is left
as it is: a commit writes and syncs it in an order of its own, and none is under way in between.
"""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

BLOCK = 4096
GROWING = (".wal", ".pack")


class Disk:
    """What is durable of some stores. Syncs cost nothing while it watches."""

    def __init__(self) -> None:
        self._synced: dict[Path, int] = {}  # the first so many bytes of a file
        self._names: dict[Path, set[str]] = {}  # durable ones, by their folder
        self._deleted: dict[Path, bytes] = {}  # deleted files whose folder was not synced since
        self._calls = {name: getattr(os, name) for name in ("unlink", "rename", "ftruncate")}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note every sync, and what else changes what is durable."""
        watchers = {
            "fsync": self._sync,
            "fdatasync": self._sync,
            "unlink": self._unlink,
            "rename": self._rename,
            "ftruncate": self._truncate,
        }
        with ExitStack() as stack:
            for name, watcher in watchers.items():
                stack.enter_context(mock.patch.object(os, name, watcher))
            yield

    def is_durable(self, path: Path) -> bool:
        """Whether a loss of power would leave a file as it is."""
        named = path.name in self._names.get(path.parent, ())
        return named and self._synced.get(path, 0) == path.stat().st_size

    def copy(self, store: Path, place: Path) -> Path:
        """What a kill leaves: all bytes, synced or not, in another folder."""
        shutil.copytree(store, place)
        for path in growing_files(store):
            self._synced[place / path.relative_to(store)] = self._synced.get(path, 0)
        for folder in [store, *filter(Path.is_dir, store.rglob("*"))]:
            self._names[place / folder.relative_to(store)] = set(self._names.get(folder, ()))
        return place

    def after_power_loss(self, store: Path, place: Path, chance: random.Random) -> Path:
        """What a loss of power leaves, in another folder, by chance."""
        self.copy(store, place)
        for path in growing_files(place):
            if path.name not in self._names[path.parent] and chance.random() < 0.5:
                path.unlink()
            else:
                self._tear(path, chance)
        for path, data in self._deleted.items():
            if path.is_relative_to(store) and chance.random() < 0.5:
                (place / path.relative_to(store)).write_bytes(data)
        self._all_durable(place)
        return place

    def _tear(self, path: Path, chance: random.Random) -> None:
        """Let bytes that were not synced be lost: from somewhere on, or some blocks of them."""
        data = bytearray(path.read_bytes())
        kept = self._synced[path]
        assert kept <= len(data)
        end = chance.choice([kept, len(data), chance.randint(kept, len(data))])
        del data[end:]
        if chance.random() < 0.3:
            for block in range(kept // BLOCK, len(data) // BLOCK + 1):
                if chance.random() < 0.5:
                    low, high = max(block * BLOCK, kept), min((block + 1) * BLOCK, len(data))
                    data[low:high] = bytes(max(high - low, 0))
        path.write_bytes(data)

    def _all_durable(self, place: Path) -> None:
        """What is found after a loss of power is on the disk."""
        for path in growing_files(place):
            self._synced[path] = path.stat().st_size
        for folder in filter(Path.is_dir, place.rglob("*")):
            self._names[folder] = set(os.listdir(folder))

    def _sync(self, descriptor: int) -> None:
        path = _path_of(descriptor)
        if path.is_dir():
            self._names[path] = set(os.listdir(path))
            for deleted in [each for each in self._deleted if each.parent == path]:
                del self._deleted[deleted]
        else:
            self._synced[path] = os.fstat(descriptor).st_size

    def _truncate(self, descriptor: int, length: int) -> None:
        path = _path_of(descriptor)
        self._synced[path] = min(self._synced.get(path, 0), length)
        self._calls["ftruncate"](descriptor, length)

    def _rename(self, source: Any, target: Any, **options: Any) -> None:
        self._synced[Path(target)] = self._synced.pop(Path(source), 0)
        self._calls["rename"](source, target, **options)

    def _unlink(self, path: Any, **options: Any) -> None:
        deleted = Path(path)
        if deleted.suffix in GROWING and not options:
            durable = self._synced.pop(deleted, 0)
            if deleted.name in self._names.get(deleted.parent, set()):
                self._deleted[deleted] = deleted.read_bytes()[:durable]
        self._calls["unlink"](path, **options)


def growing_files(store: Path) -> list[Path]:
    """Journal segments and packs."""
    return [path for path in sorted(store.rglob("*")) if path.suffix in GROWING]


def _path_of(descriptor: int) -> Path:
    return Path(os.readlink(f"/proc/self/fd/{descriptor}"))
