"""Random operations with snapshots, clones, restores and locks among them, kills and collections.

Each snapshot must go on showing what the whole tree showed when it was made; a clone and what was
restored must show what was copied. Now and then the index is made again from the packs.
"""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from fsmodel.errors import AlreadyExists, DirectoryNotEmpty, NotFound, NotPermitted, Refused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.records import InodeFlag
from tests.support.random_user import NAMES, RandomUser
from tests.support.shown_tree import Shown, Tree, shown_in, shown_now
from tests.support.volume_store import VolumeStore

WHICH = st.integers(0, 1000)
SNAPSHOTS = st.sampled_from([b"first", b"second", b"third"])


class SnapshotMachine(RuleBasedStateMachine):
    """A store, a user who does anything, and what each snapshot has to show."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="snapshots-"))
        self.store = VolumeStore(self.folder)
        self.kept: dict[bytes, Tree] = {}

    @property
    def volume(self) -> Volume:
        return self.store.volume

    @rule(seed=WHICH, steps=st.integers(1, 20))
    def use(self, seed: int, steps: int) -> None:
        user = RandomUser(self.store, seed)
        for _ in range(steps):
            user.step()

    @rule(name=SNAPSHOTS)
    def make_snapshot(self, name: bytes) -> None:
        shown = shown_now(self.volume)
        try:
            run_inline(self.volume.snapshots.create(name))
        except AlreadyExists:
            assert name in self.kept
        else:
            assert name not in self.kept
            self.kept[name] = shown

    @rule(name=SNAPSHOTS)
    def delete_snapshot(self, name: bytes) -> None:
        try:
            self.volume.snapshots.delete(name)
        except NotFound:
            assert name not in self.kept
        else:
            del self.kept[name]

    @rule(source=WHICH, at=WHICH, name=st.sampled_from(NAMES))
    def clone(self, source: int, at: int, name: bytes) -> None:
        top, parent = self.some_inode(source), self.some_directory(at)
        expected = _copied(shown_now(self.volume, top))
        before = shown_now(self.volume)
        try:
            made = run_inline(self.volume.clone(top, parent, name))
        except Refused:
            assert _without_figures(shown_now(self.volume)) == _without_figures(before)
            return
        found = _copied(shown_now(self.volume, made))
        if top == parent:  # which has another time since
            expected[b""] = found[b""]
        assert {path: found[path] for path in found} == {
            path: found[path] if _is_parent(self.volume, top, path, parent) else look
            for path, look in expected.items()
        }

    @precondition(lambda self: self.kept)
    @rule(which=WHICH, path=WHICH, at=WHICH, name=st.sampled_from(NAMES))
    def restore(self, which: int, path: int, at: int, name: bytes) -> None:
        snapshot = sorted(self.kept)[which % len(self.kept)]
        tree = self.kept[snapshot]
        source = sorted(tree)[path % len(tree)]
        parent = self.some_directory(at)
        (folder,) = self.volume.paths_of(parent)[:1] or (b"/none",)
        target = folder.rstrip(b"/") + b"/" + name
        try:
            made = run_inline(self.volume.snapshots.restore(snapshot, source, target))
        except Refused:
            return
        below = {
            each.removeprefix(source): look
            for each, look in tree.items()
            if each == source or each.startswith(source + b"/")
        }
        assert _copied(shown_now(self.volume, made)) == _copied(below)

    @rule(which=WHICH, recursive=st.booleans())
    def lock(self, which: int, recursive: bool) -> None:
        """What is locked refuses to be changed; then it is free again."""
        inode = self.some_inode(which)
        if inode == ROOT_INODE:
            return
        run_inline(self.volume.lock(inode, recursive=recursive))
        record, _ = self.volume.attributes(inode)
        assert record.flags & InodeFlag.LOCKED
        path = self.volume.paths_of(inode)[0]
        above, name = self.volume.resolve(path.rpartition(b"/")[0]), path.rpartition(b"/")[2]
        is_directory = record.mode >> 12 == 4
        remove = self.volume.rmdir if is_directory else self.volume.unlink
        with pytest.raises(DirectoryNotEmpty if is_directory and record.size else NotPermitted):
            remove(above, name)
        run_inline(self.volume.unlock(inode, recursive=recursive))

    @rule()
    def collect(self) -> None:
        run_inline(self.volume.collect_garbage(lambda done, total, text: None, thorough=True))

    @rule(killed=st.booleans())
    def start_again(self, killed: bool) -> None:
        if killed:
            self.store.kill()
        else:
            self.store.reopen()

    @rule()
    def make_the_index_again(self) -> None:
        before = shown_now(self.volume)
        self.volume.close()
        for folder in ("index", "journal"):
            shutil.rmtree(self.store.store / folder)
        assert rebuild_index(self.store.store, lambda done, total, text: None).complete
        self.store._open()
        assert shown_now(self.volume) == before

    def teardown(self) -> None:
        try:
            assert {each.name for each in self.volume.snapshots.all()} == self.kept.keys()
            for name, tree in self.kept.items():
                assert shown_in(self.volume, name) == tree
            self.store.require_sound()
            self.store.abandon()
        finally:
            shutil.rmtree(self.folder)

    def some_inode(self, which: int) -> InodeId:
        paths = sorted(shown_now(self.volume))
        return self.volume.resolve(paths[which % len(paths)])

    def some_directory(self, which: int) -> InodeId:
        shown = shown_now(self.volume)
        paths = sorted(path for path, look in shown.items() if look.mode >> 12 == 4)
        return self.volume.resolve(paths[which % len(paths)])


def _copied(tree: Tree) -> Tree:
    """What a copy has in common with its original: names elsewhere are links of that one only."""
    return {path: look._replace(nlink=0) for path, look in tree.items()}


def _without_figures(tree: Tree) -> dict[bytes, Shown]:
    """The hidden folder that copies are made in counts as a link of the root."""
    return {path: look._replace(nlink=0) for path, look in tree.items()}


def _is_parent(volume: Volume, top: InodeId, path: bytes, parent: InodeId) -> bool:
    """Whether a path below a cloned directory is the one that got the clone, and so a new time."""
    (above, *_) = volume.paths_of(top)
    return volume.paths_of(parent)[0] == above.rstrip(b"/") + path


TestSnapshots = SnapshotMachine.TestCase
TestSnapshots.settings = settings(stateful_step_count=15)
