"""A program that changes a store at random, and says what it has begun, done and synced.

    python -m tests.support.host_layer.workload FOLDER SEED STEPS       under the layer

FOLDER/store is a store, made if it is not there. What the program says goes to FOLDER/said, so
that it stands in the layer's record among what happens to the store's files:

    began N     the change that leads to state N is under way
    done N      it is acknowledged
    synced N    nothing of state N may get lost any more

When the host fails it insists on a sync, and goes no further. At its end it writes what the states
looked like to FOLDER/views.

Times and the store's uuid are made from the seed, so that the same seed writes the same bytes.
"""

import contextlib
import os
import pickle
import random
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from unittest import mock
from uuid import UUID

from fsmodel import store_making
from fsmodel.errors import CairnError
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import RenameFlag
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.versions.policy import NO_VERSIONS
from fsmodel.volume import Volume
from tests.support.model_volume import Directory, File, ModelVolume, View
from tests.support.namespace_store import ManualClock
from tests.support.volumes import USER, collect_garbage, make_store, small_limits

SETTINGS: Final = (
    VolumeSettings(pack_bytes_max=30_000),
    VolumeSettings(pack_bytes_max=30_000, versions=NO_VERSIONS),
)
NAMES: Final = (b"a", b"b", b"c", b"d")
STEP_SECONDS: Final = 0.01
SIZES: Final = (0, 10, 700, 3_000, 9_000)
SNAPSHOT: Final = b"/.snapshots/"  # what stands before a snapshot's name in a view


