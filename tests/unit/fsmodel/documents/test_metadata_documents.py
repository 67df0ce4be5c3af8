"""Documents of a directory: what they say, how they follow contents, how they are written."""

import json
import math
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from fsmodel.documents.metadata_document import DOCUMENT_BYTES_MAX
from fsmodel.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    DocumentInvalid,
    InvalidArgument,
    IsADirectory,
    NotFound,
    PathRefused,
    ReadOnly,
    TooBig,
)
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.settings import VolumeSettings
from fsmodel.steps import Steps, run_inline
from fsmodel.store.objects import ObjectStore
from fsmodel.views import metadata_drafts
from fsmodel.views.nodes import ViewDirectory, ViewFile
from tests.support.documents import DAY_NS, DocumentVolume, document, sha256_of
from tests.support.volumes import USER, make_store, new_file, noise, parts_of

DATA = noise(20_000)
HASH = sha256_of(DATA)
FOUND: dict[str, Any] = {"media_type": "image", "tags": ["neon"], "cost": 0.0025}


def test_each_content_has_one_document(documents: DocumentVolume, folder: InodeId) -> None:
    first = documents.write(folder, b"one", DATA)
    documents.write(folder, b"two", DATA)
    documents.write(folder, b"empty", b"")
    documents.volume.link(first, folder, b"linked")
    documents.directory(b"folder/below")
    assert sorted(documents.listed(folder)) == sorted([HASH, sha256_of(b"")])
    shown = documents.read(folder, HASH)
    storage = shown.pop("storage")
    assert shown == {
        "version": "4.0",
        "content_hash": HASH,
        "file_name": "one",
        "file_size": len(DATA),
        "analysis": {},
    }
    assert storage["blake3"] == blake3(DATA).hexdigest()
    assert storage["file_names"] == ["one", "linked", "two"]
    attributes = parts_of(documents.volume).virtual_attributes
    assert storage["chunks"] == int(run_inline(attributes.get(first, b"cairnfs.chunks"))) > 5
    assert storage["stored_size"] == int(run_inline(attributes.get(first, b"cairnfs.stored_size")))
    empty = documents.read(folder, sha256_of(b""))
    assert (empty["file_size"], empty["storage"]["chunks"]) == (0, 0)


def test_an_analysis_is_kept_with_unknown_keys(documents: DocumentVolume, folder: InodeId) -> None:
    documents.write(folder, b"file", DATA)
    documents.put(folder, HASH, document(HASH, FOUND, mine={"key": [1, None]}, file_name="lie"))
    shown = documents.read(folder, HASH)
    assert shown["analysis"] == FOUND
    assert shown["mine"] == {"key": [1, None]}
    assert shown["file_name"] == "file"
    documents.put(folder, HASH, documents.text(documents.file(folder, HASH)))
    assert documents.read(folder, HASH) == shown


def test_an_analysis_follows_its_content(documents: DocumentVolume, folder: InodeId) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    elsewhere = documents.directory(b"elsewhere")
    documents.rename(folder, b"file", folder, b"renamed")
    assert documents.read(folder, HASH)["file_name"] == "renamed"
    documents.rename(folder, b"renamed", elsewhere, b"moved")
    assert documents.analysis(folder, HASH) is None
    assert documents.analysis(elsewhere, HASH) == FOUND
    documents.write(folder, b"copy", DATA)
    assert documents.analysis(folder, HASH) == FOUND
    documents.write(folder, b"copy", b"other")
    assert documents.listed(folder) == [sha256_of(b"other")]
    assert documents.analysis(folder, sha256_of(b"other")) == {}
    documents.write(folder, b"copy", DATA)
    assert documents.analysis(folder, HASH) == FOUND


def test_all_of_it_survives_a_kill_and_a_restart(
    documents: DocumentVolume, folder: InodeId, tmp_path: Path
) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    before = documents.text(documents.file(folder, HASH))
    documents.kill(tmp_path / "killed")
    assert documents.text(documents.file(folder, HASH)) == before
    documents.reopen()
    assert documents.text(documents.file(folder, HASH)) == before


