"""One client of a soak: works in a folder of its own and knows what must be in it.

    python -m tests.support.load.client FOLDER STORE RESULT SECONDS SEED [FAULT]

It does everything a program does to files, and now and then has the daemon make a snapshot or
collect garbage. Whatever it reads is compared with what it wrote, which it keeps in memory. How
long each call took goes to RESULT. Any difference, and any error, ends it with a message. A FAULT
is planted to see that it is noticed: at the end it takes a byte for another one.
"""

import json
import os
import random
import sys
import time
from array import array
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from daemon.control_client import ControlClient
from daemon.problems import RequestFailed

FILES_MAX: Final = 24
SIZES: Final = (0, 1, 300, 4_096, 30_000, 70_000, 250_000)
BLOCK: Final = 4096
BUSY: Final = "Busy"  # what a second collection at a time is refused with
# How often each kind of work is done, beside the others.
SHARES: Final = {
    "write": 10,
    "overwrite": 10,
    "append": 8,
    "fsync": 6,
    "read": 20,
    "read_all": 8,
    "metadata": 16,
    "list": 6,
    "rename": 6,
    "replace": 4,
    "unlink": 5,
}
COMMANDS: Final = {"snapshot": 0.004, "gc": 0.001}  # chances; they cost all clients something


class Difference(AssertionError):
    """The mount shows something else than what was written."""


