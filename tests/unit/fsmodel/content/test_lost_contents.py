"""Files whose list of chunks, or only chunk, is lost: never zeros, and they can be written anew."""

import shutil
from pathlib import Path

import pytest

from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.volumes import (
    NO_CACHE,
    damage,
    make_store,
    noise,
    read_file,
    read_range,
    ref_of,
    settled_file,
)

SMALL, LARGE = b"of one chunk", noise(20_000)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """Two files of which the index knows that they are lost: no pack has their objects."""
    store = make_store(tmp_path / "store")
    volume = Volume.open(store, settings=NO_CACHE)
    lost = [settled_file(volume, b"small", SMALL), settled_file(volume, b"large", LARGE)]
    run_inline(volume.write_root())
    for inode in lost:
        damage(volume, ObjectId(ref_of(volume, inode)[1:]))
    volume.close()
    for folder in ("index", "journal"):
        shutil.rmtree(store / folder)
    rebuild_index(store, lambda done, total, text: None)
    return Volume.open(store, settings=NO_CACHE)


def inode_of(volume: Volume, name: bytes) -> InodeId:
    return volume.lookup(ROOT_INODE, name)


@pytest.mark.parametrize("name", [b"small", b"large"])
def test_what_is_lost_is_an_error_and_not_zeros(volume: Volume, name: bytes) -> None:
    inode = inode_of(volume, name)
    assert volume.open_file(inode, writing=False).size > 0
    for offset in (0, 5):
        with pytest.raises(DataError):
            read_range(volume, inode, offset, 4)
    volume.close_file(inode)
    with pytest.raises(DataError):
        run_inline(volume.get_xattr(inode, b"cairnfs.sha256"))
    volume.close()


@pytest.mark.parametrize("name", [b"small", b"large"])
def test_it_can_be_written_anew_in_place(volume: Volume, name: bytes) -> None:
    inode = inode_of(volume, name)
    volume.open_file(inode, writing=True)
    volume.truncate(inode, 0)
    volume.write(inode, 0, b"new bytes")
    run_inline(volume.contents.settle(inode))
    volume.close_file(inode)
    assert read_file(volume, inode) == b"new bytes"
    volume.close()


@pytest.mark.parametrize("name", [b"small", b"large"])
def test_it_can_be_renamed_and_deleted(volume: Volume, name: bytes) -> None:
    inode = inode_of(volume, name)
    volume.set_attributes(inode, AttributeChange(mode=0o600))
    volume.link(inode, ROOT_INODE, b"other")
    volume.unlink(ROOT_INODE, name)
    volume.unlink(ROOT_INODE, b"other")
    volume.close()


@pytest.mark.parametrize(("name", "data"), [(b"small", SMALL), (b"large", LARGE)])
def test_the_same_bytes_heal_it(volume: Volume, name: bytes, data: bytes) -> None:
    settled_file(volume, b"from a backup", data)
    assert read_file(volume, inode_of(volume, name)) == data
    volume.close()


@pytest.mark.parametrize("name", [b"small", b"large"])
def test_bytes_put_into_it_are_kept_until_they_find_a_place(volume: Volume, name: bytes) -> None:
    """Cutting needs what is lost: that fails, and the file is as it was."""
    inode = inode_of(volume, name)
    volume.open_file(inode, writing=True)
    volume.write(inode, 3, b"in the middle")
    with pytest.raises(DataError):
        run_inline(volume.contents.settle(inode))
    file = volume.contents.file(inode)
    assert file is not None
    assert bytes(file.dirty.within(4, 9)[0].data) == b"n the"
    volume.truncate(inode, 0)
    run_inline(volume.contents.settle(inode))
    volume.close_file(inode)
    volume.close()
