"""Whole-file hashes: right, taken once for each content, and never remembered wrongly."""

import hashlib
from pathlib import Path

import pytest
from blake3 import blake3

from fsmodel.assembly import Parts
from fsmodel.content import digests
from fsmodel.content.digests import Digests
from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.errors import NoRoom
from lmdb_index.records import DigestRecord
from lmdb_index.schema import DIGEST
from tests.support.stepping import Driver
from tests.support.volumes import (
    collect_garbage,
    damage,
    new_file,
    noise,
    opened,
    parts_of,
    ref_of,
    runs_of,
    settled_file,
)

DATA = noise(50_000)


def digests_of(parts: Parts) -> Digests:
    return Digests(parts.index, parts.changes, parts.contents, parts.objects)


def digest(volume: Volume, ref: bytes) -> DigestRecord:
    return run_inline(digests_of(parts_of(volume)).of(ref))


def expected(data: bytes) -> DigestRecord:
    return DigestRecord(blake3(data).digest(), hashlib.sha256(data).digest())


@pytest.mark.parametrize("data", [b"x", DATA, bytes(300_000)], ids=["one", "many", "zeros"])
def test_the_hashes_of_a_content(
    volume: Volume, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "READ_BYTES", 7_000)
    assert digest(volume, ref_of(volume, settled_file(volume, b"file", data))) == expected(data)


def test_the_hashes_of_nothing_are_known(volume: Volume) -> None:
    assert digest(volume, b"") == expected(b"")
    assert parts_of(volume).index.count(DIGEST) == 0


def test_each_content_is_hashed_once(folder: Path) -> None:
    with opened(folder) as volume:
        ref = ref_of(volume, settled_file(volume, b"file", DATA))
        found = digest(volume, ref)
        assert ref_of(volume, settled_file(volume, b"copy", DATA)) == ref
    with opened(folder) as volume:
        again = Driver(digests_of(parts_of(volume)).of(ref))
        assert again.ended  # without any work
        assert again.result == found


def test_damage_is_no_hash(volume: Volume) -> None:
    ref = ref_of(volume, settled_file(volume, b"file", DATA))
    restore = damage(volume, runs_of(DATA)[5].id)
    with pytest.raises(DataError):
        digest(volume, ref)
    assert parts_of(volume).index.get(DIGEST, ref) is None
    restore()
    assert digest(volume, ref) == expected(DATA)


def test_a_hash_that_cannot_be_remembered_is_answered(volume: Volume) -> None:
    ref = ref_of(volume, settled_file(volume, b"file", DATA))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_of(volume).index._journal, "append", refuse)
        assert digest(volume, ref) == expected(DATA)
    assert parts_of(volume).index.get(DIGEST, ref) is None


def refuse(*arguments: object) -> None:
    raise NoRoom("no room on the host")


def test_a_file_changed_and_deleted_while_it_is_hashed(volume: Volume) -> None:
    inode = new_file(volume, data=DATA)
    run_inline(volume.contents.settle(inode))
    hashing = Driver(digests_of(parts_of(volume)).of(ref_of(volume, inode)))
    volume.write(inode, 0, b"new")
    hashing.step()
    run_inline(volume.contents.settle(inode))
    hashing.step()
    volume.unlink(ROOT_INODE, b"file")
    volume.close_file(inode)
    collect_garbage(volume)
    assert hashing.finish() == expected(DATA)


def test_a_hash_goes_with_its_content(volume: Volume) -> None:
    ref = ref_of(volume, settled_file(volume, b"file", DATA))
    digest(volume, ref)
    volume.unlink(ROOT_INODE, b"file")
    collect_garbage(volume)
    assert parts_of(volume).index.get(DIGEST, ref) is None
