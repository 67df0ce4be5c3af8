"""Files by their hash: right while a directory is gone through, and while it changes."""

import pytest

from fsmodel.documents import directory_hashes
from fsmodel.documents.directory_hashes import DirectoryHashes
from fsmodel.errors import NotADirectory, NotFound
from fsmodel.ids import InodeId
from fsmodel.steps import run_inline
from tests.support.documents import DocumentVolume, sha256_of
from tests.support.stepping import Driver
from tests.support.volumes import parts_of


@pytest.fixture
def hashes(documents: DocumentVolume, monkeypatch: pytest.MonkeyPatch) -> DirectoryHashes:
    monkeypatch.setattr(directory_hashes, "STRETCH_ENTRIES", 1)
    parts = parts_of(documents.volume)
    return DirectoryHashes(
        parts.index, parts.inodes, parts.changes, parts.namespace, parts.metadata.digests
    )


def expected(*contents: bytes) -> list[bytes]:
    return sorted(bytes.fromhex(sha256_of(data)) for data in contents)


def test_changes_while_a_directory_is_gone_through(
    documents: DocumentVolume, folder: InodeId, hashes: DirectoryHashes
) -> None:
    for name in (b"a", b"b", b"c", b"d"):
        documents.write(folder, name, name)
    linked = documents.volume.lookup(folder, b"b")
    documents.volume.link(linked, documents.directory(b"elsewhere"), b"b")
    going = Driver(hashes.hashes(folder))
    going.step()
    documents.volume.unlink(folder, b"a")  # it has been seen
    documents.volume.unlink(folder, b"b")
    documents.volume.unlink(folder, b"c")
    documents.write(folder, b"d", b"other")
    documents.write(folder, b"e", b"e")
    assert sorted(going.finish()) == expected(b"other", b"e")


def test_two_who_ask_at_once(
    documents: DocumentVolume, folder: InodeId, hashes: DirectoryHashes
) -> None:
    for name in (b"a", b"b", b"c"):
        documents.write(folder, name, name)
    first = Driver(hashes.hashes(folder))
    second = Driver(hashes.hashes(folder))
    second.step()
    documents.volume.unlink(folder, b"a")  # both have seen it
    documents.write(folder, b"d", b"d")
    assert first.finish() == expected(b"b", b"c", b"d")
    assert second.finish() in (expected(b"b", b"c"), expected(b"b", b"c", b"d"))
    assert run_inline(hashes.hashes(folder)) == expected(b"b", b"c", b"d")


def test_changes_while_a_directory_that_was_forgotten_is_gone_through(
    documents: DocumentVolume,
    folder: InodeId,
    hashes: DirectoryHashes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(directory_hashes, "REMEMBERED_MAX", 1)
    for name in (b"a", b"b", b"c"):
        documents.write(folder, name, name)
    going = Driver(hashes.files_with(folder, *expected(b"a")))
    going.step()
    run_inline(hashes.hashes(documents.directory(b"elsewhere")))
    assert folder not in hashes._directories
    documents.rename(folder, b"a", folder, b"renamed")
    (found,) = going.finish()
    assert found.names == (b"renamed",)


def test_whoever_gives_up_leaves_nothing_behind(
    documents: DocumentVolume, folder: InodeId, hashes: DirectoryHashes
) -> None:
    for name in (b"a", b"b", b"c"):
        documents.write(folder, name, name)
    given_up = Driver(hashes.hashes(folder))
    given_up.abandon()
    assert run_inline(hashes.hashes(folder)) == expected(b"a", b"b", b"c")


def test_hashes_are_taken_only_when_they_may_matter(
    documents: DocumentVolume, folder: InodeId, hashes: DirectoryHashes
) -> None:
    digests = parts_of(documents.volume).metadata.digests
    known = bytes.fromhex(sha256_of(b"known"))
    ref = documents.volume._parts.inodes.get(
        documents.write(documents.directory(b"elsewhere"), b"file", b"known")
    ).content
    run_inline(digests.of(ref))
    documents.write(folder, b"file", b"unhashed")
    assert run_inline(hashes.files_with(folder, known)) == []
    assert digests.content_of(bytes.fromhex(sha256_of(b"unhashed"))) is None
    documents.write(folder, b"same", b"known")
    (found,) = run_inline(hashes.files_with(folder, known))
    assert found.names == (b"same",)
    assert run_inline(hashes.files_with(folder, bytes(32))) == []
    assert digests.content_of(bytes.fromhex(sha256_of(b"unhashed"))) is not None


def test_a_bounded_number_of_directories_is_remembered(
    documents: DocumentVolume, hashes: DirectoryHashes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_hashes, "REMEMBERED_MAX", 2)
    folders = [documents.directory(b"%d" % number) for number in range(5)]
    for folder in folders:
        documents.write(folder, b"file", b"%d" % folder)
        assert run_inline(hashes.hashes(folder)) == expected(b"%d" % folder)
    assert list(hashes._directories) == folders[-2:]
    monkeypatch.setattr(directory_hashes, "REMEMBERED_FILES_MAX", 1)
    run_inline(hashes.hashes(folders[0]))
    assert list(hashes._directories) == folders[:1]


def test_a_directory_that_goes_is_forgotten(
    documents: DocumentVolume, folder: InodeId, hashes: DirectoryHashes
) -> None:
    inode = documents.write(folder, b"file", b"data")
    run_inline(hashes.hashes(folder))
    with pytest.raises(NotADirectory):
        run_inline(hashes.hashes(inode))
    documents.volume.unlink(folder, b"file")
    documents.volume.rmdir(documents.volume.resolve(b"/"), b"folder")
    assert folder not in hashes._directories
    with pytest.raises(NotFound):
        run_inline(hashes.hashes(folder))
