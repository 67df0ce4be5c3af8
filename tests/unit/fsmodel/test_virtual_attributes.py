"""Attributes that are answered from what is known about a file's bytes."""

import hashlib
import os

import pytest
from blake3 import blake3

from fsmodel.errors import NoSuchAttribute, Stale
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.volumes import (
    USER,
    new_file,
    noise,
    parts_of,
    ref_of_bytes,
    runs_of,
    settled_file,
)

DATA = noise(5_000) + bytes(10_000) + noise(5_000)
NAMES = ["blake3", "sha256", "ref", "chunks", "unique_size", "stored_size"]


def attribute(volume: Volume, inode: InodeId, name: str) -> bytes:
    return run_inline(volume.get_xattr(inode, f"cairnfs.{name}".encode()))


def test_what_a_file_says_of_its_bytes(volume: Volume) -> None:
    inode = settled_file(volume, b"file", DATA)
    runs = runs_of(DATA)
    distinct = {run.id: run.length for run in runs}
    rows = [parts_of(volume).objects.get(name) for name in distinct]
    assert {name: attribute(volume, inode, name) for name in NAMES} == {
        "blake3": blake3(DATA).hexdigest().encode(),
        "sha256": hashlib.sha256(DATA).hexdigest().encode(),
        "ref": ref_of_bytes(DATA).hex().encode(),
        "chunks": str(sum(run.repeat for run in runs)).encode(),
        "unique_size": str(sum(distinct.values())).encode(),
        "stored_size": str(sum(row.stored for row in rows)).encode(),
    }
    assert sum(run.repeat for run in runs) > len(distinct)


def test_what_an_empty_file_says(volume: Volume) -> None:
    inode = settled_file(volume, b"empty", b"")
    assert [attribute(volume, inode, name) for name in NAMES] == [
        blake3().hexdigest().encode(),
        hashlib.sha256().hexdigest().encode(),
        b"empty",
        *[b"0"] * 3,
    ]


def test_equal_files_say_the_same(volume: Volume) -> None:
    first = settled_file(volume, b"first", DATA)
    second = settled_file(volume, b"second", DATA)
    for name in NAMES:
        assert attribute(volume, first, name) == attribute(volume, second, name)


def test_the_root_says_where_the_store_is(volume: Volume) -> None:
    assert attribute(volume, ROOT_INODE, "store") == os.fsencode(volume.store)
    with pytest.raises(NoSuchAttribute):
        attribute(volume, settled_file(volume, b"file", DATA), "store")


@pytest.mark.parametrize("name", [*NAMES, "other", ""])
def test_only_regular_files_say_something(volume: Volume, name: str) -> None:
    directory = volume.make_directory(ROOT_INODE, b"directory", 0o755, USER)
    link = volume.make_symlink(ROOT_INODE, b"link", b"to", USER)
    for inode in (ROOT_INODE, directory, link):
        with pytest.raises(NoSuchAttribute):
            attribute(volume, inode, name)


def test_an_attribute_that_does_not_exist(volume: Volume) -> None:
    with pytest.raises(NoSuchAttribute, match="other"):
        attribute(volume, settled_file(volume, b"file", DATA), "other")
    with pytest.raises(Stale):
        attribute(volume, InodeId(99), "ref")


@pytest.mark.parametrize("name", NAMES)
def test_unsettled_bytes_have_no_attributes_yet(volume: Volume, name: str) -> None:
    inode = new_file(volume, data=DATA)
    run_inline(volume.contents.settle(inode))
    volume.write(inode, 5, b"logged")
    volume.contents.log_extents(inode)
    with pytest.raises(NoSuchAttribute, match="not settled"):
        attribute(volume, inode, name)
    run_inline(volume.contents.settle(inode))
    assert attribute(volume, inode, name)
    volume.close_file(inode)


def test_they_are_not_listed(volume: Volume) -> None:
    inode = settled_file(volume, b"file", DATA)
    volume.set_xattr(inode, b"user.own", b"1")
    assert volume.list_xattrs(inode) == [b"user.own"]
