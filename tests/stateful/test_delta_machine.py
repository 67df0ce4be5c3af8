"""Versions of a few files in random order, with all that is done to a store between them.

Nearly everything that is written resembles something, so chains grow, lose their users and are
grown upon. Now and then fsck looks for differences, and every file is read from the packs.
"""

import dataclasses
import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from fsmodel.ids import ROOT_INODE
from fsmodel.optimizer.strategies import StrategyName
from lmdb_index.schema import OBJECT
from tests.support.examples import share
from tests.support.optimizing import optimized
from tests.support.prose import prose
from tests.support.volume_store import SMALL_PACKS, VolumeStore, random_bytes

DEPTH_MAX = 3
SETTINGS = dataclasses.replace(SMALL_PACKS, delta_depth_max=DEPTH_MAX, cache_bytes=1 << 16)
ORIGINS = [
    *(random_bytes(f"origin {number}", size) for number, size in enumerate([900, 40_000, 120_000])),
    prose("origin", 20_000),
]
NAMES = [b"a", b"b.json", b"b.json.tmp", b"c.json", b"c"]

names = st.sampled_from(NAMES)
seeds = st.integers(0, 1000)


def changed(data: bytes, seed: int) -> bytes:
    """A version of some bytes: a few of them differ, are gone or are new."""
    source = random.Random(seed)
    at = source.randrange(len(data))
    end = min(at + source.randrange(40), len(data))
    return data[:at] + source.randbytes(source.randrange(40)) + data[end:]


class Versions(RuleBasedStateMachine):
    """Files are replaced by versions of what they, or others, hold or held."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="versions-"))
        self.store = VolumeStore(self.folder, SETTINGS)
        self.seen = list(ORIGINS)

    @rule(name=names, which=seeds, seed=seeds)
    def write_version(self, name: bytes, which: int, seed: int) -> None:
        data = changed(self.seen[which % len(self.seen)], seed)
        self.store.write(name, data)
        self.seen.append(data)

    @rule(name=names, seed=seeds)
    def edit(self, name: bytes, seed: int) -> None:
        if name not in self.store.expected:
            return
        data = bytearray(self.store.expected[name])
        source = random.Random(seed)
        at, piece = source.randrange(len(data) + 1), source.randbytes(30)
        data[at : at + 30] = piece
        inode = self.store.volume.lookup(ROOT_INODE, name)
        self.store.volume.open_file(inode, writing=True)
        self.store.volume.write(inode, at, piece)
        self.store.expected[name] = bytes(data)
        self.store.settle(inode)

    @rule(name=names)
    def delete(self, name: bytes) -> None:
        if name in self.store.expected:
            self.store.delete(name)

    @rule(thorough=st.booleans())
    def collect(self, thorough: bool) -> None:
        self.store.collect(thorough=thorough)

    @rule(strategies=st.lists(st.sampled_from(StrategyName), min_size=1, max_size=2))
    def optimize(self, strategies: list[StrategyName]) -> None:
        optimized(self.store, *strategies)

    @rule(name=names)
    def read_often(self, name: bytes) -> None:
        if name in self.store.expected:
            for _ in range(5):
                self.store.forget_cache()
                assert self.store.read(name) == self.store.expected[name]

    @rule()
    def kill(self) -> None:
        self.store.kill()

    @rule()
    def restart(self) -> None:
        self.store.reopen()

    @rule(on=st.booleans())
    def turn(self, on: bool) -> None:
        self.store._settings = dataclasses.replace(SETTINGS, delta=on)
        self.store.reopen()

    @precondition(lambda self: len(self.seen) % 4 == 0)
    @rule()
    def check(self) -> None:
        self.store.require_sound()
        for _, row in self.store.volume._parts.index.scan(OBJECT):
            assert row.depth <= DEPTH_MAX

    def teardown(self) -> None:
        self.check()
        self.store.abandon()
        shutil.rmtree(self.folder)


TestVersions = Versions.TestCase
TestVersions.settings = settings(max_examples=share(0.4), stateful_step_count=25)
