"""Clones and restores obey the rules of structured folders, and leave versions where they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.errors import DocumentInvalid, NameInvalid, NotPermitted
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.filled_tree import put_file, write_file
from tests.support.volume_store import USER


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    """A store with a series `s`, a file in one of its kinds, and a file elsewhere."""
    store = tmp_path / "store"
    Volume.create(store)
    volume = Volume.open(store)
    volume.make_directory(volume.resolve(b"/output"), b"s", 0o755, USER)
    put_file(volume, volume.resolve(b"/output/s/data"), b"a.txt", b"an artifact")
    other = volume.make_directory(ROOT_INODE, b"other", 0o755, USER)
    put_file(volume, other, b"file", b"bytes")
    run_inline(volume.snapshots.create(b"first"))
    yield volume
    assert run_inline(volume.fsck()).findings == ()
    volume.close()


def clone(volume: Volume, source: bytes, directory: bytes, name: bytes) -> InodeId:
    return run_inline(volume.clone(volume.resolve(source), volume.resolve(directory), name))


def restore(volume: Volume, path: bytes, destination: bytes | None = None) -> InodeId:
    return run_inline(volume.snapshots.restore(b"first", path, destination))


def versions(volume: Volume, path: bytes) -> int:
    return len(run_inline(volume.list_versions(path)))


def test_artifacts_are_cloned_and_restored_as_artifacts(volume: Volume) -> None:
    clone(volume, b"/output/s/data/a.txt", b"/output/s/data", b"b.txt")
    with pytest.raises(NameInvalid):
        clone(volume, b"/output/s/data/a.txt", b"/output/s/data", b"b.png")
    volume.unlink(volume.resolve(b"/output/s/data"), b"a.txt")
    restore(volume, b"/output/s/data/a.txt")
    volume.resolve(b"/output/s/data/a.txt")


def test_folders_of_a_series_are_restored_and_others_have_no_place_there(volume: Volume) -> None:
    for path in (b"/output/s/data", b"/output/s"):
        volume.unlink(volume.resolve(b"/output/s/data"), b"a.txt")
        restore(volume, path)
        assert volume.resolve(b"/output/s/data/a.txt")
    with pytest.raises(NameInvalid):
        clone(volume, b"/other", b"/output/s/data", b"inner")
    with pytest.raises(NotPermitted):
        restore(volume, b"/output")
    assert volume.resolve(b"/output/s/data/a.txt")


def test_no_clone_is_a_document_that_is_none(volume: Volume) -> None:
    with pytest.raises(DocumentInvalid):
        clone(volume, b"/other/file", b"/series", b"t.json")
    clone(volume, b"/series/s.json", b"/other", b"copy.json")


def test_what_a_restore_replaces_is_a_version(volume: Volume) -> None:
    write_file(volume, volume.resolve(b"/other/file"), b"later")
    before = versions(volume, b"/other/file")
    restore(volume, b"/other/file")
    assert versions(volume, b"/other/file") > before


def test_versions_stay_with_a_folder_that_is_restored(volume: Volume) -> None:
    put_file(volume, volume.resolve(b"/other"), b"gone", b"bytes")
    volume.unlink(volume.resolve(b"/other"), b"gone")
    assert versions(volume, b"/other/gone") == 1
    restore(volume, b"/other")
    assert versions(volume, b"/other/gone") == 1
