"""Every byte of every frame flipped in turn, and every length a pack can be cut to.

A reader gets the right bytes or a DataError, never wrong bytes and never another exception. The
store is small and has a frame of each kind: chunks alone, compressed, as deltas and in groups,
manifest pages, tree pages and roots. `make crash` also has every byte flipped under those who go
through whole packs, which the suite does with a sample.
"""

import random
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from fsmodel.content.chunk_limits import ChunkLimits
from fsmodel.encoding.codecs import Codec
from fsmodel.errors import DataError, StoreDamaged
from fsmodel.ids import ROOT_INODE, ObjectId, PackId
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.steps import run_inline
from fsmodel.store.object_reader import Located
from fsmodel.store.pack_format import Location, ObjectKind
from fsmodel.store.pack_scan import FoundFrame, scan_pack
from fsmodel.store.pack_walk import WALK_START, walk_pack
from fsmodel.volume import Volume
from lmdb_index.schema import OBJECT
from tests.support.damages import Shown
from tests.support.filled_tree import put_file
from tests.support.long_runs import Count
from tests.support.planted_faults import planted
from tests.support.volumes import NO_CACHE, USER, make_store, noise, parts_of

LIMITS: Final = ChunkLimits(min_size=256, average=1024, max_size=4096)
LONG: Final = [pytest.mark.crash, pytest.mark.timeout(1800)]


class Frame(NamedTuple):
    """A frame, and an object that is read from it with its bytes."""

    location: Location
    located: Located
    data: bytes


class DamagedPacks:
    """A store whose packs are changed under an open volume."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.volume = Volume.open(store, settings=NO_CACHE, dry=True)
        self.parts = parts_of(self.volume)
        self.frames = self._frames()
        self.dice = random.Random(1)

    def paths(self) -> Iterator[tuple[PackId, Path]]:
        for pack in sorted(self.frames):
            yield pack, self.parts.layout.pack(pack)

    def require_right_or_refused(self, frame: Frame) -> None:
        try:
            assert self.parts.objects.read(frame.located) == frame.data, frame.location
        except DataError:
            return

    def _frames(self) -> dict[PackId, list[Frame]]:
        """The frames that rows point into, by pack, in order; groups by one of their members."""
        found: dict[Location, Frame] = {}
        for key, _ in self.parts.index.scan(OBJECT):
            located = self.parts.objects.locate(ObjectId(key))
            if located.location not in found:
                data = self.parts.objects.read(located)
                found[located.location] = Frame(located.location, located, data)
        by_pack: dict[PackId, list[Frame]] = defaultdict(list)
        for location in sorted(found):
            by_pack[location.pack].append(found[location])
        return by_pack


@pytest.fixture(scope="module")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store of some 60 KB."""
    store = make_store(tmp_path_factory.mktemp("small") / "store", LIMITS)
    volume = Volume.open(store, settings=NO_CACHE)
    folder = volume.make_directory(ROOT_INODE, b"folder", 0o755, USER)
    base = noise(9_000)
    put_file(volume, ROOT_INODE, b"base", base)
    put_file(volume, ROOT_INODE, b"delta", base[:4_000] + b"changed" + base[4_000:])
    put_file(volume, ROOT_INODE, b"text", b"some text that compresses well; " * 200)
    for number in range(60):
        put_file(volume, folder, b"%d" % number, b"%d small and alike, " % number * 9)
    volume.set_xattr(folder, b"user.long", noise(1_000, seed=2))
    run_inline(volume.write_root())
    put_file(volume, folder, b"later", noise(2_500, seed=3))
    volume.close()
    return store


@pytest.fixture
def packs(small_store: Path, tmp_path: Path) -> Iterator[DamagedPacks]:
    damaged = DamagedPacks(shutil.copytree(small_store, tmp_path / "store"))
    yield damaged
    damaged.volume.close()


def test_the_store_has_a_frame_of_each_kind(packs: DamagedPacks) -> None:
    rows = [row for _, row in packs.parts.index.scan(OBJECT)]
    kinds = set(ObjectKind) - {ObjectKind.GROUP, ObjectKind.DOCUMENT}
    assert {row.kind for row in rows} >= kinds
    assert {row.codec for row in rows} == set(Codec)


