"""Writers on a mount, the daemon killed under them, and what must be there afterwards."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from tests.support.mounted import COMMAND, MountedStore
from tests.support.processes import PROJECT
from tests.support.recorded_writer import (
    FOLDERS,
    Action,
    File,
    Model,
    expected_after,
    look,
)

WRITER_SECONDS: Final = 60  # for a writer to notice that the daemon is gone


class Writer:
    """One process that changes a folder of its own, and what is known of that folder."""

    def __init__(self, store: MountedStore, name: str) -> None:
        self.root = store.mountpoint / name
        self.record = store.folder / f"{name}.record"
        self.process: subprocess.Popen[bytes] | None = None
        self.known = Model()
        for folder in (self.root, *(self.root / sub for sub in FOLDERS)):
            folder.mkdir()

    def start(self, seed: int) -> None:
        """Begin to change the folder."""
        self.record.write_bytes(b"")
        module = "tests.support.recorded_writer"
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, self.record, str(seed)],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            cwd=self.root,  # so that it stays in the mount, should that be detached
            stderr=subprocess.PIPE,
        )

    def wait_for_first_action(self) -> None:
        """Starting an interpreter takes longer than many a writer is to live."""
        assert self.process is not None, "not started"
        deadline = time.monotonic() + WRITER_SECONDS
        while b"done" not in self.record.read_bytes():
            assert time.monotonic() < deadline, "the writer does nothing"
            assert self.process.poll() is None, self.process.communicate()[1].decode()
            time.sleep(0.005)

    def give_up(self) -> None:
        """Let nothing run on, whatever has become of the others."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            self.process.communicate()

    def finish(self) -> None:
        """The daemon is gone: the writer must have ended for that reason alone."""
        assert self.process is not None, "not started"
        _, errors = self.process.communicate(timeout=WRITER_SECONDS)
        assert self.process.returncode == 0, errors.decode()

    def verify(self) -> int:
        """Compare the folder with the record; returns how many actions were acknowledged."""
        actual = look(self.root)
        expected, pending = expected_after(self.known, self.record)
        if pending is None:
            require_equal(actual, expected)
        elif pending.is_atomic:
            require_before_or_after(actual, expected, pending)
        else:
            require_equal_but_for_one(actual, expected, pending)
        (self.root / "temporary").unlink(missing_ok=True)
        self.known = actual
        return self.record.read_text().count("done")


def require_equal(actual: Model, expected: Model) -> None:
    """Same names, and the same for each; names of one file are names of one file."""
    assert set(actual.files) == set(expected.files)
    for name, file in expected.files.items():
        require_same_file(name, actual.files[name], file)
    for model, other in ((actual, expected), (expected, actual)):
        for name, file in model.files.items():
            same = {twin for twin, found in model.files.items() if found is file}
            assert all(other.files[name] is other.files[twin] for twin in same)


def require_same_file(name: str, actual: File, expected: File) -> None:
    """Same bytes, mode and attribute."""
    sizes = f"{len(actual.data)} bytes, {len(expected.data)} were acknowledged"
    assert len(actual.data) == len(expected.data), f"{name}: {sizes}"
    assert actual.data == expected.data, f"{name}: other bytes"
    assert (actual.mode, actual.mark) == (expected.mode, expected.mark), name


def require_before_or_after(actual: Model, before: Model, pending: Action) -> None:
    """An atomic action that was under way has happened, or has not."""
    try:
        require_equal(actual, before)
    except AssertionError:
        before.apply(pending)
        require_equal(actual, before)


def require_equal_but_for_one(actual: Model, before: Model, pending: Action) -> None:
    """Of a write that was under way any part may be there, but nothing else."""
    old = before.files.get(pending.name, File()).data
    before.apply(pending)
    touched = before.files[pending.name]
    if pending.name not in actual.files and pending.verb == "create" and not old:
        del before.files[pending.name]
    else:
        found = actual.files[pending.name].data
        assert len(found) >= (0 if pending.verb == "create" else len(old))  # only that one cuts
        require_mixed(found, old, touched.data)
        touched.data = found
    require_equal(actual, before)


def require_mixed(found: bytes, old: bytes, new: bytes) -> None:
    """Every byte is an old one, a new one, or of a hole; there are no more than either has."""
    length = len(found)
    assert length <= max(len(old), len(new))
    candidates = (old.ljust(length, b"\0"), new.ljust(length, b"\0"))
    if found in (candidate[:length] for candidate in candidates):
        return
    for at, byte in enumerate(found):
        assert byte in {0, *old[at : at + 1], *new[at : at + 1]}, "a byte that nobody wrote"


def rounds_of_kills(
    store: MountedStore, writers: int, kills: int, seed: int, kill: Callable[[random.Random], None]
) -> int:
    """Let writers work, kill, mount, compare, again and again; returns the actions that counted."""
    dice = random.Random(seed)
    crew = [Writer(store, f"writer{number}") for number in range(writers)]
    acknowledged = 0
    try:
        for _ in range(kills):
            for writer in crew:
                writer.start(dice.randrange(1 << 32))
            crew[0].wait_for_first_action()
            kill(dice)
            for writer in crew:
                writer.finish()
            if not store.is_alive:
                store.mount()
            acknowledged += sum(writer.verify() for writer in crew)
            store.require_clean()
    finally:
        for writer in crew:
            writer.give_up()
    return acknowledged


def start_and_kill_daemon(store: MountedStore, after_seconds: float) -> None:
    """Begin to mount, and kill the daemon while it opens, recovers or already serves."""
    options = ["--foreground", "-o", store.option_text()]
    daemon = subprocess.Popen(
        [*COMMAND, "mount", *options, str(store.store), str(store.mountpoint)],
        env={**os.environ, **store.environment},
        stderr=subprocess.DEVNULL,
    )
    time.sleep(after_seconds)
    daemon.kill()
    daemon.wait(WRITER_SECONDS)
