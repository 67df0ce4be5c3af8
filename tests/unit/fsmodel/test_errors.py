"""The errors named in the library's promise: each says what it was about, as attributes."""

import os
import random
from pathlib import Path

import pytest

from fsmodel import errors
from fsmodel.documents.metadata_document import kept_of
from fsmodel.errors import (
    BackendError,
    ChunkNotFound,
    CompressionError,
    DataError,
    DocumentInvalid,
    FormatTooNew,
    FrameCorrupt,
    HashMismatch,
    IndexCorrupt,
    PathRefused,
    StoreLocked,
)
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.namespace.names import check_name
from fsmodel.volume import Volume
from lmdb_index.schema import DIRENT
from tests.support.bad_input import (
    decompression_bomb,
    first_chunk,
    forged_frame,
    index_into_no_pack,
)
from tests.support.damages import garble_row
from tests.support.volumes import NO_CACHE, damage, make_store, noise, read_file, settled_file

NAMED = (
    *("ChunkNotFound", "HashMismatch", "BackendError", "CompressionError", "IndexCorrupt"),
    *("PathRefused", "DocumentInvalid", "StoreLocked", "FormatTooNew"),
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A closed store with one file, of several chunks."""
    store = make_store(tmp_path / "store")
    volume = Volume.open(store, settings=NO_CACHE)
    settled_file(volume, b"file", noise(20_000))
    volume.close()
    return store


def inode_of(store: Path) -> InodeId:
    volume = Volume.open(store, dry=True)
    try:
        return volume.lookup(ROOT_INODE, b"file")
    finally:
        volume.close()


def failure_of(store: Path) -> DataError:
    """What reading the file raises."""
    volume = Volume.open(store, settings=NO_CACHE)
    try:
        with pytest.raises(DataError) as raised:
            read_file(volume, volume.lookup(ROOT_INODE, b"file"))
        return raised.value
    finally:
        volume.close()


def test_all_are_there_and_are_one_family() -> None:
    for name in NAMED:
        assert issubclass(getattr(errors, name), errors.CairnError)


def test_a_frame_that_decodes_to_other_bytes(store: Path) -> None:
    inode = inode_of(store)
    chunk, _ = first_chunk(store, inode)
    forged_frame(store, inode)
    error = failure_of(store)
    assert isinstance(error, HashMismatch)
    assert error.object_id == chunk
    assert error.place.startswith("pack ") and error.place in str(error)


def test_a_frame_that_does_not_decode(store: Path) -> None:
    inode = inode_of(store)
    chunk, _ = first_chunk(store, inode)
    decompression_bomb(store, inode)
    error = failure_of(store)
    assert isinstance(error, CompressionError)
    assert error.object_id == chunk
    assert error.place.startswith("pack ") and error.place in str(error)
    assert error.reason in str(error)


def test_a_pack_that_is_gone(store: Path) -> None:
    index_into_no_pack(store, inode_of(store))
    error = failure_of(store)
    assert isinstance(error, BackendError)
    assert error.place.startswith("pack ") and error.errno is not None


def test_a_frame_that_fails_its_checksum(store: Path) -> None:
    chunk, _ = first_chunk(store, inode_of(store))
    volume = Volume.open(store, settings=NO_CACHE)
    damage(volume, chunk)
    volume.close()
    error = failure_of(store)
    assert isinstance(error, FrameCorrupt)
    assert error.place in str(error) and error.reason in str(error)


def test_an_object_that_nobody_knows(store: Path) -> None:
    volume = Volume.open(store, dry=True)
    with pytest.raises(ChunkNotFound) as raised:
        volume._parts.objects.load(ObjectId(b"?" * 32))
    assert (raised.value.object_id, raised.value.place) == (b"?" * 32, "the index")
    volume.close()


def test_a_row_that_fails_its_checks(store: Path) -> None:
    assert garble_row(store, DIRENT, random.Random(1))
    volume = Volume.open(store)
    with pytest.raises(IndexCorrupt) as raised:
        volume.unlink(ROOT_INODE, b"file")
    error = raised.value
    assert (error.table, error.key[8:]) == ("dirent", b"file")
    assert "fsck --repair" in str(error) and error.place in str(error)
    volume._parts.close()


def test_an_index_that_is_cut(store: Path) -> None:
    os.truncate(store / "index" / "data.mdb", 20_000)
    with pytest.raises(IndexCorrupt) as raised:
        Volume.open(store)
    assert (raised.value.table, raised.value.key, raised.value.place) == ("", b"", "index")


def test_a_name_that_is_refused() -> None:
    with pytest.raises(PathRefused) as raised:
        check_name(b"a/b")
    assert raised.value.path == b"a/b"


def test_a_document_that_is_refused() -> None:
    with pytest.raises(DocumentInvalid) as raised:
        kept_of(b'{"content_hash": "another"}', "0" * 64)
    assert raised.value.place == "content_hash"


def test_a_store_that_is_held(store: Path) -> None:
    volume = Volume.open(store, mountpoint="/mnt")
    with pytest.raises(StoreLocked) as raised:
        Volume.open(store)
    held = raised.value
    assert (held.store, held.pid, held.mountpoint) == (str(store), os.getpid(), "/mnt")
    volume.close()


def test_a_store_of_a_later_version(store: Path) -> None:
    path = store / "format.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(FormatTooNew) as raised:
        Volume.open(store)
    assert raised.value.place == "format.json"
