"""Opening a store after a kill or a loss of power: what is found, and what is given up."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fsmodel.errors import BackendError, DataError
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.volume import Volume
from tests.support.descriptors import open_below
from tests.support.packs import failing
from tests.support.volumes import (
    NO_CACHE,
    USER,
    damage,
    findings,
    noise,
    parts_of,
    read_file,
    runs_of,
    settled_file,
)

FIRST, SECOND, THIRD = noise(9_000, 1), noise(9_000, 2), noise(9_000, 3)


def image_of(volume: Volume, place: Path) -> Path:
    """The files of a store as they are now; the volume is let go of."""
    shutil.copytree(volume.store, place)
    parts_of(volume).close()
    return place


def the_pack(store: Path) -> Path:
    """The pack that was written last."""
    return max((store / "packs").rglob("*.pack"))


def names_in(volume: Volume) -> list[bytes]:
    limit = volume.listing_limit(ROOT_INODE)
    return sorted(entry.name for entry in volume.list_entries(ROOT_INODE, 0, limit))


def cut(pack: Path, kept: int) -> None:
    """The file grew only a little."""
    os.truncate(pack, kept + 50)


def zero(pack: Path, kept: int) -> None:
    """The file grew, but its last blocks were never written."""
    data = pack.read_bytes()
    pack.write_bytes(data[:kept] + bytes(len(data) - kept))


def test_a_kill_loses_nothing(folder: Path, tmp_path: Path) -> None:
    volume = Volume.open(folder)
    inodes = [settled_file(volume, name, data) for name, data in ((b"a", FIRST), (b"b", SECOND))]
    volume.make_directory(ROOT_INODE, b"d", 0o755, USER)
    found = Volume.open(image_of(volume, tmp_path / "killed"), settings=NO_CACHE)
    assert names_in(found) == [b"a", b"b", b"d"]
    assert [read_file(found, inode) for inode in inodes] == [FIRST, SECOND]
    assert found.recovery_notice is None
    assert findings(found) == ()
    found.close()


@pytest.mark.parametrize("lose", [cut, zero], ids=["cut", "zeros"])
def test_what_the_packs_lack_is_given_up_with_all_that_follows(
    folder: Path, tmp_path: Path, lose: Callable[[Path, int], None]
) -> None:
    volume = Volume.open(folder)
    first = settled_file(volume, b"first", FIRST)
    volume.durability.note_synced(volume.durability.sync())
    pack = the_pack(folder)
    kept = pack.stat().st_size
    settled_file(volume, b"second", SECOND)
    volume.make_directory(ROOT_INODE, b"later", 0o755, USER)
    image = image_of(volume, tmp_path / "image")
    lose(image / pack.relative_to(folder), kept)
    found = Volume.open(image, settings=NO_CACHE)
    assert names_in(found) == [b"first", b"second"]  # made, but its bytes never arrived
    assert read_file(found, first) == FIRST
    assert read_file(found, found.lookup(ROOT_INODE, b"second")) == b""
    assert "set aside in" in (found.recovery_notice or "")
    assert findings(found) == ()
    settled_file(found, b"third", THIRD)
    found.close()
    with_third = Volume.open(image, settings=NO_CACHE)
    assert with_third.recovery_notice is None
    assert read_file(with_third, with_third.lookup(ROOT_INODE, b"third")) == THIRD
    with_third.close()


def test_a_whole_pack_that_never_arrived(folder: Path, tmp_path: Path) -> None:
    volume = Volume.open(folder)
    settled_file(volume, b"first", FIRST)
    image = image_of(volume, tmp_path / "image")
    the_pack(image).unlink()
    found = Volume.open(image, settings=NO_CACHE)
    assert names_in(found) == [b"first"]
    assert read_file(found, found.lookup(ROOT_INODE, b"first")) == b""
    assert findings(found) == ()
    found.close()


def test_damage_of_old_objects_does_not_undo_what_was_done_since(
    folder: Path, tmp_path: Path
) -> None:
    """A count of references that changes is no new reference to a frame."""
    volume = Volume.open(folder)
    settled_file(volume, b"old", b"of one chunk")
    volume.checkpoint()
    damage(volume, runs_of(b"of one chunk")[0].id)
    settled_file(volume, b"copy", b"of one chunk")
    volume.unlink(ROOT_INODE, b"old")
    kept = settled_file(volume, b"new", SECOND)
    found = Volume.open(image_of(volume, tmp_path / "killed"), settings=NO_CACHE)
    assert names_in(found) == [b"copy", b"new"]
    assert read_file(found, kept) == SECOND
    with pytest.raises(DataError):
        read_file(found, found.lookup(ROOT_INODE, b"copy"))
    assert findings(found) == ()
    found.close()


def test_a_host_that_cannot_read_is_no_proof_that_something_is_missing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = Volume.open(folder)
    inode = settled_file(volume, b"first", FIRST)
    image = image_of(volume, tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", failing(5))
        with pytest.raises(BackendError):
            Volume.open(image)
    found = Volume.open(image, settings=NO_CACHE)
    assert read_file(found, inode) == FIRST
    found.close()


@pytest.mark.parametrize("dies", [False, True])
def test_a_start_that_fails_leaves_nothing_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    """Else the next one, in the same process, is told that the index is open already."""
    Volume.open(folder).close()
    with monkeypatch.context() as patch:

        def last_call(*_: object) -> None:
            if dies:  # so that what was begun cannot be ended in good order
                patch.setattr(os, "ftruncate", failing(5))
            failing(5)()

        patch.setattr(os, "statvfs", last_call)
        with pytest.raises(BackendError):
            Volume.open(folder)
    assert open_below(folder) == []
    Volume.open(folder).close()


def test_synced_records_are_not_asked_about(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = Volume.open(folder)
    settled_file(volume, b"first", FIRST)
    volume.durability.note_synced(volume.durability.sync())
    image = image_of(volume, tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", failing(5))
        found = Volume.open(image)
    assert names_in(found) == [b"first"]
    found.close()


def test_files_that_were_open_without_a_name_are_gone(folder: Path, tmp_path: Path) -> None:
    volume = Volume.open(folder, settings=NO_CACHE)
    inode = settled_file(volume, b"file", FIRST)
    volume.open_file(inode, writing=True)
    volume.unlink(ROOT_INODE, b"file")
    assert read_file(volume, InodeId(inode)) == FIRST
    found = Volume.open(image_of(volume, tmp_path / "killed"), settings=NO_CACHE)
    assert found.statistics().inodes == 1
    assert findings(found) == ()
    found.close()