@pytest.mark.parametrize("by_rename", [False, True])
def test_a_document_may_come_before_its_file(
    documents: DocumentVolume, folder: InodeId, by_rename: bool
) -> None:
    if by_rename:
        documents.put_by_rename(folder, HASH, document(HASH, FOUND), mtime_ns=5)
    else:
        documents.analyse(folder, HASH, FOUND)
    assert documents.listed(folder) == []
    shown = documents.read(folder, HASH)
    assert (shown["content_hash"], shown["analysis"]) == (HASH, FOUND)
    assert "storage" not in shown
    documents.reopen()
    assert documents.analysis(folder, HASH) == FOUND
    documents.write(folder, b"file", DATA)
    assert documents.listed(folder) == [HASH]
    assert documents.read(folder, HASH)["storage"]["file_names"] == ["file"]
    assert documents.analysis(folder, HASH) == FOUND


def test_times_and_permissions(documents: DocumentVolume, folder: InodeId) -> None:
    inode = documents.write(folder, b"file", DATA)
    documents.volume.set_attributes(inode, AttributeChange(mode=0o4751, uid=5, gid=6, mtime_ns=70))
    file = documents.file(folder, HASH)
    shown = documents.attributes(file)
    assert (shown.mode, shown.uid, shown.gid, shown.mtime_ns) == (0o100640, 5, 6, 70)
    documents.put_by_rename(folder, HASH, document(HASH, FOUND), mtime_ns=90)
    assert documents.attributes(file).mtime_ns == 90
    documents.volume.set_attributes(inode, AttributeChange(mtime_ns=100))
    assert documents.attributes(file).mtime_ns == 100
    run_inline(file.set_attributes(AttributeChange(mtime_ns=110, mode=0o600, uid=9, gid=9)))
    shown = documents.attributes(file)
    assert (shown.mode, shown.uid, shown.gid, shown.mtime_ns) == (0o100640, 5, 6, 110)
    documents.put(folder, HASH, document(HASH, {"other": 1}), before_close=set_time(200))
    assert documents.attributes(file).mtime_ns == 200


def set_time(mtime_ns: int) -> Any:
    def set_it(file: Any) -> None:
        run_inline(file.set_attributes(AttributeChange(mtime_ns=mtime_ns)))

    return set_it