class Client:
    """A folder, what must be in it, and how long each kind of work took."""

    def __init__(self, folder: Path, store: Path, seed: int) -> None:
        self._folder = folder
        self._store = store
        self._dice = random.Random(seed)
        self._files: dict[str, bytearray] = {}
        self._numbers = 0
        self.took: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))  # microseconds

    def work(self, seconds: float) -> None:
        """Go on for so long. Raises Difference, OSError."""
        end = time.monotonic() + seconds
        for kind in ("write", "write", *SHARES, "snapshot", "gc"):  # each at least once
            self._do(kind)
        kinds, shares = list(SHARES), list(SHARES.values())
        while time.monotonic() < end:
            for kind, chance in COMMANDS.items():
                if self._dice.random() < chance:
                    self._do(kind)
            self._do(self._dice.choices(kinds, shares)[0])

    def spoil(self) -> None:
        """Plant a fault: take a byte for another one."""
        self._write()
        while not any(self._files.values()):
            self._write()
        name = next(name for name, data in self._files.items() if data)
        self._files[name][0] ^= 1

    def _do(self, kind: str) -> None:
        if not self._files:
            self._write()
        method: Callable[[], None] = getattr(self, f"_{kind}")
        begun = time.perf_counter_ns()
        method()
        self.took[kind].append((time.perf_counter_ns() - begun) // 1000)

    def _write(self) -> None:
        name = f"f{self._numbers}" if len(self._files) < FILES_MAX else self._any()
        self._numbers += 1
        data = self._bytes()
        (self._folder / name).write_bytes(data)
        self._files[name] = bytearray(data)

    def _overwrite(self) -> None:
        name = self._any()
        data, before = self._bytes(), self._files[name]
        offset = self._dice.randint(0, len(before) + BLOCK)
        self._put(name, offset, data, sync=False)

    def _append(self) -> None:
        name = self._any()
        self._put(name, len(self._files[name]), self._bytes(), sync=False)

    def _fsync(self) -> None:
        name = self._any()
        blocks = len(self._files[name]) // BLOCK
        offset = self._dice.randint(0, blocks) * BLOCK
        self._put(name, offset, self._dice.randbytes(BLOCK), sync=True)

    def _read(self) -> None:
        name = self._any()
        expected = self._files[name]
        offset = self._dice.randint(0, len(expected))
        with (self._folder / name).open("rb", buffering=0) as file:
            found = os.pread(file.fileno(), BLOCK, offset)
        _require(found == expected[offset : offset + BLOCK], f"{name}: other bytes at {offset}")

    def _read_all(self) -> None:
        name = self._any()
        _require((self._folder / name).read_bytes() == self._files[name], f"{name}: other bytes")

    def _metadata(self) -> None:
        name = self._any()
        mode, mark = self._dice.choice((0o600, 0o640, 0o644)), self._dice.randbytes(20)
        path = self._folder / name
        path.chmod(mode)
        os.setxattr(path, "user.mark", mark)
        status = path.stat()
        _require(status.st_size == len(self._files[name]), f"{name}: {status.st_size} bytes")
        _require(status.st_mode & 0o7777 == mode, f"{name}: another mode")
        _require(os.getxattr(path, "user.mark") == mark, f"{name}: another attribute")

    def _list(self) -> None:
        sizes = {entry.name: entry.stat().st_size for entry in os.scandir(self._folder)}
        _require(sizes == {name: len(data) for name, data in self._files.items()}, "other names")

    def _rename(self) -> None:
        name, other = self._any(), f"f{self._numbers}"
        self._numbers += 1
        (self._folder / name).rename(self._folder / other)
        self._files[other] = self._files.pop(name)

    def _replace(self) -> None:
        name, data = self._any(), self._bytes()
        temporary = self._folder / "temporary"
        with temporary.open("wb", buffering=0) as file:
            _write_all(file.fileno(), data, 0)
            os.fsync(file.fileno())
        temporary.rename(self._folder / name)
        self._files[name] = bytearray(data)

    def _unlink(self) -> None:
        name = self._any()
        (self._folder / name).unlink()
        del self._files[name]

    def _snapshot(self) -> None:
        """Make one, find a file of ours in it as it is now, and delete it."""
        name, file = f"{self._folder.name}-{self._numbers}", self._any()
        self._numbers += 1
        self._ask("snapshot-create", {"name": name})
        mount = self._folder.parent
        found = (mount / ".snapshots" / name / self._folder.name / file).read_bytes()
        _require(found == self._files[file], f"{file}: other bytes in snapshot {name}")
        self._ask("snapshot-delete", {"name": name})

    def _gc(self) -> None:
        try:
            self._ask("gc", {})
        except RequestFailed as refusal:
            if refusal.kind != BUSY:
                raise

    def compare_all(self) -> None:
        """Every name and byte. Raises Difference, OSError."""
        self._list()
        for name, data in self._files.items():
            _require((self._folder / name).read_bytes() == data, f"{name}: other bytes at the end")

    def _ask(self, command: str, arguments: dict[str, Any]) -> None:
        with ControlClient(self._store) as control:
            control.ask(command, arguments)

    def _any(self) -> str:
        return self._dice.choice(list(self._files))

    def _bytes(self) -> bytes:
        """Some of them much like others, so that there are deltas and repeated chunks."""
        size = self._dice.choice(SIZES)
        if self._dice.random() < 0.5:
            return self._dice.randbytes(size)
        return random.Random(self._dice.randrange(20)).randbytes(size)

    def _put(self, name: str, offset: int, data: bytes, *, sync: bool) -> None:
        with (self._folder / name).open("r+b", buffering=0) as file:
            _write_all(file.fileno(), data, offset)
            if sync:
                os.fsync(file.fileno())
        known = self._files[name]
        if data:
            known.extend(bytes(max(offset - len(known), 0)))
            known[offset : offset + len(data)] = data


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise Difference(message)


def main(
    folder: Path, store: Path, result: Path, seconds: float, seed: int, *, fault: bool
) -> None:
    """Work, and leave the times."""
    client = Client(folder, store, seed)
    client.work(seconds)
    if fault:
        client.spoil()
    client.compare_all()
    result.write_text(json.dumps({kind: list(took) for kind, took in client.took.items()}))


if __name__ == "__main__":
    folder, store, result, seconds, seed, *rest = sys.argv[1:]
    main(Path(folder), Path(store), Path(result), float(seconds), int(seed), fault=bool(rest))
