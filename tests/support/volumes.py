"""Volumes with small chunks and small manifest pages, so that few bytes cross many boundaries."""

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from unittest import mock

import msgspec

from fsmodel.assembly import Parts
from fsmodel.content import chunk_list, extents, manifest, reader, recorder, regions, settle
from fsmodel.content.chunk_limits import ChunkLimits
from fsmodel.content.chunking import cut_points
from fsmodel.content.content_ref import EMPTY, chunk_ref, manifest_ref
from fsmodel.content.manifest import Child, Run, encode_leaf, encode_node, joined, split_into_pages
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ROOT_INODE, ContentRef, InodeId, ObjectId, PackId
from fsmodel.namespace.inodes import Creator
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.store.format_file import read_format, write_format
from fsmodel.store.layout import StoreLayout
from fsmodel.upkeep.findings import Finding
from fsmodel.versions.policy import NO_VERSIONS
from fsmodel.volume import Volume

LIMITS: Final = ChunkLimits(min_size=64, average=512, max_size=2048)
USER: Final = Creator(uid=1000, gid=100)
# What is deleted is gone here, and a test of versions says that it is one.
PLAIN: Final = VolumeSettings(versions=NO_VERSIONS)
NO_CACHE: Final = replace(PLAIN, cache_bytes=0)  # every read of a chunk goes to its pack


def make_store(folder: Path, limits: ChunkLimits = LIMITS) -> Path:
    """An empty store whose files are cut into chunks of these sizes."""
    Volume.create(folder, plain=True)
    layout = StoreLayout(folder)
    content = read_format(layout)
    chunking = msgspec.structs.replace(
        content.chunking, min=limits.min_size, average=limits.average, max=limits.max_size
    )
    write_format(layout, msgspec.structs.replace(content, chunking=chunking))
    return folder


@contextmanager
def opened(folder: Path, settings: VolumeSettings = PLAIN) -> Iterator[Volume]:
    """A volume for the length of a block."""
    volume = Volume.open(folder, settings=settings)
    try:
        yield volume
    finally:
        volume.close()


def parts_of(volume: Volume) -> Parts:
    """What a volume is made of."""
    return volume._parts


def new_file(volume: Volume, name: bytes = b"file", data: bytes = b"") -> InodeId:
    """A regular file in the root, left open."""
    inode = volume.make_node(ROOT_INODE, name, 0o644, 0, USER)
    volume.open_file(inode, writing=True)
    if data:
        volume.write(inode, 0, data)
    return inode


def settled_file(volume: Volume, name: bytes, data: bytes) -> InodeId:
    """A regular file in the root, closed."""
    inode = new_file(volume, name, data)
    run_inline(volume.contents.settle(inode))
    volume.close_file(inode)
    return inode


def read_range(volume: Volume, inode: InodeId, offset: int, length: int) -> bytes:
    """A range of an open file."""
    return bytes(run_inline(volume.contents.read(inode, offset, length)))


def read_both_ways(volume: Volume, inode: InodeId, offset: int, length: int) -> bytes:
    """The same, after it was asked for at once: whatever that has answered must be the same."""
    at_once = volume.contents.read_at_once(inode, offset, length)
    found = read_range(volume, inode, offset, length)
    assert at_once is None or bytes(at_once) == found
    return found


def read_file(volume: Volume, inode: InodeId) -> bytes:
    """All bytes of a file, open or not."""
    file = volume.open_file(inode, writing=False)
    try:
        return read_range(volume, inode, 0, file.size)
    finally:
        volume.close_file(inode)


def ref_of(volume: Volume, inode: InodeId) -> bytes:
    """The content ref in an inode's row."""
    return parts_of(volume).inodes.get(inode).content


def killed(volume: Volume, place: Path, settings: VolumeSettings = NO_CACHE) -> Volume:
    """The volume of a store whose process was killed: its files as they are now, elsewhere."""
    shutil.copytree(volume.store, place)
    parts_of(volume).close()
    return Volume.open(place, settings=settings)


def open_again(volume: Volume) -> None:
    """Let the same object be the volume of the next process, as this one cannot go on."""
    store = volume.store
    parts_of(volume).close()
    volume.__init__(parts_of(Volume.open(store, settings=NO_CACHE)))  # type: ignore[misc]


