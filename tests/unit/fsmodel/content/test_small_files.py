"""New files of one chunk each, settled together: what settling one after the other comes to."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fsmodel.errors import NoSpace
from fsmodel.ids import InodeId
from fsmodel.steps import run_inline
from fsmodel.store.encoder import HASTY_LEVEL
from fsmodel.store.pack_format import FRAME_HEADER
from fsmodel.volume import Volume
from lmdb_index.schema import OBJECT
from tests.support.haste import stored_at, stored_chunks, text
from tests.support.volumes import (
    LIMITS,
    PLAIN,
    make_store,
    new_file,
    noise,
    opened,
    parts_of,
    read_file,
    ref_of,
    ref_of_bytes,
)

SIZES = [1, 30, LIMITS.min_size - 1, LIMITS.min_size]


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    with opened(make_store(tmp_path / "store")) as volume:
        yield volume
        assert run_inline(volume.fsck()).findings == ()


def made(volume: Volume, *contents: bytes) -> list[InodeId]:
    """Open files that have just been written."""
    inodes = [new_file(volume, b"%d" % n, data) for n, data in enumerate(contents)]
    assert all(map(volume.contents.is_one_new_chunk, inodes))
    return inodes


def close(volume: Volume, inodes: list[InodeId]) -> None:
    for inode in inodes:
        volume.close_file(inode)


@pytest.mark.parametrize("logged", [False, True])
def test_they_become_what_each_would_be_by_itself(volume: Volume, *, logged: bool) -> None:
    contents = [noise(size, size) for size in SIZES]
    inodes = made(volume, *contents)
    for inode in inodes if logged else ():
        volume.contents.log_extents(inode)
    run_inline(volume.contents.settle_together(inodes))
    assert [ref_of(volume, inode) for inode in inodes] == [ref_of_bytes(each) for each in contents]
    assert [read_file(volume, inode) for inode in inodes] == contents
    assert volume.contents.unsettled() == []
    close(volume, inodes)


def test_bytes_that_are_the_same_are_stored_once(volume: Volume) -> None:
    inodes = made(volume, *[noise(50)] * 3, noise(50, 1))
    run_inline(volume.contents.settle_together(inodes))
    assert parts_of(volume).index.count(OBJECT) == 2
    close(volume, inodes)


def test_what_cannot_be_stored_can_be_tried_again(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise NoSpace("no room")

    contents = [noise(size, size) for size in SIZES]
    inodes = made(volume, *contents)
    with monkeypatch.context() as broken:
        broken.setattr(parts_of(volume).objects.encoder, "append", refuse)
        broken.setattr(parts_of(volume).objects.encoder, "append_noise", refuse)
        with pytest.raises(NoSpace):
            run_inline(volume.contents.settle_together(inodes))
    assert [read_file(volume, inode) for inode in inodes] == contents
    assert all(map(volume.contents.is_one_new_chunk, inodes))
    run_inline(volume.contents.settle_together(inodes))
    assert [ref_of(volume, inode) for inode in inodes] == [ref_of_bytes(each) for each in contents]
    close(volume, inodes)


def test_what_is_written_meanwhile_stays_to_be_settled(volume: Volume) -> None:
    inodes = made(volume, noise(50), noise(50, 1))
    steps = volume.contents.settle_together(inodes)
    work = next(steps)
    volume.write(inodes[0], 10, b"later")
    assert not volume.contents.is_one_new_chunk(inodes[0])
    try:
        while True:
            work = steps.send(work.run())
    except StopIteration:
        pass
    assert ref_of(volume, inodes[0]) == ref_of_bytes(noise(50))
    run_inline(volume.contents.settle(inodes[0]))
    later = noise(50)[:10] + b"later" + noise(50)[15:]
    assert ref_of(volume, inodes[0]) == ref_of_bytes(later)
    close(volume, inodes)


@pytest.mark.parametrize("hasty", [False, True])
def test_when_many_wait_each_is_compressed_quickly(tmp_path: Path, *, hasty: bool) -> None:
    Volume.create(tmp_path / "store", plain=True)
    with opened(tmp_path / "store") as volume:
        data = text(1, 10_000)
        inodes = made(volume, data)
        run_inline(volume.contents.settle_together(inodes, hasty=hasty))
        assert stored_chunks(volume) == stored_at(data, HASTY_LEVEL if hasty else 3)
        close(volume, inodes)
    assert stored_at(data, HASTY_LEVEL) != stored_at(data, 3)


@pytest.mark.usefixtures("roomy_host")
def test_where_somebody_archives_they_are_stored_as_they_come(tmp_path: Path) -> None:
    Volume.create(tmp_path / "store", plain=True)
    with opened(tmp_path / "store", replace(PLAIN, haste=True)) as volume:
        contents = [text(number, 10_000) for number in range(4)]
        inodes = made(volume, *contents)
        run_inline(volume.contents.settle_together(inodes, hasty=True))
        assert stored_chunks(volume) == 4 * (10_000 + FRAME_HEADER.size)
        close(volume, inodes)
        run_inline(volume.archive(lambda *_: None, level=12))
        assert [read_file(volume, inode) for inode in inodes] == contents
        assert stored_chunks(volume) <= sum(stored_at(each, 3) for each in contents)
        assert run_inline(volume.fsck()).findings == ()
