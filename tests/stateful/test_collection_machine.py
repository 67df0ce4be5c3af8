"""Writes, deletions and collections in random order, step by step beside each other, and kills.

Files share pieces, so that what one has lost another one finds. After every kill and at the end,
fsck finds nothing and every file has the bytes it must have.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from fsmodel.errors import NoSpace
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.optimizer.strategies import StrategyName
from fsmodel.steps import Steps, run_inline
from tests.support.examples import share
from tests.support.grouped_store import GroupedStore
from tests.support.prose import edited, prose
from tests.support.small_blocks import small_blocks
from tests.support.volume_store import VolumeStore, moments_of, random_bytes
from tests.support.volumes import read_both_ways

TEXTS = [edited(prose("text", 90_000), number, 40) for number in range(5)]
PIECES = [random_bytes(f"piece {number}", 90_000) for number in range(5)]
NAMES = [b"%d" % number for number in range(6)]
contents = st.lists(st.integers(0, len(PIECES) - 1), min_size=1, max_size=4)
names = st.sampled_from(NAMES)
moments = st.integers(1, 12)


def _fail(*_: object) -> None:
    raise lmdb.MapFullError("full")


class CollectionBesideWrites(RuleBasedStateMachine):
    """At most one write and one collection are under way; either may get the next steps."""

    store_made: type[VolumeStore] = VolumeStore
    pieces = PIECES

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="collection-"))
        self.stack = ExitStack()
        self.stack.enter_context(small_blocks())
        self.store = self.store_made(self.folder)
        self.writing: tuple[bytes, InodeId, Iterator[int]] | None = None
        self.collecting: Iterator[int] | None = None
        self.held: dict[bytes, InodeId] = {}  # files that are open for reading

    def joined(self, pieces: list[int]) -> bytes:
        return b"".join(self.pieces[number] for number in pieces)

    @rule(name=names, pieces=contents)
    def write(self, name: bytes, pieces: list[int]) -> None:
        if self.writing is None or self.writing[0] != name:
            self.store.write(name, self.joined(pieces))

    @precondition(lambda self: self.writing is None)
    @rule(name=names, pieces=contents)
    def begin_write(self, name: bytes, pieces: list[int]) -> None:
        inode = self.store.write(name, self.joined(pieces), settle=False)
        self.writing = name, inode, moments_of(self.store.volume.contents.settle(inode))

    @precondition(lambda self: self.writing is not None)
    @rule(count=moments)
    def go_on_writing(self, count: int) -> None:
        assert self.writing is not None
        _, inode, steps = self.writing
        if len(list(islice(steps, count))) < count:
            self.store.volume.close_file(inode)
            self.writing = None

    @rule(name=names)
    def delete(self, name: bytes) -> None:
        if name in self.store.expected:
            self.store.delete(name)
            if name in self.held:
                self.store.volume.close_file(self.held.pop(name))

    def work(self, *, thorough: bool) -> Steps[Any]:
        return self.store.collection(thorough=thorough)

    @precondition(lambda self: self.collecting is None)
    @rule(thorough=st.booleans())
    def begin_collection(self, thorough: bool) -> None:
        self.collecting = moments_of(self.work(thorough=thorough))

    @precondition(lambda self: self.collecting is not None)
    @rule(count=moments)
    def go_on_collecting(self, count: int) -> None:
        assert self.collecting is not None
        if len(list(islice(self.collecting, count))) < count:
            self.collecting = None

    @precondition(lambda self: self.writing is None)
    @rule(name=names)
    def open(self, name: bytes) -> None:
        """Hold a file open from now on, until it is deleted."""
        if name in self.store.expected and name not in self.held:
            inode = self.store.volume.lookup(ROOT_INODE, name)
            self.store.volume.open_file(inode, writing=False)
            self.held[name] = inode

    @rule(name=names, at=st.integers(0, 400_000), length=st.sampled_from([10, 5_000, 100_000]))
    def read(self, name: bytes, at: int, length: int) -> None:
        """Read one that is held open, wherever its chunks are by now."""
        if name in self.held and name in self.store.expected:
            data = self.store.expected[name]
            at %= max(len(data), 1)  # a kill may have left nothing
            found = read_both_ways(self.store.volume, self.held[name], at, length)
            assert found == data[at : at + length]

    @rule()
    def follow_up(self) -> None:
        run_inline(self.store.volume.follow_up_deletions())

    @rule()
    def checkpoint(self) -> None:
        self.store.volume.checkpoint()

    @rule(steps=st.integers(1, 8))
    def pack_rows(self, steps: int) -> None:
        """And let go of inodes, as when there are many, so that their rows are read again."""
        for _ in range(steps):
            self.store.volume._parts.index.room.pack_step()
        self.store.volume._parts.inodes.clear()

    @rule(steps=st.integers(1, 8))
    def fail_to_checkpoint(self, steps: int) -> None:
        """Rows that were packed for it are packed no more, whatever was seen of them."""
        volume = self.store.volume
        self.pack_rows(steps)
        for name, data in self.store.expected.items():
            inode = volume.lookup(ROOT_INODE, name)
            assert volume.shown_attributes(inode)[1] == len(data)
        with pytest.MonkeyPatch.context() as patch, suppress(NoSpace):
            patch.setattr("lmdb_index.checkpoints.put_meta", _fail)
            volume.checkpoint()
        for name, data in self.store.expected.items():
            assert self.store.read(name) == data

    @rule()
    def kill(self) -> None:
        if self.writing is not None and self.writing[0] in self.store.expected:
            self._expect_either(self.writing[0])
        else:
            self.store.kill()
        self.writing = self.collecting = None
        self.held.clear()
        self.store.require_sound()

    def _expect_either(self, name: bytes) -> None:
        """A file that was being settled is empty, as it was truncated, or has its new bytes."""
        data = self.store.expected[name]
        self.store.kill()
        found = self.store.read(name)
        assert found in (b"", data)
        self.store.expected[name] = found

    def teardown(self) -> None:
        try:
            while self.writing is not None:
                self.go_on_writing(12)
            while self.collecting is not None:
                self.go_on_collecting(12)
            for inode in self.held.values():
                self.store.volume.close_file(inode)
            self.store.require_sound()
            self.store.collect()
            self.store.require_sound()
        finally:
            self.store.abandon()
            shutil.rmtree(self.folder)
            self.stack.close()


class CollectionOfGroups(CollectionBesideWrites):
    """The same where chunks lie in groups, of which some members live longer than others."""

    store_made = GroupedStore


class OptimizationBesideWrites(CollectionBesideWrites):
    """The same with optimizations: chunks become deltas, and members of groups, and are moved."""

    pieces = TEXTS

    def work(self, *, thorough: bool) -> Steps[Any]:
        names = [StrategyName.DELTA, StrategyName.ARCHIVAL, StrategyName.GC]
        if not thorough:
            names = [StrategyName.COMPRESSION, StrategyName.REPACKING, StrategyName.ARCHIVAL]
        return self.store.volume.optimize(names, lambda *_: None)


TestCollectionBesideWrites = CollectionBesideWrites.TestCase
TestCollectionBesideWrites.settings = settings(stateful_step_count=30)
TestCollectionOfGroups = CollectionOfGroups.TestCase
TestCollectionOfGroups.settings = settings(stateful_step_count=30, max_examples=share(0.3))
TestOptimizationBesideWrites = OptimizationBesideWrites.TestCase
TestOptimizationBesideWrites.settings = settings(stateful_step_count=30, max_examples=share(0.3))