def test_a_document_that_waits_has_what_it_was_given(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.put(folder, HASH, document(HASH, FOUND), before_close=set_time(5))
    file = documents.file(folder, HASH)
    run_inline(file.set_attributes(AttributeChange(mode=0o600, uid=7, gid=8)))
    shown = documents.attributes(file)
    assert (shown.mode, shown.uid, shown.gid, shown.mtime_ns) == (0o100600, 7, 8, 5)


def test_deleting_a_document_resets_it(documents: DocumentVolume, folder: InodeId) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    documents.delete(folder, HASH)
    assert documents.analysis(folder, HASH) == {}
    documents.delete(folder, HASH)
    documents.volume.unlink(folder, b"file")
    with pytest.raises(NotFound):
        documents.delete(folder, HASH)


def test_writing_nothing_resets_it_too(documents: DocumentVolume, folder: InodeId) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    documents.analyse(folder, HASH, {})
    assert documents.analysis(folder, HASH) == {}
    assert run_inline(documents.volume.analysis(bytes.fromhex(HASH))) is None


def former_of(documents: DocumentVolume, sha256: str) -> list[dict[str, Any]]:
    analyses = parts_of(documents.volume).metadata.analyses
    return [run_inline(analyses.values_of(each)) for _, each in analyses.former(sha256)]


def test_former_analyses_stay(documents: DocumentVolume, folder: InodeId) -> None:
    documents.write(folder, b"file", DATA)
    for number in range(3):
        documents.analyse(folder, HASH, {"number": number})
        documents.clock.advance(1)
    assert former_of(documents, HASH) == []  # all within a minute
    documents.clock.advance(60)
    documents.analyse(folder, HASH, {"number": 3})
    assert former_of(documents, HASH) == [{"number": 2}]
    documents.delete(folder, HASH)
    assert former_of(documents, HASH) == [{"number": 2}, {"number": 3}]
    for number in range(4, 20):
        documents.analyse(folder, HASH, {"number": number})
        documents.delete(folder, HASH)
    assert former_of(documents, HASH) == [{"number": number} for number in range(10, 20)]


def test_a_document_without_analysis_leaves_no_former_one(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.analyse(folder, HASH, {})
    documents.clock.advance(100)
    documents.analyse(folder, HASH, FOUND)
    assert former_of(documents, HASH) == []


def test_removing_a_directory_takes_no_analysis_along(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.write(folder, b"file", DATA)
    copy = documents.directory(b"copy")
    documents.write(copy, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    documents.remove_all(folder)
    documents.volume.unlink(folder, b"file")
    assert documents.analysis(copy, HASH) == {}
    documents.volume.rmdir(documents.volume.resolve(b"/"), b"folder")
    assert documents.analysis(copy, HASH) == FOUND
    assert former_of(documents, HASH) == []


def test_a_reset_that_was_meant_stays(documents: DocumentVolume, folder: InodeId) -> None:
    for name, written_again in [(b"again", True), (b"old", False)]:
        directory = documents.directory(name)
        documents.write(folder, b"file", DATA)
        documents.analyse(folder, HASH, FOUND)
        documents.write(directory, b"file", DATA)
        documents.delete(directory, HASH)
        if written_again:
            documents.analyse(directory, HASH, {"other": 1})
            documents.delete(folder, HASH)
        else:
            documents.clock.advance(7200)
        documents.volume.unlink(directory, b"file")
        documents.volume.rmdir(documents.volume.resolve(b"/"), name)
        assert documents.analysis(folder, HASH) == {}


def test_folders_can_be_removed_when_nothing_is_lost_by_it(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.write(folder, b"file", DATA)
    view = documents.view(folder)
    documents.analyse(folder, HASH, FOUND)
    with pytest.raises(DirectoryNotEmpty):
        run_inline(view.rmdir(HASH[:2].encode()))
    with pytest.raises(DirectoryNotEmpty):
        run_inline(documents.volume.views.remove(folder, b".metadata"))
    documents.delete(folder, HASH)
    run_inline(view.rmdir(HASH[:2].encode()))
    run_inline(documents.volume.views.remove(folder, b".metadata"))
    assert documents.listed(folder) == [HASH]


@pytest.mark.parametrize(
    "data",
    [
        b"no json",
        document(HASH[:-1] + "x", FOUND),
        document(HASH, FOUND)[:-1],
        b'{"content_hash": "%b", "analysis": [], "version": "4.0"}' % HASH.encode(),
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("by_rename", [False, True])
def test_an_invalid_document_changes_nothing(
    documents: DocumentVolume, folder: InodeId, data: bytes, by_rename: bool
) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    before = documents.text(documents.file(folder, HASH))
    write = partial(documents.put_by_rename, mtime_ns=5) if by_rename else documents.put
    with pytest.raises(DocumentInvalid):
        write(folder, HASH, data)
    assert documents.text(documents.file(folder, HASH)) == before


def test_an_empty_document_is_refused(
    documents: DocumentVolume, folder: InodeId, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    with pytest.raises(InvalidArgument):
        documents.put(folder, HASH, b"")
    assert documents.analysis(folder, HASH) == FOUND
    assert [record.getMessage() for record in caplog.records] == [
        f"metadata document {HASH} was left as it was: an empty one"
    ]


def test_a_shell_closes_a_document_before_it_writes_it(
    documents: DocumentVolume, folder: InodeId, caplog: pytest.LogCaptureFixture
) -> None:
    documents.write(folder, b"file", DATA)
    file = documents.file(folder, HASH)
    run_inline(file.open(writing=True))
    run_inline(file.truncate(0))
    with pytest.raises(InvalidArgument):
        run_inline(file.flush())  # of the descriptor that becomes standard output
    run_inline(file.write(0, document(HASH, FOUND)))
    run_inline(file.flush())
    file.close()
    assert documents.analysis(folder, HASH) == FOUND
    assert caplog.records == []


def test_readers_see_the_old_document_or_the_new_one(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    old = documents.text(documents.file(folder, HASH))
    reader, writer = documents.file(folder, HASH), documents.file(folder, HASH)
    run_inline(reader.open(writing=False))
    run_inline(writer.open(writing=True))
    run_inline(writer.truncate(0))
    new = document(HASH, {"other": 1})
    run_inline(writer.write(0, new))
    assert documents.attributes(writer).size == len(new)
    assert run_inline(writer.read(0, 10**6)) == new
    late = documents.file(folder, HASH)
    run_inline(late.open(writing=False))
    for each in (reader, late):
        assert run_inline(each.read(0, 10**6)) == old
    run_inline(writer.flush())
    for each in (writer, reader, late):
        each.close()
    assert documents.analysis(folder, HASH) == {"other": 1}


def test_two_writers_share_a_draft(documents: DocumentVolume, folder: InodeId) -> None:
    documents.write(folder, b"file", DATA)
    first, second = documents.file(folder, HASH), documents.file(folder, HASH)
    for each in (first, second):
        run_inline(each.open(writing=True))
        run_inline(each.truncate(0))
    run_inline(first.write(0, document(HASH, {"a": 1})))
    run_inline(second.write(0, document(HASH, {"b": 2})))
    run_inline(first.flush())
    first.close()
    assert documents.analysis(folder, HASH) == {"b": 2}
    second.close()
    assert documents.analysis(folder, HASH) == {"b": 2}


def test_truncating_a_document_by_its_name(documents: DocumentVolume, folder: InodeId) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    with pytest.raises(DocumentInvalid):
        run_inline(documents.file(folder, HASH).truncate(10))
    assert documents.analysis(folder, HASH) == FOUND


def test_a_document_that_is_too_big(documents: DocumentVolume, folder: InodeId) -> None:
    documents.write(folder, b"file", DATA)
    file = documents.file(folder, HASH)
    run_inline(file.open(writing=True))
    for offset in (DOCUMENT_BYTES_MAX, 1 << 60):
        with pytest.raises(TooBig):
            run_inline(file.write(offset, b"x"))
        with pytest.raises(TooBig):
            run_inline(file.truncate(offset + 1))
    file.close()
    assert documents.analysis(folder, HASH) == {}


def test_a_document_that_is_made_and_not_written_is_none(
    documents: DocumentVolume, folder: InodeId
) -> None:
    name = b"%b.json" % HASH.encode()
    file = run_inline(documents.folder(folder, HASH).create(name, 0o644, USER))
    run_inline(file.open(writing=True))
    assert documents.attributes(documents.file(folder, HASH)).size == 0
    run_inline(file.flush())
    file.close()
    with pytest.raises(NotFound):
        documents.file(folder, HASH)


def test_temporary_files(documents: DocumentVolume, folder: InodeId) -> None:
    documents.write(folder, b"file", DATA)
    at = documents.folder(folder, HASH)
    documents.put(folder, HASH, b"anything", name=b".x.swp")
    documents.put(folder, HASH, b"more", name=b"4913")
    assert [name for name, _ in run_inline(at.entries())] == [
        b"%b.json" % HASH.encode(),
        b".x.swp",
        b"4913",
    ]
    run_inline(at.rename(b".x.swp", at, b"4913"))
    assert documents.text(documents.file(folder, HASH, b"4913")) == b"anything"
    run_inline(at.unlink(b"4913"))
    with pytest.raises(NotFound):
        documents.file(folder, HASH, b"4913")
    with pytest.raises(NotFound):
        run_inline(at.unlink(b".x.swp"))


def test_an_editor_that_moves_the_document_aside(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    at, name = documents.folder(folder, HASH), b"%b.json" % HASH.encode()
    before = documents.text(documents.file(folder, HASH))
    run_inline(at.rename(name, at, name + b"~"))
    assert documents.text(documents.file(folder, HASH, name + b"~")) == before
    assert documents.analysis(folder, HASH) == {}
    documents.analyse(folder, HASH, {"edited": True})
    run_inline(at.unlink(name + b"~"))
    assert documents.analysis(folder, HASH) == {"edited": True}


def test_moves_between_documents(documents: DocumentVolume, folder: InodeId) -> None:
    elsewhere = documents.directory(b"elsewhere")
    documents.write(folder, b"file", DATA)
    documents.write(folder, b"other", b"other")
    documents.analyse(folder, HASH, FOUND)
    at, name = documents.folder(folder, HASH), b"%b.json" % HASH.encode()
    run_inline(at.rename(name, documents.folder(elsewhere, HASH), name))
    assert documents.analysis(folder, HASH) == FOUND
    other = sha256_of(b"other")
    target = documents.folder(folder, other)
    with pytest.raises(DocumentInvalid):
        run_inline(at.rename(name, target, b"%b.json" % other.encode()))
    assert documents.analysis(folder, HASH) == FOUND
    assert documents.analysis(folder, other) == {}
    with pytest.raises(PathRefused):
        run_inline(at.rename(name, documents.view(folder), b".x"))
    with pytest.raises(NotFound):
        run_inline(at.rename(b".absent", at, b".x"))


def test_names_that_cannot_be(documents: DocumentVolume, folder: InodeId) -> None:
    view, at = documents.view(folder), documents.folder(folder, "ab" * 32)
    wrong = [b"note.txt", b"%b.json" % (b"cd" * 32), b"%b.json" % (b"AB" * 32), b"abc.json"]
    for name in wrong:
        with pytest.raises(PathRefused):
            run_inline(at.create(name, 0o644, USER))
        with pytest.raises(NotFound):
            run_inline(at.lookup(name))
    with pytest.raises(PathRefused):
        run_inline(at.make_directory(b"ab", 0o755, USER))
    with pytest.raises(NotFound):
        run_inline(at.rmdir(b"ab"))
    with pytest.raises(AlreadyExists):
        run_inline(view.make_directory(b"ab", 0o755, USER))
    for name in (b"AB", b"abc", b"a", b"zz"):
        with pytest.raises(NotFound):
            run_inline(view.lookup(name))
        with pytest.raises(PathRefused):
            run_inline(view.make_directory(name, 0o755, USER))
    with pytest.raises(PathRefused):
        run_inline(view.create(b".x", 0o644, USER))
    with pytest.raises(IsADirectory):
        run_inline(view.unlink(b"ab"))
    with pytest.raises(PathRefused):
        run_inline(view.rename(b"ab", view, b"cd"))


def test_unsettled_files_have_no_document_yet(documents: DocumentVolume) -> None:
    root = documents.volume.resolve(b"/")
    inode = new_file(documents.volume, b"file", DATA)
    run_inline(documents.volume.contents.settle(inode))
    assert documents.listed(root) == [HASH]
    documents.volume.write(inode, 5, b"xx")
    documents.volume.contents.log_extents(inode)
    assert documents.listed(root) == []
    run_inline(documents.volume.contents.settle(inode))
    changed = DATA[:5] + b"xx" + DATA[7:]
    assert documents.listed(root) == [sha256_of(changed)]
    documents.volume.close_file(inode)


def test_there_are_no_documents_of_hidden_folders(documents: DocumentVolume) -> None:
    documents.analyse(documents.volume.resolve(b"/"), HASH, FOUND)
    hidden = parts_of(documents.volume).namespace.system.find(b"documents", HASH[:2].encode())
    assert hidden is not None
    assert run_inline(documents.volume.views.view_of(hidden, b".metadata")) is None


def test_an_unused_analysis_is_forgotten_after_a_period_of_grace(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    assert documents.sweep() == (0, 0)
    documents.volume.unlink(folder, b"file")
    documents.collect()
    assert documents.sweep() == (1, 0)
    documents.clock.advance(6 * 24 * 3600)
    assert documents.sweep() == (0, 0)
    documents.write(folder, b"file", DATA)
    assert documents.analysis(folder, HASH) == FOUND
    assert documents.sweep() == (0, 0)
    documents.volume.unlink(folder, b"file")
    documents.collect()
    documents.clock.advance(8 * 24 * 3600)
    assert documents.sweep() == (1, 0)
    documents.clock.advance(8 * 24 * 3600)
    assert documents.sweep() == (0, 1)
    documents.write(folder, b"file", DATA)
    assert documents.analysis(folder, HASH) == {}


def test_a_document_that_waits_in_vain_is_forgotten(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.analyse(folder, HASH, FOUND)
    other = sha256_of(b"other")
    documents.analyse(folder, other, FOUND)
    documents.analyse(folder, sha256_of(b"third"), {})
    documents.clock.advance(3 * 24 * 3600)
    documents.write(folder, b"other", b"other")
    documents.write(folder, b"third", b"third")
    documents.listed(folder)
    assert documents.sweep() == (0, 1)  # what said nothing
    documents.clock.advance(5 * 24 * 3600)
    assert documents.sweep() == (0, 1)
    assert documents.analysis(folder, HASH) is None
    assert documents.analysis(folder, other) == FOUND
    documents.rename(folder, b"other", documents.directory(b"elsewhere"), b"other")
    assert documents.analysis(folder, other) is None


def test_former_analyses_are_forgotten_a_month_after_they_were_replaced(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    documents.clock.advance(60 * DAY_NS // 10**9)
    documents.delete(folder, HASH)
    documents.clock.advance(29 * DAY_NS // 10**9)
    assert documents.sweep() == (0, 0)
    documents.clock.advance(2 * DAY_NS // 10**9)
    assert documents.sweep() == (0, 1)
    assert former_of(documents, HASH) == []


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read is read by a worker."""
    monkeypatch.setattr(ObjectStore, "read_nowait", lambda *_: None)
    monkeypatch.setattr(ObjectStore, "read_part_nowait", lambda *_: None)


def begun(steps: Steps[None]) -> Callable[[], None]:
    """Steps up to their first work, as while a worker is at it, and what ends them."""
    works = [next(steps)]

    def end() -> None:
        with suppress(StopIteration):
            while True:
                works.append(steps.send(works[-1].run()))

    return end


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("one_node", [False, True])
def test_who_opens_while_another_begins_to_write_takes_nothing_from_him(
    documents: DocumentVolume, folder: InodeId, one_node: bool
) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    first = documents.file(folder, HASH)
    second = first if one_node else documents.file(folder, HASH)
    end_first, end_second = begun(first.open(writing=True)), begun(second.open(writing=True))
    end_first()
    run_inline(first.truncate(0))
    run_inline(first.write(0, document(HASH, {"mine": 1})))
    end_second()
    run_inline(first.flush())
    first.close()
    run_inline(second.flush())
    second.close()
    assert documents.analysis(folder, HASH) == {"mine": 1}


@pytest.mark.usefixtures("slow")
def test_an_analysis_that_is_reset_while_it_is_written_again_is_there(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.write(folder, b"file", DATA)
    documents.analyse(folder, HASH, FOUND)
    analyses = parts_of(documents.volume).metadata.analyses
    present = analyses.find(HASH)
    assert present is not None
    end = begun(analyses.set(HASH, run_inline(analyses.read(present)), USER))
    analyses.reset(HASH)
    end()
    assert documents.analysis(folder, HASH) == FOUND


def test_a_time_may_be_the_beginning_of_time(documents: DocumentVolume, folder: InodeId) -> None:
    inode = documents.write(folder, b"file", DATA)
    documents.volume.set_attributes(inode, AttributeChange(mtime_ns=0))
    documents.put_by_rename(folder, HASH, document(HASH, FOUND), mtime_ns=0)
    assert documents.attributes(documents.file(folder, HASH)).mtime_ns == 0


def test_a_temporary_file_takes_no_more_room_while_it_is_renamed(
    documents: DocumentVolume, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata_drafts, "DRAFT_BYTES_MAX", 3_000)
    here = documents.folder(folder, HASH)
    documents.put(folder, HASH, b"1" * 1_400, name=b".1")
    documents.put(folder, HASH, b"2" * 1_400, name=b".2")
    run_inline(here.rename(b".2", here, b".3"))
    assert [name for name, _ in run_inline(here.entries())] == [b".1", b".3"]
    assert documents.text(documents.file(folder, HASH, b".3")) == b"2" * 1_400


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_json_number_is_refused(
    documents: DocumentVolume, folder: InodeId, number: float
) -> None:
    for analysis in ({"a": number}, {"a": [{"b": (1, number)}]}):
        with pytest.raises(DocumentInvalid):
            run_inline(documents.volume.set_analysis(bytes.fromhex(HASH), analysis))


def test_the_library_face(documents: DocumentVolume, folder: InodeId) -> None:
    key = bytes.fromhex(HASH)
    volume = documents.volume
    assert run_inline(volume.analysis(key)) is None
    run_inline(volume.set_analysis(key, FOUND))
    assert run_inline(volume.analysis(key)) == FOUND
    documents.write(folder, b"file", DATA)
    assert documents.analysis(folder, HASH) == FOUND
    documents.put(folder, HASH, document(HASH, FOUND, mine=1))
    run_inline(volume.set_analysis(key, {"new": [1]}))
    assert documents.read(folder, HASH)["mine"] == 1
    assert documents.analysis(folder, HASH) == {"new": [1]}
    for wrong in ({"a": object()}, {"a": "x" * DOCUMENT_BYTES_MAX}, {"a": "\ud800"}):
        with pytest.raises(DocumentInvalid):
            run_inline(volume.set_analysis(key, wrong))
    run_inline(volume.set_analysis(key, {}))
    assert run_inline(volume.analysis(key)) is None


def test_a_listing_of_many_files_is_one_pass(documents: DocumentVolume, folder: InodeId) -> None:
    for number in range(600):
        documents.write(folder, b"%d" % number, b"%d" % number)
    position = parts_of(documents.volume).index.journal_position
    expected = sorted(sha256_of(b"%d" % number) for number in range(600))
    assert documents.listed(folder) == expected
    hashing = parts_of(documents.volume).index.journal_position - position
    assert hashing <= 600 * 16384 // (4 << 20) + 1
    assert documents.listed(folder) == expected
    assert parts_of(documents.volume).index.journal_position - position == hashing


def test_earlier_contents_of_the_names_are_counted(tmp_path: Path) -> None:
    documents = DocumentVolume(make_store(tmp_path / "store"), VolumeSettings())
    folder = documents.directory(b"folder")
    documents.write(folder, b"file", b"before")
    documents.clock.advance(100)
    documents.write(folder, b"file", DATA)
    documents.write(folder, b"copy", DATA)
    assert documents.read(folder, HASH)["storage"]["versions"] == 2
    documents.analyse(folder, HASH, FOUND)
    documents.volume.unlink(folder, b"file")
    documents.volume.unlink(folder, b"copy")
    documents.collect()
    assert documents.sweep() == (0, 0)  # a version has the content
    documents.require_clean()
    documents.volume.close()


def test_former_analyses_are_shown_beside_documents(
    documents: DocumentVolume, folder: InodeId
) -> None:
    documents.write(folder, b"file", DATA)
    at = documents.folder(folder, HASH)
    view = run_inline(at.lookup(b".versions"))
    assert isinstance(view, ViewDirectory)
    assert run_inline(view.entries()) == []
    documents.analyse(folder, HASH, FOUND)
    documents.delete(folder, HASH)
    documents.clock.advance(100)
    documents.analyse(folder, HASH, {"other": 1})
    name = b"%b.json" % HASH.encode()
    ((listed, one),) = run_inline(view.entries())
    assert listed == name and isinstance(one, ViewDirectory)
    ((moment, file),) = run_inline(one.entries())
    assert moment == b"2023-11-14T22-13-20.000000Z"
    assert isinstance(file, ViewFile)
    text = documents.text(file)
    assert json.loads(text) == {"version": "4.0", "content_hash": HASH, "analysis": FOUND}
    found = run_inline(run_inline(view.lookup(name)).lookup(moment))  # type: ignore[union-attr]
    assert found.inode == file.inode
    assert documents.attributes(file).mode == 0o100444
    with pytest.raises(ReadOnly):
        run_inline(file.open(writing=True))
    for folder_of_former, absent in [(view, b"x.json"), (one, b"2023-11-14T22-13-21.000000Z")]:
        with pytest.raises(NotFound):
            run_inline(folder_of_former.lookup(absent))
    with pytest.raises(PathRefused):
        run_inline(at.create(b".versions", 0o644, USER))
    documents.put(folder, HASH, text)
    assert documents.analysis(folder, HASH) == FOUND


def test_an_index_made_again_keeps_analyses(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    documents = DocumentVolume(store)
    folder = documents.directory(b"folder")
    documents.write(folder, b"file", DATA)
    documents.write(folder, b"early", b"early")
    documents.analyse(folder, HASH, FOUND)
    documents.analyse(folder, sha256_of(b"late"), FOUND)
    documents.volume.close()
    shutil.rmtree(store / "index")
    rebuild_index(store, lambda done, total, text: None)
    documents = DocumentVolume(store)
    assert documents.sweep() == (0, 0)
    documents.clock.advance(30 * DAY_NS // 10**9)
    assert documents.sweep() == (0, 1)  # what waited in vain
    assert documents.analysis(folder, HASH) == FOUND
    documents.require_clean()
    documents.volume.close()


def test_what_is_no_analysis_is_left_alone(documents: DocumentVolume, folder: InodeId) -> None:
    documents.analyse(folder, "ab" * 32, FOUND)
    parts = parts_of(documents.volume)
    with parts.changes.begin() as change:
        at = parts.namespace.system.folder(change, b"documents", b"ab")
        parts.namespace.system.file(change, at, b"note", 0o600, USER)
        parts.namespace.system.folder(change, b"documents", b"ab", b"folder")
    documents.clock.advance(30 * DAY_NS // 10**9)
    assert documents.sweep() == (0, 1)
    assert parts.namespace.system.find(b"documents", b"ab", b"note") is not None
