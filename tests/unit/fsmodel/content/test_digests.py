"""Whole-file hashes: right, taken once for each content, and never remembered wrongly."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from fsmodel.assembly import Parts
from fsmodel.content import digests
from fsmodel.content.digests import Digests
from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.errors import NoRoom
from lmdb_index.operation import Operation
from lmdb_index.records import DigestRecord, RawRecord
from lmdb_index.schema import DIGEST, SHA256, Table
from tests.support.stepping import Driver
from tests.support.volumes import (
    collect_garbage,
    damage,
    findings,
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
    return Digests(parts.index, parts.changes, parts.objects)


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


def test_a_hash_leads_back_to_its_content(volume: Volume) -> None:
    ref = ref_of(volume, settled_file(volume, b"file", DATA))
    digests = digests_of(parts_of(volume))
    sha256 = hashlib.sha256(DATA).digest()
    assert digests.content_of(sha256) is None
    digest(volume, ref)
    assert digests.content_of(sha256) == ref
    assert digests.content_of(hashlib.sha256().digest()) == b""
    volume.unlink(ROOT_INODE, b"file")
    collect_garbage(volume)
    assert digests.content_of(sha256) is None


def test_many_contents_are_hashed_together(volume: Volume) -> None:
    contents = [DATA, b"", *(b"small %d" % number for number in range(100))]
    names = [b"%d" % number for number in range(len(contents))]
    refs = [
        ref_of(volume, settled_file(volume, *each)) for each in zip(names, contents, strict=True)
    ]
    before = parts_of(volume).index.journal_position
    run_inline(digests_of(parts_of(volume)).take_all(refs))
    assert parts_of(volume).index.journal_position - before == 2  # the large one, the small ones
    for data, ref in zip(contents, refs, strict=True):
        assert digests_of(parts_of(volume)).known(ref) == expected(data)
    assert Driver(digests_of(parts_of(volume)).take_all(refs)).finish() is None


def test_what_cannot_be_read_is_left_out(volume: Volume) -> None:
    good, bad = (ref_of(volume, settled_file(volume, data, data)) for data in (b"good", b"bad"))
    large = ref_of(volume, settled_file(volume, b"large", DATA))
    mend = [damage(volume, ObjectId(bad[1:])), damage(volume, runs_of(DATA)[5].id)]
    digests = digests_of(parts_of(volume))
    run_inline(digests.take_all([bad, large, good, b"\1" + bytes(32)]))
    assert digests.known(good) == expected(b"good")
    assert digests.known(bad) is digests.known(large) is None
    for each in mend:
        each()
    run_inline(digests.take_all([bad, large]))
    assert digests.known(bad) == expected(b"bad")
    assert digests.known(large) == expected(DATA)


def test_contents_deleted_while_they_are_hashed(volume: Volume) -> None:
    ref = ref_of(volume, settled_file(volume, b"file", b"data"))
    hashing = Driver(digests_of(parts_of(volume)).take_all([ref]))
    volume.unlink(ROOT_INODE, b"file")
    collect_garbage(volume)
    hashing.finish()
    assert digests_of(parts_of(volume)).known(ref) == expected(b"data")
    collect_garbage(volume)
    assert digests_of(parts_of(volume)).known(ref) is None


@pytest.mark.parametrize(
    ("table", "key", "row", "told"),
    [
        (SHA256, hashlib.sha256(b"data").digest(), None, "not found by its SHA-256"),
        (SHA256, bytes(32), RawRecord(b"\1" + bytes(32)), "leads to a content that has another"),
        (DIGEST, b"\1" + bytes(32), DigestRecord(bytes(32), bytes(32)), "which is not stored"),
        (DIGEST, None, DigestRecord(bytes(32), bytes(32)), "another BLAKE3 than its id"),
    ],
)
def test_fsck_finds_hashes_that_do_not_agree(
    volume: Volume, table: Table[Any], key: bytes | None, row: Any, told: str
) -> None:
    ref = ref_of(volume, settled_file(volume, b"file", b"data"))
    key = ref if key is None else key
    digest(volume, ref)
    assert findings(volume) == ()
    index = parts_of(volume).index
    former = index.get(table, key)
    with index.operation() as operation:
        put_or_delete(operation, table, key, row)
    assert any(told in finding.text for finding in findings(volume))
    with index.operation() as operation:
        put_or_delete(operation, table, key, former)


def put_or_delete(operation: Operation, table: Table[Any], key: bytes, row: Any) -> None:
    if row is None:
        operation.delete(table, key)
    else:
        operation.put(table, key, row)