def require_every_flip_noticed(packs: DamagedPacks) -> int:
    """Flip each byte of each frame and read it; returns how many there were."""
    flipped = 0
    for pack, path in packs.paths():
        with path.open("r+b", buffering=0) as file:
            block = file.read()
            for frame in packs.frames[pack]:
                start = frame.location.offset
                for at in range(start, start + frame.location.stored):
                    file.seek(at)
                    file.write(bytes([block[at] ^ packs.dice.randrange(1, 256)]))
                    try:
                        with pytest.raises(DataError):
                            packs.parts.objects.read(frame.located)
                    finally:
                        file.seek(at)
                        file.write(block[at : at + 1])
                    flipped += 1
    return flipped


def test_a_flipped_byte_is_never_read(packs: DamagedPacks, count: Count) -> None:
    flipped = require_every_flip_noticed(packs)
    assert flipped > 20_000
    count("bytes of packs flipped", "under a reader", flipped)
    for frame in (frame for frames in packs.frames.values() for frame in frames):
        assert packs.parts.objects.read(frame.located) == frame.data


def test_frames_that_nobody_checks_are_noticed(packs: DamagedPacks) -> None:
    with planted("no_pack_checksum"), pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        require_every_flip_noticed(packs)


def test_a_pack_cut_anywhere_loses_what_lay_behind(packs: DamagedPacks) -> None:
    for pack, path in packs.paths():
        frames, whole = packs.frames[pack], path.read_bytes()
        ends = [frame.location.offset + frame.location.stored for frame in frames]
        with path.open("r+b", buffering=0) as file:
            for size in range(len(whole) - 1, -1, -1):
                file.truncate(size)
                behind = next(place for place, end in enumerate(ends) if end > size)
                for frame in frames[max(behind - 1, 0) : behind + 2]:
                    packs.require_right_or_refused(frame)
                with pytest.raises(DataError):
                    packs.parts.objects.read(frames[behind].located)
        path.write_bytes(whole)


@pytest.mark.parametrize("stride", [211, pytest.param(1, marks=LONG)])
def test_going_through_a_damaged_pack_ends(packs: DamagedPacks, stride: int) -> None:
    """As collection, scrub and rebuild-index do; what they find is whole."""
    layout, uuid = packs.parts.layout, packs.parts.upkeep.parts.uuid
    for pack, path in packs.paths():
        known = {frame.location for frame in packs.frames[pack]}
        whole = path.read_bytes()
        for at in range(0, len(whole), stride):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
            found = {
                each.location
                for each in scan_pack(layout, uuid, pack)
                if isinstance(each, FoundFrame)
            }
            hit = {each for each in known if each.offset <= at < each.offset + each.stored}
            assert found >= known - hit
            assert not found & hit
            walked = walk_pack(layout, uuid, pack, WALK_START, 10_000)
            assert walked.end <= len(whole)
        path.write_bytes(whole)


@pytest.mark.parametrize("rounds", [12, pytest.param(400, marks=LONG)])
def test_files_of_a_damaged_store_are_right_or_refused(
    small_store: Path, tmp_path: Path, rounds: int, seed_base: int, count: Count
) -> None:
    """The whole way: bytes flipped, packs cut or gone, the index as it was or made again."""
    volume = Volume.open(small_store, settings=NO_CACHE, dry=True)
    shown = Shown(volume)
    volume.close()
    dice = random.Random(seed_base + rounds)
    for number in range(rounds):
        store = shutil.copytree(small_store, tmp_path / str(number))
        for _ in range(dice.randrange(1, 4)):
            path = dice.choice(sorted((store / "packs").rglob("*.pack")))
            block = bytearray(path.read_bytes())
            block[dice.randrange(len(block))] ^= dice.randrange(1, 256)
            path.write_bytes(block[: dice.choice([len(block), dice.randrange(len(block) + 1)])])
        if dice.random() < 0.5:
            for folder in ("index", "journal"):
                shutil.rmtree(store / folder)
            try:
                rebuild_index(store, lambda done, total, text: None)
            except StoreDamaged:
                continue  # no root is left; that was said
        volume = Volume.open(store, settings=NO_CACHE)
        try:
            found = Shown(volume)
            for inode, (_, data) in found.inodes.items():
                assert data in (None, shown.inodes[inode][1]), inode
            put_file(volume, ROOT_INODE, b"still writable", noise(3_000, seed=9))
        finally:
            volume.close()
        shutil.rmtree(store)
    count("stores with damaged packs", "opened, read and written to", rounds)