class Workload:
    """A store, what it must look like, and random changes of both."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.store = folder / "store"
        self.settings = SETTINGS[seed % 2]
        self.clock = ManualClock()
        self.model = ModelVolume()
        self.snapshots: list[bytes] = []
        self.views: list[View] = [{}]
        self.done = 0  # of them
        self._said = os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.volume = Volume.open(self.store, settings=self.settings, clock=self.clock)
        self.synced()

    def step(self) -> None:
        """One change or more of a random kind."""
        self.clock.advance(STEP_SECONDS)
        actions: list[tuple[int, Callable[[], None]]] = [
            (4, self.make_file),
            (2, self.make_directory),
            (1, self.link),
            (3, self.remove),
            (4, self.rename),
            (2, self.set_attributes),
            (8, self.write),
            (2, self.truncate),
            (3, self.sync),
            (2, self.checkpoint),
            (1, self.snapshot),
            (1, self.collect),
            (1, self.pack_rows),
            (1, self.reopen),
        ]
        weights = [weight for weight, _ in actions]
        self.dice.choices([action for _, action in actions], weights)[0]()

    def make_file(self) -> None:
        """A file without bytes."""
        directory, name = self._directory(), self.dice.choice(NAMES)
        if name in directory.entries:
            return
        file = directory.entries[name] = File(InodeId(0), 0o644)
        with self._change():
            mode = stat.S_IFREG | 0o644
            file.inode = self.volume.make_node(directory.inode, name, mode, 0, USER)

    def make_directory(self) -> None:
        """A directory, unless there are enough."""
        directory, name = self._directory(), self.dice.choice(NAMES)
        if name in directory.entries or len(self.model.directories()) > 3:
            return
        made = directory.entries[name] = Directory(InodeId(0), 0o755)
        with self._change():
            made.inode = self.volume.make_directory(directory.inode, name, 0o755, USER)

    def link(self) -> None:
        """A second name."""
        directory, name, files = self._directory(), self.dice.choice(NAMES), self._files()
        if files and name not in directory.entries:
            file = directory.entries[name] = self.dice.choice(files)
            with self._change():
                self.volume.link(file.inode, directory.inode, name)

    def remove(self) -> None:
        """A name, if nothing is below it."""
        found = self._entry()
        if found is None:
            return
        parent, name, node = found
        if isinstance(node, Directory) and node.entries:
            return
        del parent.entries[name]
        with self._change():
            if isinstance(node, Directory):
                self.volume.rmdir(parent.inode, name)
            else:
                self.volume.unlink(parent.inode, name)

    def rename(self) -> None:
        """A file, over another one or in exchange for it."""
        found, target, name = self._entry(), self._directory(), self.dice.choice(NAMES)
        if found is None or not isinstance(found[2], File):
            return
        parent, old_name, node = found
        replaced = target.entries.get(name)
        if replaced is node or isinstance(replaced, Directory):
            return
        exchange = replaced is not None and self.dice.random() < 0.5
        del parent.entries[old_name]
        target.entries[name] = node
        if exchange and replaced is not None:
            parent.entries[old_name] = replaced
        with self._change():
            flags = RenameFlag.EXCHANGE if exchange else RenameFlag(0)
            self.volume.rename(parent.inode, old_name, target.inode, name, flags)

    def set_attributes(self) -> None:
        """A mode, or an extended attribute."""
        files = self._files()
        if not files:
            return
        file, value = self.dice.choice(files), self.dice.randbytes(self.dice.choice([1, 900]))
        if self.dice.random() < 0.5:
            file.mode = self.dice.choice([0o600, 0o644, 0o755])
            with self._change():
                self.volume.set_attributes(file.inode, AttributeChange(mode=file.mode))
        else:
            file.xattrs[b"user.a"] = value
            with self._change():
                self.volume.set_xattr(file.inode, b"user.a", value)

    def write(self) -> None:
        """Bytes somewhere in a file, which is then closed, or synced as a few bytes are."""
        files = self._files()
        if not files:
            return
        file = self.dice.choice(files)
        offset, data = self.dice.randrange(len(file.data) + 500), self._bytes()
        file.write(offset, data)
        file.kept = file.data
        self.volume.open_file(file.inode, writing=True)
        with self._change():
            self.volume.write(file.inode, offset, data)
            if self.dice.random() < 0.3 and self.volume.contents.can_log(file.inode):
                self.volume.contents.log_extents(file.inode)
            else:
                run_inline(self.volume.contents.settle(file.inode))
        self.volume.close_file(file.inode)

    def truncate(self) -> None:
        """A file to any size."""
        files = self._files()
        if files:
            file = self.dice.choice(files)
            size = self.dice.randrange(len(file.data) + 500)
            file.truncate(size)
            self.volume.open_file(file.inode, writing=True)
            with self._change():
                self.volume.truncate(file.inode, size)
            self.volume.close_file(file.inode)

    def sync(self) -> None:
        """What an fsync does."""
        durability = self.volume.durability
        durability.note_synced(durability.sync())
        self.synced()

    def checkpoint(self) -> None:
        """Commit the index, sometimes after writing a root."""
        if self.dice.random() < 0.5:
            run_inline(self.volume.write_root())
        self.volume.checkpoint()
        self.synced()

    def snapshot(self) -> None:
        """Make a snapshot, or delete one."""
        if self.snapshots and self.dice.random() < 0.5:
            name = self.snapshots.pop()
            with self._change():
                self.volume.snapshots.delete(name)
            return
        name = b"s%d" % len(self.views)
        self.snapshots.append(name)
        with self._change():
            run_inline(self.volume.snapshots.create(name))

    def collect(self) -> None:
        """Give back what nothing needs."""
        collect_garbage(self.volume)

    def pack_rows(self) -> None:
        """Put rows into blocks, and a smaller file in the place of the index."""
        run_inline(self.volume.index_upkeep.tidy())

    def reopen(self) -> None:
        """A clean end and a new start."""
        self.volume.close()
        self.synced()
        self.volume = Volume.open(self.store, settings=self.settings, clock=self.clock)

    def synced(self) -> None:
        """Say that all that is done is durable."""
        self._say("synced", self.done)

    def insist(self) -> None:
        """After a failure: sync again, as programs do that do not believe it."""
        for _ in range(3):
            with contextlib.suppress(CairnError):
                self.sync()

    def end(self) -> None:
        """A clean end."""
        self.volume.close()
        self.synced()
        os.close(self._said)

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """The model is changed already; the block does the same to the volume."""
        self.views.append(self._view())
        self._say("began", len(self.views) - 1)
        yield
        self.done = len(self.views) - 1
        self._say("done", self.done)

    def _view(self) -> View:
        marks: View = {SNAPSHOT + name: (0, 1, (), None) for name in self.snapshots}
        return self.model.view(kept=True) | marks

    def _say(self, what: str, number: int) -> None:
        os.write(self._said, f"{what} {number}\n".encode())

    def _bytes(self) -> bytes:
        """Noise, or something that resembles other files."""
        size = self.dice.choice(SIZES) + 1
        if self.dice.random() < 0.5:
            return self.dice.randbytes(size)
        shared = bytearray(random.Random(self.dice.randrange(3)).randbytes(size))
        shared[self.dice.randrange(size)] = self.dice.randrange(256)
        return bytes(shared)

    def _directory(self) -> Directory:
        return self.dice.choice(self.model.directories())

    def _files(self) -> list[File]:
        return self.model.named_files()

    def _entry(self) -> tuple[Directory, bytes, File | Directory] | None:
        entries = sorted(self.model.walk(), key=lambda found: found[0])
        if not entries:
            return None
        path, parent, node = self.dice.choice(entries)
        return parent, path.rpartition(b"/")[2], node


def main(folder: Path, seed: int, steps: int) -> None:
    """Work, and leave the views."""
    with small_limits():
        if not (folder / "store").exists():
            _make_the_same(folder / "store", seed)
        workload = Workload(folder, seed)
        try:
            for _ in range(steps):
                workload.step()
            workload.end()
        except CairnError:
            workload.insist()
    (folder / "views").write_bytes(pickle.dumps(workload.views))


def _make_the_same(store: Path, seed: int) -> None:
    """A store that differs from another one of the same seed by the time in format.json alone."""
    with (
        mock.patch.object(store_making, "uuid4", return_value=UUID(int=seed)),
        mock.patch.object(store_making, "SystemClock", ManualClock),
    ):
        make_store(store)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
