"""One life of a store in which calls of the host fail: what is acknowledged and what is not."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fsmodel.errors import CairnError
from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.renames import RenameFlag
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.versions.policy import NO_VERSIONS
from fsmodel.volume import Volume
from lmdb_index.errors import IndexProblem
from tests.support.volume_view import view_of
from tests.support.volumes import USER, collect_garbage, findings, noise, read_file

SETTINGS: Final = VolumeSettings(cache_bytes=0, pack_bytes_max=6_000, versions=NO_VERSIONS)
OLD: Final = noise(4_000, 1)


class FaultyLife:
    """Does the same things each time and notes which of them succeed.

    Of each file it knows which bytes it may have: those of a write that failed may be there or not.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self.files: dict[bytes, set[bytes]] = {b"old": {OLD}, b"other": {OLD[:700]}}
        self.snapshots: set[bytes] = set()
        self.failures: list[CairnError | IndexProblem] = []
        self.volume = Volume.open(store, settings=SETTINGS)

    @staticmethod
    def prepare(store: Path) -> None:
        """What a store holds in the beginning."""
        volume = Volume.open(store, settings=SETTINGS)
        for name, data in ((b"old", OLD), (b"other", OLD[:700])):
            inode = volume.make_node(ROOT_INODE, name, stat.S_IFREG | 0o644, 0, USER)
            volume.open_file(inode, writing=True)
            volume.write(inode, 0, data)
            run_inline(volume.contents.settle(inode))
            volume.close_file(inode)
        volume.close()

    def live(self) -> None:
        """Everything, once."""
        volume = self.volume
        self.make(b"new")
        self.write(b"new", noise(6_000, 2))
        self.read(b"old")
        self.attempt(lambda: volume.durability.note_synced(volume.durability.sync()))
        self.log(b"old", noise(300, 3) + OLD[300:])
        self.rename(b"other", b"third")
        self.attempt(volume.checkpoint)
        self.snapshot(b"s")
        self.remove(b"third")
        self.write(b"new", noise(7_000, 4))
        self.attempt(lambda: run_inline(volume.write_root()))
        self.attempt(lambda: collect_garbage(volume))
        self.attempt(lambda: run_inline(volume.index_upkeep.tidy()))
        self.make(b"last")
        self.read(b"new")
        self.attempt(lambda: volume.durability.note_synced(volume.durability.sync()))

    def attempt(self, action: Callable[[], object]) -> bool:
        """Do something that may fail, but only as the model says."""
        try:
            action()
        except (CairnError, IndexProblem) as error:
            self.failures.append(error)
            return False
        return True

    def make(self, name: bytes) -> None:
        """An empty file."""
        mode = stat.S_IFREG | 0o644
        if self.attempt(lambda: self.volume.make_node(ROOT_INODE, name, mode, 0, USER)):
            self.files[name] = {b""}

    def write(self, name: bytes, data: bytes) -> None:
        """Bytes over all there are, settled."""
        self._change(name, data, lambda inode: run_inline(self.volume.contents.settle(inode)))

    def log(self, name: bytes, data: bytes) -> None:
        """The first 300 bytes, as an fsync keeps them."""
        self._change(name, data, self.volume.contents.log_extents, length=300)

    def _change(
        self, name: bytes, data: bytes, keep: Callable[..., object], length: int | None = None
    ) -> None:
        if name not in self.files:
            return
        if not self.attempt(lambda: self.volume.lookup(ROOT_INODE, name)):
            return  # the index refuses
        inode = self.volume.lookup(ROOT_INODE, name)
        if not self.attempt(lambda: self.volume.open_file(inode, writing=True)):
            return  # read-only since a sync has failed
        wrote = self.attempt(lambda: self.volume.write(inode, 0, data[:length]))
        if wrote:
            self.files[name] = self.files[name] | {data}
        if wrote and self.attempt(lambda: keep(inode)):
            self.files[name] = {data}
        self.volume.close_file(inode)

    def read(self, name: bytes) -> None:
        """All bytes: the right ones or an error."""
        if name in self.files:
            self.attempt(lambda: self.require_bytes(self.volume, name))

    def require_bytes(self, volume: Volume, name: bytes) -> None:
        """Compare the bytes of a file."""
        found = read_file(volume, volume.lookup(ROOT_INODE, name))
        assert found in self.files[name], f"{name.decode()}: {len(found)} bytes, other ones"

    def rename(self, name: bytes, new_name: bytes) -> None:
        """A new name."""
        if self.attempt(
            lambda: self.volume.rename(ROOT_INODE, name, ROOT_INODE, new_name, RenameFlag(0))
        ):
            self.files[new_name] = self.files.pop(name)

    def remove(self, name: bytes) -> None:
        """No name any more."""
        if name in self.files and self.attempt(lambda: self.volume.unlink(ROOT_INODE, name)):
            del self.files[name]

    def snapshot(self, name: bytes) -> None:
        """Of the whole tree."""
        if self.attempt(lambda: run_inline(self.volume.snapshots.create(name))):
            self.snapshots.add(name)

    def require_right(self, volume: Volume) -> None:
        """What is acknowledged is there, and what is not is not."""
        found = view_of(volume)
        assert {path[1:] for path in found} == set(self.files), "other names"
        for name, allowed in self.files.items():
            assert found[b"/" + name][3] in allowed, f"{name.decode()}: other bytes"
        assert {each.name for each in volume.snapshots.all()} == self.snapshots, "snapshots"

    def require_clean(self, volume: Volume) -> None:
        """fsck finds nothing."""
        assert findings(volume) == ()
