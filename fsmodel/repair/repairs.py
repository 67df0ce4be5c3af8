"""What a repair has done, and where it keeps what it takes out of the index.

Rows that are removed go to a file in quarantine/ first, a JSON object a line: the table, and key
and value in hexadecimal. So whoever knows better can put them back.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fsmodel.rebuild.bulk import Bulk
from fsmodel.store.host_files import host_failures, sync_folder, write_at
from fsmodel.store.layout import FOLDER_MODE, StoreLayout
from fsmodel.upkeep.findings import Finding, Part
from lmdb_index.records import RawRecord
from lmdb_index.schema import Record, Table
from lmdb_index.values import CODECS


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that was put right."""

    part: Part
    text: str


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair found, did and left."""

    inodes: int
    objects: int
    findings: tuple[Finding, ...]  # what is left
    repaired: tuple[Repair, ...]
    set_aside: tuple[str, ...]  # what came into the store's quarantine/

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong any more."""
        return not self.findings


class Repairs:
    """Takes notes of repairs, and keeps rows that are removed."""

    def __init__(self, layout: StoreLayout, now_ns: int) -> None:
        self._layout = layout
        self._moment = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
        self._descriptor: int | None = None
        self._end = self._synced_end = 0
        self.done: list[Repair] = []
        self.set_aside: list[str] = []

    def note(self, part: Part, text: str) -> None:
        """Say what was put right."""
        self.done.append(Repair(part, text))

    def remove(self, bulk: Bulk, table: Table[Record], key: bytes) -> None:
        """Delete a row that can be read, if it is there; what it says is kept."""
        row = bulk.index.get(table, key)
        if row is None:
            return
        if not isinstance(row, RawRecord) or row.value:
            self.keep(table, key, CODECS[table.number].seal(key, row))
        bulk.delete(table, key)

    def keep(self, table: Table[Any], key: bytes, value: bytes) -> None:
        """Write down a row that is going to be removed. Raises NoSpace, BackendError."""
        line = {"table": table.name.decode(), "key": key.hex(), "value": value.hex()}
        data = json.dumps(line).encode() + b"\n"
        with host_failures(self._layout.quarantine):
            if self._descriptor is None:
                self._descriptor = self._open()
            write_at(self._descriptor, [data], self._end)
        self._end += len(data)

    def sync(self) -> None:
        """Make what was kept durable, before it is gone from the index for good.

        Raises NoSpace, BackendError.
        """
        if self._descriptor is not None and self._synced_end < self._end:
            with host_failures(self._layout.quarantine):
                os.fsync(self._descriptor)
                sync_folder(self._layout.quarantine)
            self._synced_end = self._end

    def close(self) -> None:
        """Let go of the file. Raises NoSpace, BackendError when not all of it became durable."""
        if self._descriptor is not None:
            try:
                self.sync()
            finally:
                os.close(self._descriptor)
                self._descriptor = None

    def _open(self) -> int:
        """A new file for rows."""
        folder = self._layout.quarantine
        folder.mkdir(FOLDER_MODE, exist_ok=True)
        name = f"rows-{self._moment:%Y-%m-%dT%H-%M-%SZ}"
        path, attempt = folder / f"{name}.jsonl", 1
        while path.exists():
            attempt += 1
            path = folder / f"{name}-{attempt}.jsonl"
        self.set_aside.append(f"{folder.name}/{path.name}")
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
