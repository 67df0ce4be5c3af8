"""Random operations on a volume and on plain dictionaries, with kills and losses of power.

After a kill, everything is there that was acknowledged: names, attributes, sizes, and bytes that
were settled, logged or closed. After a loss of power, everything is there that was acknowledged
before the last sync, and the state is one the volume had since. fsck finds nothing each time.
"""

import copy
import random
import shutil
import stat
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from fsmodel.errors import NoSpace
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import RenameFlag
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.versions.policy import NO_VERSIONS
from fsmodel.volume import Volume
from tests.support.examples import share
from tests.support.model_volume import Directory, File, ModelVolume, View
from tests.support.payloads import Payload, payloads
from tests.support.power import Disk
from tests.support.stepping import Driver
from tests.support.volume_view import view_of
from tests.support.volumes import (
    USER,
    collect_garbage,
    findings,
    make_store,
    parts_of,
    read_both_ways,
    ref_of,
    ref_of_bytes,
    small_limits,
)

NAMES = st.sampled_from([b"a", b"b", b"c", b"d"])
WHICH = st.integers(0, 20)
POSITIONS = st.integers(0, 12_000)
PAYLOADS = payloads("noise zeros pattern corpus", 5_000)
SETTINGS = VolumeSettings(cache_bytes=0, pack_bytes_max=40_000, versions=NO_VERSIONS)
STEPS_OF_A_LIFE = 5  # at least, between a start and the next
LOSSES = 3  # of power, from one state


