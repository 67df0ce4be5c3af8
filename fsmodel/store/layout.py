"""Where everything in a store folder lies.

    STORE/
      format.json     what the store is (format_file.py)
      cairnfs.toml    its configuration
      index/          the LMDB environment
      packs/LL/NNNNNNNNNNNNNNNN.pack    N: the pack's number in hex; LL: its last two digits
      journal/        write-ahead log segments
      quarantine/     what scrub, recovery or a rebuild of the index set aside
      rebuild/        a new index while it is being made
      lock            held while a process uses the store (lock.py)
      daemon.json, control.sock         of the daemon that serves it

Folders have mode 0700, files 0600: what users store is theirs alone.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fsmodel.errors import StoreExists
from fsmodel.ids import PackId
from fsmodel.store.host_files import host_failures, sync_folder

FOLDER_MODE: Final = 0o700
PACK_NUMBER_MAX: Final = (1 << 64) - 1
_FAN_OUT_NAME: Final = re.compile(r"[0-9a-f]{2}")
_PACK_NAME: Final = re.compile(r"([0-9a-f]{16})\.pack")


@dataclass(frozen=True, slots=True)
class StoreLayout:
    """The paths of one store. Nothing is touched unless a method says so."""

    folder: Path

    @property
    def format_file(self) -> Path:
        """What the store is; a folder without it is no store."""
        return self.folder / "format.json"

    @property
    def configuration(self) -> Path:
        """The settings of this store; may be missing."""
        return self.folder / "cairnfs.toml"

    @property
    def index(self) -> Path:
        """Folder of the LMDB environment."""
        return self.folder / "index"

    @property
    def journal(self) -> Path:
        """Folder of the write-ahead log."""
        return self.folder / "journal"

    @property
    def packs(self) -> Path:
        """Folder of the folders that hold the packs."""
        return self.folder / "packs"

    @property
    def quarantine(self) -> Path:
        """Folder of what scrub or recovery set aside, never deleted silently."""
        return self.folder / "quarantine"

    @property
    def rebuilding(self) -> Path:
        """Where a new index is made before it takes the old one's place."""
        return self.folder / "rebuild"

    @property
    def rebuilt(self) -> Path:
        """The new index once it is complete, while it takes that place."""
        return self.folder / "rebuilt"

    @property
    def lock_file(self) -> Path:
        """Held with flock while a process uses the store."""
        return self.folder / "lock"

    @property
    def daemon_file(self) -> Path:
        """What the daemon that serves the store says about itself."""
        return self.folder / "daemon.json"

    @property
    def control_socket(self) -> Path:
        """Where that daemon listens."""
        return self.folder / "control.sock"

    def pack(self, number: PackId) -> Path:
        """The file of a pack, by its number."""
        assert 0 <= number <= PACK_NUMBER_MAX
        name = f"{number:016x}"
        return self.packs / name[-2:] / f"{name}.pack"

    def pack_size(self, number: PackId) -> int | None:
        """Bytes of a pack's file; None when it is missing."""
        try:
            return self.pack(number).stat().st_size
        except FileNotFoundError:
            return None

    def pack_numbers(self) -> Iterator[PackId]:
        """The numbers of the pack files that exist, in no order; other files are passed over.

        Raises BackendError when a folder cannot be read; a missing `packs` holds none.
        """
        if not self.packs.is_dir():
            return
        for fan_out in _names(self.packs):
            if _FAN_OUT_NAME.fullmatch(fan_out) is None:
                continue
            for name in _names(self.packs / fan_out):
                match = _PACK_NAME.fullmatch(name)
                if match is not None and match[1].endswith(fan_out):
                    yield PackId(int(match[1], 16))

    def create(self) -> None:
        """Make the store folder, its parents and the folders in it, private to the user (0700).

        An empty folder that exists is taken over. Raises StoreExists when it is not empty or no
        folder; NoSpace, BackendError.
        """
        with host_failures(self.folder):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._take_folder()
            for folder in (self.packs, self.quarantine):
                folder.mkdir(FOLDER_MODE)
            sync_folder(self.folder)
            sync_folder(self.folder.parent)

    def _take_folder(self) -> None:
        try:
            self.folder.mkdir(FOLDER_MODE)
        except FileExistsError:
            if not self.folder.is_dir():
                raise StoreExists(f"{self.folder} is no folder: name another place") from None
            if os.listdir(self.folder):
                raise StoreExists(
                    f"{self.folder} is not empty: name an empty folder or one that is not there yet"
                ) from None
            self.folder.chmod(FOLDER_MODE)


def _names(folder: Path) -> list[str]:
    with host_failures(folder):
        return os.listdir(folder)