def damage(volume: Volume, wanted: ObjectId) -> Callable[[], None]:
    """Flip a byte in the middle of an object's frame; the answer makes it whole again."""
    parts = parts_of(volume)
    row = parts.objects.get(wanted)
    path = parts.layout.pack(PackId(row.pack))
    at = row.offset + row.stored // 2

    def flip() -> None:
        with path.open("r+b") as pack:
            pack.seek(at)
            byte = pack.read(1)[0]
            pack.seek(at)
            pack.write(bytes([byte ^ 0x40]))

    parts.cache.drop(wanted)
    flip()
    return flip


def collect_garbage(volume: Volume) -> None:
    """Give back everything nothing needs."""
    run_inline(volume.collect_garbage(lambda done, total, text: None, thorough=True))


def findings(volume: Volume) -> tuple[Finding, ...]:
    """What fsck finds."""
    return run_inline(volume.fsck()).findings


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not compress and do not repeat."""
    return random.Random(seed).randbytes(size)


# What content refs must be, found the plain way: from all bytes at once.


def runs_of(data: bytes, limits: ChunkLimits = LIMITS) -> list[Run]:
    """The chunks of these bytes."""
    ends = cut_points(data, limits, final=True)
    pieces = [data[low:high] for low, high in itertools.pairwise([0, *ends])]
    return joined(Run(object_id(piece), len(piece), 1) for piece in pieces)


def ref_of_runs(runs: list[Run], put: Callable[[bytes], ObjectId] = object_id) -> ContentRef:
    """The content ref of a list of chunks."""
    if not runs:
        return EMPTY
    if len(runs) == 1 and runs[0].repeat == 1:
        return chunk_ref(runs[0].id)
    level = [
        Child(put(encode_leaf(page)), sum(run.size for run in page))
        for page in split_into_pages(runs)
    ]
    number = 0
    while len(level) > 1:
        number += 1
        level = [
            Child(put(encode_node(number, page)), sum(child.size for child in page))
            for page in split_into_pages(level)
        ]
    return manifest_ref(level[0].id)


def ref_of_bytes(data: bytes, limits: ChunkLimits = LIMITS) -> ContentRef:
    """The content ref these bytes must have, however they came about."""
    return ref_of_runs(runs_of(data, limits))


@contextmanager
def small_limits(*, loaded_pages: int = 3, batch_bytes: int = 8_000) -> Iterator[None]:
    """Manifest pages of few items, few of them in memory, and little work at once.

    One id in four ends a page.
    """
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(manifest, "PAGE_ITEMS_MIN", 4))
        stack.enter_context(mock.patch.object(manifest, "PAGE_ITEMS_MAX", 12))
        stack.enter_context(mock.patch.object(manifest, "ENDING_FIRST_BYTES", 64))
        stack.enter_context(mock.patch.object(chunk_list, "LOADED_PAGES_MAX", loaded_pages))
        stack.enter_context(mock.patch.object(regions, "BATCH_BYTES", batch_bytes))
        stack.enter_context(mock.patch.object(settle, "SKIPPED_REPEATS_MIN", 3))
        stack.enter_context(mock.patch.object(recorder, "UNSAVED_RUNS_MAX", 30))
        stack.enter_context(mock.patch.object(reader, "INLINE_CHUNKS_MAX", 0))
        stack.enter_context(mock.patch.object(extents, "KEPT_BYTES_MIN", 2_000))
        yield


def runs_of_sparse(size: int, written: dict[int, bytes], limits: ChunkLimits = LIMITS) -> list[Run]:
    """The chunks of a file that is zeros but for a few places, however large it is."""
    zeros = Run(object_id(bytes(limits.max_size)), limits.max_size, 1)
    runs: list[Run] = []
    at = 0
    while at < size:
        following = min(
            (start for start in written if start + len(written[start]) > at), default=size
        )
        repeat = (min(following, size) - at) // zeros.length
        if repeat > 0:
            runs.append(zeros._replace(repeat=repeat))
            at += zeros.size * repeat
            continue
        window = bytearray(min(2 * limits.max_size, size - at))
        for start, data in written.items():
            low, high = max(start, at), min(start + len(data), at + len(window))
            if low < high:
                window[low - at : high - at] = data[low - start : high - start]
        end = cut_points(window, limits, final=at + len(window) == size)[0]
        runs.append(Run(object_id(window[:end]), end, 1))
        at += end
    return joined(runs)