class VolumeAgainstModel(RuleBasedStateMachine):
    """The volume and the model do the same."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = ExitStack()
        self.patches.enter_context(small_limits())
        self.disk = Disk()
        self.patches.enter_context(self.disk.watched())
        self.folder = Path(tempfile.mkdtemp(prefix="volume-"))
        self.lives = self.steps = 0
        self.model = ModelVolume()
        self.volume = Volume.open(make_store(self.folder / "0"), settings=SETTINGS)
        self.is_open = True
        self.states: list[tuple[View, ModelVolume]] = []
        self.synced()

    # Names

    @rule(at=WHICH, name=NAMES)
    def make_file(self, at: int, name: bytes) -> None:
        directory = self.directory(at)
        if name not in directory.entries:
            inode = self.volume.make_node(directory.inode, name, stat.S_IFREG | 0o644, 0, USER)
            directory.entries[name] = File(inode, 0o644)
            self.changed()

    @rule(at=WHICH, name=NAMES)
    def make_directory(self, at: int, name: bytes) -> None:
        directory = self.directory(at)
        if name not in directory.entries and len(self.model.directories()) < 4:
            inode = self.volume.make_directory(directory.inode, name, 0o755, USER)
            directory.entries[name] = Directory(inode, 0o755)
            self.changed()

    @rule(which=WHICH, at=WHICH, name=NAMES)
    def link(self, which: int, at: int, name: bytes) -> None:
        directory, files = self.directory(at), self.model.named_files()
        if files and name not in directory.entries:
            file = files[which % len(files)]
            self.volume.link(file.inode, directory.inode, name)
            directory.entries[name] = file
            self.changed()

    @rule(which=WHICH)
    def remove(self, which: int) -> None:
        found = self.entry(which)
        if found is None:
            return
        parent, name, node = found
        if isinstance(node, File):
            self.volume.unlink(parent.inode, name)
            del parent.entries[name]
            self.lose_name(node)
        elif not node.entries:
            self.volume.rmdir(parent.inode, name)
            del parent.entries[name]
        self.changed()

    @rule(which=WHICH, at=WHICH, name=NAMES, exchange=st.booleans())
    def rename(self, which: int, at: int, name: bytes, exchange: bool) -> None:
        found, target = self.entry(which), self.directory(at)
        if found is None:
            return
        parent, old_name, node = found
        replaced = target.entries.get(name)
        if replaced is node or not isinstance(node, File) or isinstance(replaced, Directory):
            return
        exchange = exchange and replaced is not None
        flags = RenameFlag.EXCHANGE if exchange else RenameFlag(0)
        self.volume.rename(parent.inode, old_name, target.inode, name, flags)
        target.entries[name] = node
        if exchange and replaced is not None:
            parent.entries[old_name] = replaced
        else:
            del parent.entries[old_name]
            if replaced is not None:
                self.lose_name(replaced)
        self.changed()

    # Attributes

    @rule(which=WHICH, mode=st.sampled_from([0o600, 0o4755]), value=st.binary(max_size=3))
    def set_attributes(self, which: int, mode: int, value: bytes) -> None:
        file = self.file(which)
        if file is not None:
            self.volume.set_attributes(file.inode, AttributeChange(mode=mode))
            file.mode = mode
            self.changed()
            self.volume.set_xattr(file.inode, b"user.a", value)
            file.xattrs[b"user.a"] = value
            self.changed()

    # Bytes

    @rule(which=WHICH)
    def close(self, which: int) -> None:
        """Close a file as an application does: then its bytes survive a kill."""
        file = self.open_one(which)
        if file is None:
            return
        named = file not in self.model.nameless
        if named:
            self.settle_now(file)
        self.volume.close_file(file.inode)
        file.handles -= 1
        if not named and file.handles == 0:
            self.model.nameless.remove(file)
        self.changed()

    @rule(which=WHICH, offset=POSITIONS, payload=PAYLOADS)
    def write(self, which: int, offset: int, payload: Payload) -> None:
        file = self.opened(which)
        if file is not None:
            offset %= len(file.data) + 1_000
            self.volume.write(file.inode, offset, payload.data)
            file.write(offset, payload.data)
            file.mode &= ~0o4000
            self.changed()

    @rule(which=WHICH, payload=PAYLOADS)
    def write_and_close(self, which: int, payload: Payload) -> None:
        self.write(which, len(payload.data), payload)
        self.close(which)

    @rule(which=WHICH, offset=POSITIONS, payload=PAYLOADS)
    def write_and_fsync(self, which: int, offset: int, payload: Payload) -> None:
        self.write(which, offset, payload)
        self.fsync(which)

    @rule(which=WHICH, size=POSITIONS)
    def truncate(self, which: int, size: int) -> None:
        file = self.opened(which)
        if file is not None:
            size %= len(file.data) + 1_000
            self.volume.truncate(file.inode, size)
            file.truncate(size)
            file.mode &= ~0o4000
            self.changed()

    @rule(which=WHICH, offset=POSITIONS, length=POSITIONS)
    def read(self, which: int, offset: int, length: int) -> None:
        file = self.opened(which)
        if file is not None:
            found = read_both_ways(self.volume, file.inode, offset, length)
            assert found == file.data[offset : offset + length]

    @rule(which=WHICH, whole=st.booleans())
    def settle(self, which: int, whole: bool) -> None:
        file = self.open_one(which)
        if file is not None and whole:
            self.settle_now(file)
            self.changed()
        elif file is not None:
            run_inline(self.volume.contents.settle(file.inode, whole=False))

    @rule(which=WHICH, step=st.integers(0, 6), whole=st.booleans())
    def fail_to_settle(self, which: int, step: int, whole: bool) -> None:
        """The host is full at some step; nothing changes but that some is stored already."""
        file = self.open_one(which)
        if file is None:
            return
        steps = Driver(self.volume.contents.settle(file.inode, whole=whole))
        for _ in range(step):
            if not steps.ended:
                steps.step()
        if steps.ended:
            file.kept = file.data if whole else file.kept
            self.changed()
        else:
            with pytest.raises(NoSpace):
                steps.fail(NoSpace("the host is full"))

    @rule(which=WHICH)
    def fsync(self, which: int) -> None:
        file = self.open_one(which)
        if file is None:
            return
        state = self.volume.contents.file(file.inode)
        if state is not None and state.changed:
            if self.volume.contents.can_log(file.inode):
                self.volume.contents.log_extents(file.inode)
            else:
                run_inline(self.volume.contents.settle(file.inode))
            file.kept = file.data
        self.sync()

    # The store

    @rule()
    def sync(self) -> None:
        durability = self.volume.durability
        durability.note_synced(durability.sync())
        self.synced()

    @rule(what=st.sampled_from(["checkpoint", "write_root", "collect_garbage"]))
    def look_after(self, what: str) -> None:
        if what == "checkpoint":
            self.volume.checkpoint()
        elif what == "write_root":
            run_inline(self.volume.write_root())
        else:
            collect_garbage(self.volume)
            self.check(kept=False)
            return
        self.synced()

    @precondition(lambda self: self.steps >= STEPS_OF_A_LIFE)
    @rule()
    def remount(self) -> None:
        """A clean end settles everything."""
        for file in self.model.files():
            file.kept = file.data
        store = self.volume.store
        self.volume.close()
        self.start(store)
        self.synced()

    @precondition(lambda self: self.steps >= STEPS_OF_A_LIFE)
    @rule()
    def kill(self) -> None:
        store = self.disk.copy(self.volume.store, self.next_place())
        self.abandon()
        self.start(store)  # what was not synced still is not

    @precondition(lambda self: self.steps >= STEPS_OF_A_LIFE)
    @rule(seed=st.integers(0, 1 << 32))
    def lose_power(self, seed: int) -> None:
        store = self.without_power(seed)
        self.abandon()
        self.volume = Volume.open(store, settings=SETTINGS)
        self.model = self.model_of(view_of(self.volume))
        self.restart()
        self.synced()

    @rule(seed=st.integers(0, 1 << 32))
    def imagine_to_lose_power(self, seed: int) -> None:
        """Look at what would be left, several times, and go on."""
        for number in range(LOSSES):
            store = self.without_power(seed + number)
            volume, self.volume = self.volume, Volume.open(store, settings=SETTINGS)
            self.model_of(view_of(self.volume))
            assert findings(self.volume) == ()
            self.abandon()
            self.volume, self.is_open = volume, True

    # What must be equal

    def check(self, *, kept: bool) -> None:
        """Compare everything that can be seen."""
        assert view_of(self.volume) == self.model.view(kept=kept)
        assert findings(self.volume) == ()

    def teardown(self) -> None:
        try:
            if self.is_open:  # else a start has failed, which says more
                self.check(kept=False)
                self.imagine_to_lose_power(0)
                self.volume.close()
        finally:
            self.patches.close()
            shutil.rmtree(self.folder)

    # Helpers

    def changed(self) -> None:
        """The volume may have changed: remember what it must look like after a kill."""
        self.steps += 1
        view = self.model.view(kept=True)
        if view != self.states[-1][0]:
            self.states.append((view, copy.deepcopy(self.model)))

    def synced(self) -> None:
        """From now on nothing of what there is may get lost."""
        self.states = [(self.model.view(kept=True), copy.deepcopy(self.model))]

    def settle_now(self, file: File) -> None:
        run_inline(self.volume.contents.settle(file.inode))
        file.kept = file.data

    def lose_name(self, file: File) -> None:
        """A name is gone: without another one, only handles keep the file."""
        if not self.model.names_of(file) and file.handles:
            self.model.nameless.append(file)

    def start(self, store: Path) -> None:
        """Open a store in which everything must be that was acknowledged."""
        self.volume = Volume.open(store, settings=SETTINGS)
        self.restart()

    def restart(self) -> None:
        """Go on with what a kill leaves."""
        self.is_open, self.steps = True, 0
        self.model.forget_unkept()
        self.check(kept=True)
        run_inline(self.volume.settle_leftovers())
        assert self.volume.contents.unsettled() == []
        self.check(kept=True)
        for file in self.model.named_files():
            assert ref_of(self.volume, file.inode) == ref_of_bytes(file.data)

    def without_power(self, seed: int) -> Path:
        """What a loss of power would leave of the store."""
        chance = random.Random(seed)
        return self.disk.after_power_loss(self.volume.store, self.next_place(), chance)

    def model_of(self, found: View) -> ModelVolume:
        """The latest state since the last sync that looks like this; there must be one."""
        return next(model for view, model in reversed(self.states) if view == found)

    def abandon(self) -> None:
        """Let go of the files of a process that was killed."""
        self.is_open = False
        store = self.volume.store
        parts_of(self.volume).close()
        shutil.rmtree(store)

    def next_place(self) -> Path:
        self.lives += 1
        return self.folder / str(self.lives)

    def directory(self, which: int) -> Directory:
        directories = self.model.directories()
        return directories[which % len(directories)]

    def entry(self, which: int) -> tuple[Directory, bytes, File | Directory] | None:
        entries = sorted(self.model.walk(), key=lambda each: each[0])
        if not entries:
            return None
        path, directory, node = entries[which % len(entries)]
        return directory, path.rpartition(b"/")[2], node

    def file(self, which: int) -> File | None:
        files = self.model.named_files()
        return files[which % len(files)] if files else None

    def open_one(self, which: int) -> File | None:
        files = [file for file in self.model.files() if file.handles]
        return files[which % len(files)] if files else None

    def opened(self, which: int) -> File | None:
        """Some file, opened if it is not."""
        files = self.model.files()
        if not files:
            return None
        file = files[which % len(files)]
        if not file.handles:
            self.volume.open_file(file.inode, writing=True)
            file.handles += 1
        return file


TestVolumeAgainstModel = VolumeAgainstModel.TestCase
TestVolumeAgainstModel.settings = settings(max_examples=share(1.3), stateful_step_count=50)
