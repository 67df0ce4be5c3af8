"""JSON documents are committed whole."""

from collections.abc import Callable

import pytest

from fsmodel.documents import commits
from fsmodel.documents.commits import Committed
from fsmodel.errors import (
    AlreadyExists,
    DocumentInvalid,
    IsADirectory,
    NotFound,
    NotPermitted,
    Stale,
)
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import run_inline
from tests.support.stepping import Driver
from tests.support.structured import USER, StructuredStore

PLACES = [
    *("runs/x.json", "experiments/x.json", "config/x.json", "runs/deep/er/x.json"),
    *("output/default/selector/x.json", "series/x.json"),
]
FREE = ["projects/x.json", "runs/x.txt", "runs/.x.json", "x.json", "output/default/data/x.txt"]


@pytest.fixture
def deep(store: StructuredStore) -> StructuredStore:
    store.mkdir("runs/deep")
    store.mkdir("runs/deep/er")
    return store


@pytest.mark.parametrize("path", PLACES)
def test_a_document_is_seen_whole_or_not_at_all(deep: StructuredStore, path: str) -> None:
    inode = deep.begin(path, b'{"half":')
    assert not deep.exists(path)
    deep.volume.write(inode, 8, b"1}")
    assert not deep.exists(path)
    deep.end(inode)
    assert deep.read(path) == b'{"half":1}'


@pytest.mark.parametrize("path", PLACES)
def test_while_one_is_written_again_the_old_one_is_seen(deep: StructuredStore, path: str) -> None:
    deep.write(path, b'{"old": 1}')
    before = deep.inode(path)
    inode = deep.begin(path, b'{"new"')
    assert inode == before
    assert deep.read(path) == b'{"old": 1}'
    deep.volume.write(inode, 6, b": 2}")
    deep.flush(inode)
    assert deep.read(path) == b'{"new": 2}'
    deep.volume.write(inode, 8, b"33}")
    assert deep.read(path) == b'{"new": 2}'
    deep.end(inode)
    assert deep.read(path) == b'{"new": 33}'[:8] + b"33}"
    assert deep.inode(path) != before


@pytest.mark.parametrize("flushed", [False, True])
def test_a_file_that_was_looked_up_never_turns_into_another_document(
    store: StructuredStore, flushed: bool
) -> None:
    """The kernel may give a reader the size he was answered long ago, and has it for good then."""
    made = store.write("runs/x.json", b"[]")
    assert store.inode("runs/x.json") == made
    found = store.volume.lookup(*store.split("runs/x.json"), 7)
    writer = store.begin("runs/x.json", b'{"long":')
    store.volume.write(writer, 8, b"1}")
    if flushed:
        store.flush(writer)
        store.volume.set_attributes(writer, AttributeChange(mtime_ns=5 * 10**18))
    store.volume.hold(found)
    store.end(writer)
    with pytest.raises(Stale):
        store.volume.open_file(found, writing=False, thread=7)
    found = store.volume.lookup(*store.split("runs/x.json"), 7)
    assert found != writer
    assert store.read_inode(found) == store.read("runs/x.json") == b'{"long":1}'
    if flushed:
        assert store.volume.attributes(store.inode("runs/x.json"))[0].mtime_ns == 5 * 10**18


def test_a_writer_who_changes_nothing_leaves_the_file_as_it_is(store: StructuredStore) -> None:
    made = store.write("runs/x.json", b"[1]")
    store.end(store.open("runs/x.json", writing=True))
    assert store.inode("runs/x.json") == made
    store.write("runs/x.json", b"[1]")
    assert store.inode("runs/x.json") == made


@pytest.mark.parametrize("path", FREE)
def test_elsewhere_files_are_written_as_ever(store: StructuredStore, path: str) -> None:
    inode = store.begin(path, b"{half")
    assert store.read(path) == b"{half"
    store.end(inode)
    assert store.read(path) == b"{half"


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[1,]", b'{"a":1,"a":2}', b"\xff", b"nan", b"[" * 200 + b"]" * 200, b"1 2"],
)
def test_an_invalid_document_leaves_the_old_one(store: StructuredStore, data: bytes) -> None:
    store.write("runs/x.json", b"[1]")
    with pytest.raises(DocumentInvalid) as caught:
        store.write("runs/x.json", data)
    assert str(caught.value).startswith("x.json: ")
    assert store.read("runs/x.json") == b"[1]"
    with pytest.raises(DocumentInvalid):
        store.write("runs/y.json", data)
    assert store.listing("runs") == ["x.json"]


def test_a_reader_keeps_what_he_has_opened(store: StructuredStore) -> None:
    store.write("runs/x.json", b'"old"')
    writer = store.begin("runs/x.json", b'"new"')
    reader = store.inode("runs/x.json")
    store.volume.open_file(reader, writing=False)
    store.end(writer)
    assert run_inline(store.volume.contents.read(reader, 0, 100)) == b'"old"'
    assert store.read("runs/x.json") == b'"new"'
    store.volume.close_file(reader)


def test_a_file_that_is_read_is_not_written(store: StructuredStore) -> None:
    store.write("runs/x.json", b'"old"')
    reader = store.open("runs/x.json", writing=False)
    writer = store.begin("runs/x.json", b'"ne')
    assert writer != reader
    assert store.volume.contents.file(reader) is not None
    assert run_inline(store.volume.contents.read(reader, 0, 100)) == b'"old"'
    assert store.read("runs/x.json") == b'"old"'
    store.volume.write(writer, 3, b'w"')
    store.end(writer)
    assert run_inline(store.volume.contents.read(reader, 0, 100)) == b'"old"'
    assert store.read("runs/x.json") == b'"new"'
    store.volume.close_file(reader)


@pytest.mark.parametrize("writing", [False, True])
def test_who_is_told_to_look_again_finds_a_file_of_his_own(
    store: StructuredStore, writing: bool
) -> None:
    """Whatever others do meanwhile: the kernel looks a name up a second time, but no third."""
    store.write("runs/x.json", b"1")
    found = store.volume.lookup(*store.split("runs/x.json"), 7)
    first = store.begin("runs/x.json", b"2")
    with pytest.raises(Stale):
        store.volume.open_file(found, writing=writing, thread=7)
    found = store.volume.lookup(*store.split("runs/x.json"), 7)
    second = store.begin("runs/x.json", b"3")
    store.volume.open_file(found, writing=writing, thread=7)
    assert len({first, second, found}) == 3
    assert run_inline(store.volume.contents.read(found, 0, 9)) == b"1"
    if writing:
        store.volume.write(found, 0, b"4")
        store.end(found)
        assert store.read("runs/x.json") == b"4"
    else:
        store.volume.close_file(found)
    store.end(first)
    store.end(second)
    assert store.read("runs/x.json") == b"3"


@pytest.mark.parametrize("path", ["runs/x.json", "projects/x"])
def test_a_name_taken_between_looking_and_creating_is_looked_up_again(
    store: StructuredStore, path: str
) -> None:
    """open(2) with O_CREAT finds no name, and somebody else's file has it before it can create."""
    store.write(path, b"1")
    place = store.split(path)
    with pytest.raises(AlreadyExists):
        store.volume.create_file(*place, 0o644, USER, thread=7)
    with pytest.raises(Stale):
        store.volume.create_file(*place, 0o644, USER, exclusive=False, thread=7)
    reader = store.open(path, writing=False)
    found = store.volume.lookup(*place, 7)
    store.volume.open_file(found, writing=True, thread=7)
    store.volume.write(found, 0, b"2")
    store.end(found)
    store.volume.close_file(reader)
    assert store.read(path) == b"2"


def test_a_file_given_and_never_opened_goes(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    inodes = store.volume.statistics().inodes
    writer = store.begin("runs/x.json", b"2")
    with pytest.raises(Stale):
        store.volume.open_file(writer, writing=False, thread=7)
    found = store.volume.lookup(*store.split("runs/x.json"), 7)
    store.volume.hold(found)
    store.end(writer)
    store.volume.give_back([(found, 1)])
    assert store.volume.statistics().inodes == inodes
    test_no_draft_is_remembered_after_its_end(store)


def test_a_writer_who_found_the_file_of_a_former_document(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    reader = store.open("runs/x.json", writing=False)
    store.write("runs/x.json", b"2")
    with pytest.raises(Stale):
        store.volume.open_file(reader, writing=True)
    store.volume.close_file(reader)


def test_a_draft_is_its_writers_alone(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    writer = store.begin("runs/x.json")
    with pytest.raises(Stale):
        store.volume.open_file(writer, writing=False)
    with pytest.raises(DocumentInvalid):
        store.end(writer)


@pytest.mark.parametrize("was_there", [False, True])
def test_a_kill_leaves_the_old_document(store: StructuredStore, was_there: bool) -> None:
    if was_there:
        store.write("series/x.json", b'{"description": "old"}')
    inode = store.begin("series/x.json", b'{"description": "new"}')
    run_inline(store.volume.contents.settle(inode))
    store.kill()
    assert store.exists("series/x.json") == was_there
    if was_there:
        assert store.read("series/x.json") == b'{"description": "old"}'
    store.require_sound()


def test_what_was_flushed_survives_a_kill(store: StructuredStore) -> None:
    inode = store.begin("series/x.json", b'{"description": "new"}')
    store.flush(inode)
    store.volume.write(inode, 0, b"garbage")
    store.kill()
    assert store.read("series/x.json") == b'{"description": "new"}'
    assert store.exists("output/x")
    store.require_sound()


def test_several_writers_have_a_draft_each(store: StructuredStore) -> None:
    store.write("runs/x.json", b"0")
    first = store.begin("runs/x.json", b"1")
    second = store.begin("runs/x.json", b"22")
    assert first != second
    store.flush(first)
    assert store.read("runs/x.json") == b"1"
    store.end(second)
    assert store.read("runs/x.json") == b"22"
    store.volume.write(first, 0, b"3")
    store.end(first)
    assert store.read("runs/x.json") == b"3"


def test_several_writers_of_a_new_document(store: StructuredStore) -> None:
    first = store.begin("runs/x.json", b"1")
    with pytest.raises(AlreadyExists):
        store.begin("runs/x.json", b"2", exclusive=True)
    second = store.begin("runs/x.json", b"2", exclusive=False)
    store.end(first)
    assert store.read("runs/x.json") == b"1"
    store.end(second)
    assert store.read("runs/x.json") == b"2"


def test_a_name_taken_meanwhile(store: StructuredStore) -> None:
    inode = store.begin("runs/x.json", b"1")
    store.mkdir("runs/x.json")
    with pytest.raises(IsADirectory):
        store.end(inode)
    store.rmdir("runs/x.json")
    inode = store.begin("runs/x.json", b"1")
    store.write("runs/.t", b"2")
    store.move("runs/.t", "runs/x.json")
    store.end(inode)
    assert store.read("runs/x.json") == b"1"


def test_opening_for_writing_alone_changes_nothing(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    inode = store.inode("runs/x.json")
    before = store.volume.attributes(inode)
    folder = store.volume.attributes(store.inode("runs"))
    store.volume.open_file(inode, writing=True)
    store.end(inode)
    assert store.volume.attributes(store.inode("runs/x.json")) == before
    after = store.volume.attributes(store.inode("runs"))
    assert (after[0].mtime_ns, after[0].ctime_ns) == (folder[0].mtime_ns, folder[0].ctime_ns)
    assert store.inode("runs/x.json") == inode


def test_a_document_deleted_while_it_is_written_stays_deleted(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    inode = store.begin("runs/x.json", b"2")
    store.remove("runs/x.json")
    store.end(inode)
    assert store.listing("runs") == []


def test_a_document_renamed_while_it_is_written_has_the_new_name(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    inode = store.begin("runs/x.json", b"2")
    store.move("runs/x.json", "runs/y.json")
    store.end(inode)
    assert store.read("runs/y.json") == b"2"


def test_a_draft_whose_folder_is_gone_fails(store: StructuredStore) -> None:
    store.mkdir("runs/d")
    inode = store.begin("runs/d/x.json", b"2")
    store.rmdir("runs/d")
    with pytest.raises(NotFound):
        store.end(inode)


def test_attributes_set_by_name_meanwhile_stay(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    inode = store.begin("runs/x.json", b"2")
    store.flush(inode)
    store.volume.set_attributes(store.inode("runs/x.json"), AttributeChange(mode=0o600))
    store.end(inode)
    assert store.volume.attributes(store.inode("runs/x.json"))[0].mode & 0o777 == 0o600
    assert store.read("runs/x.json") == b"2"


def test_attributes_stay_through_a_commit(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    inode = store.inode("runs/x.json")
    store.volume.set_xattr(inode, b"user.note", b"n")
    store.volume.set_attributes(inode, AttributeChange(mode=0o640, uid=5, gid=6))
    store.write("runs/x.json", b"2")
    record = store.volume.attributes(store.inode("runs/x.json"))[0]
    assert (record.mode & 0o777, record.uid, record.gid) == (0o640, 5, 6)
    assert run_inline(store.volume.get_xattr(store.inode("runs/x.json"), b"user.note")) == b"n"


def test_what_is_set_by_name_while_a_document_is_written_stays(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    store.volume.set_xattr(store.inode("runs/x.json"), b"user.old", b"o")
    other, writer = store.begin("runs/x.json", b"22"), store.begin("runs/x.json", b"2")
    store.volume.set_attributes(writer, AttributeChange(uid=7))
    store.volume.set_attributes(store.inode("runs/x.json"), AttributeChange(mode=0o600, gid=6))
    store.volume.set_xattr(store.inode("runs/x.json"), b"user.note", b"n")
    store.volume.remove_xattr(store.inode("runs/x.json"), b"user.old")

    def look(data: bytes) -> None:
        inode = store.inode("runs/x.json")
        record = store.volume.attributes(inode)[0]
        assert store.read("runs/x.json") == data
        assert (record.mode & 0o777, record.uid, record.gid) == (0o600, 7, 6)
        assert store.volume.list_xattrs(inode) == [b"user.note"]

    store.flush(writer)
    look(b"2")
    store.volume.write(writer, 1, b"3")
    store.end(writer)
    look(b"23")
    store.end(other)
    look(b"22")
    store.require_sound()


def test_a_document_that_is_locked_while_it_is_written_stays(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    writer = store.begin("runs/x.json", b"2")
    run_inline(store.volume.lock(store.inode("runs/x.json")))
    with pytest.raises(NotPermitted):
        store.end(writer)
    assert store.read("runs/x.json") == b"1"
    with pytest.raises(NotPermitted):
        store.write("runs/x.json", b"3")
    store.require_sound()


def test_a_document_in_a_locked_folder_can_be_written(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    folder = store.inode("runs")
    run_inline(store.volume.lock(folder))
    before = store.volume.attributes(folder)[0]
    store.write("runs/x.json", b"2")
    assert store.read("runs/x.json") == b"2"
    with pytest.raises(NotPermitted):
        store.write("runs/new.json", b"2")
    assert store.volume.attributes(folder)[0].flags == before.flags
    store.require_sound()


def amid_its_commit(store: StructuredStore, data: bytes, action: Callable[[], None]) -> None:
    """Something is done by others while a draft of `runs/x.json` is read back and checked."""
    writer = store.begin("runs/x.json", data)
    run_inline(store.volume.contents.settle(writer))
    committing = Driver(store.volume.commit_document(writer))
    committing.run()
    action()
    try:
        committing.finish()
    finally:
        store.volume.close_file(writer, writing=True)


def test_a_document_that_is_deleted_amid_its_commit_stays_deleted(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    amid_its_commit(store, b"2", lambda: store.remove("runs/x.json"))
    assert not store.exists("runs/x.json")
    run_inline(store.volume.restore_version(b"/runs/x.json"))
    assert store.read("runs/x.json") == b"1"
    store.require_sound()


def test_a_document_that_is_renamed_amid_its_commit_is_checked_by_its_new_name(
    store: StructuredStore,
) -> None:
    store.write("runs/x.json", b"{}")
    with pytest.raises(DocumentInvalid):
        amid_its_commit(store, b"[]", lambda: store.move("runs/x.json", "series/x.json"))
    assert store.read("series/x.json") == b"{}"
    store.require_sound()


def test_every_name_of_a_linked_document_has_the_new_content(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    store.link("runs/x.json", "runs/y.json")
    store.link("runs/x.json", "projects/z")
    store.write("runs/y.json", b"2")
    names = ("runs/x.json", "runs/y.json", "projects/z")
    assert [store.read(name) for name in names] == [b"2"] * 3
    assert len({store.inode(name) for name in names}) == 1
    with pytest.raises(DocumentInvalid):
        store.write("runs/y.json", b"{")
    assert [store.read(name) for name in names] == [b"2"] * 3


def test_a_file_renamed_into_place_is_checked(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    store.write("projects/bad", b"{")
    store.write("projects/good", b"{}")
    for path in ("runs/x.json", "runs/new.json"):
        with pytest.raises(DocumentInvalid):
            store.move("projects/bad", path)
    with pytest.raises(DocumentInvalid):
        store.move("projects/bad", "runs/x.json", RenameFlag.EXCHANGE)
    with pytest.raises(DocumentInvalid):
        store.move("runs/x.json", "projects/bad", RenameFlag.EXCHANGE)
    store.move("projects/good", "runs/x.json", RenameFlag.EXCHANGE)
    assert store.read("runs/x.json") == b"{}"
    assert store.read("projects/good") == b"1"


def test_a_file_linked_into_place_is_checked_and_told(store: StructuredStore) -> None:
    told: list[Committed] = []
    store.volume._parts.commits.on_commit.append(lambda change, each: told.append(each))
    store.write("projects/bad", b"{")
    store.write("projects/good", b"{}")
    with pytest.raises(DocumentInvalid):
        store.link("projects/bad", "runs/x.json")
    assert not store.exists("runs/x.json")
    store.link("projects/good", "runs/x.json")
    assert store.read("runs/x.json") == b"{}"
    inode = store.begin("projects/t", b"[1]")
    with pytest.raises(DocumentInvalid):
        store.link("projects/t", "runs/y.json")
    store.end(inode)
    assert [(each.name, each.former, each.data) for each in told] == [(b"x.json", None, b"{}")]


def test_one_more_name_from_an_import_is_checked_and_told(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    bad, good = store.write("projects/bad", b"{"), store.write("projects/good", b"{}")
    told: list[Committed] = []
    store.volume._parts.commits.on_commit.append(lambda change, each: told.append(each))
    former = store.volume.attributes(store.inode("runs/x.json"))[0].content
    put_link = store.volume._parts.history.copies.put_link
    with pytest.raises(DocumentInvalid):
        put_link(bad, *store.split("runs/x.json"))
    assert store.read("runs/x.json") == b"1"
    put_link(good, *store.split("runs/x.json"))
    assert store.read("runs/x.json") == b"{}"
    assert [(each.former, each.data) for each in told] == [(former, b"{}")]


def test_a_version_that_is_no_document_is_not_restored_as_one(store: StructuredStore) -> None:
    store.mkdir("projects/folder")
    store.write("projects/folder/x.json", b"{")
    store.remove("projects/folder/x.json")
    store.move("projects/folder", "runs/folder")
    restore = store.volume.restore_version
    with pytest.raises(DocumentInvalid):
        run_inline(restore(b"/runs/folder/x.json"))
    assert not store.exists("runs/folder/x.json")
    store.write("runs/x.json", b"1")
    store.remove("runs/x.json")
    told: list[Committed] = []
    store.volume._parts.commits.on_commit.append(lambda change, each: told.append(each))
    run_inline(restore(b"/runs/x.json"))
    store.write("runs/x.json", b"2")
    store.remove("runs/x.json")
    assert [each.data for each in told] == [b"1", b"2", None]


def test_a_file_still_being_written_cannot_become_a_document(store: StructuredStore) -> None:
    inode = store.begin("projects/t", b"[1")
    with pytest.raises(DocumentInvalid):
        store.move("projects/t", "runs/x.json")
    store.volume.write(inode, 2, b"]")
    store.end(inode)
    store.move("projects/t", "runs/x.json")


def test_an_empty_node_is_no_document(store: StructuredStore) -> None:
    with pytest.raises(DocumentInvalid):
        store.volume.make_node(*store.split("runs/x.json"), 0o100644, 0, USER)


def test_a_document_too_large_is_refused(
    store: StructuredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "DOCUMENT_BYTES_MAX", 1000)
    store.write("runs/x.json", b"[%s]" % (b" " * 998))
    with pytest.raises(DocumentInvalid):
        store.write("runs/x.json", b"[%s]" % (b" " * 999))
    store.write("projects/t", b" " * 1001)
    with pytest.raises(DocumentInvalid):
        store.move("projects/t", "runs/x.json")


def test_former_documents_are_versions(store: StructuredStore) -> None:
    store.write("config/x.json", b"1")
    parts = store.volume._parts
    clock_ns = parts.changes.now_ns() + 10**12
    parts.changes._clock = type("Later", (), {"now_ns": staticmethod(lambda: clock_ns)})()
    store.write("config/x.json", b"22")
    found = run_inline(store.volume.list_versions(b"config/x.json"))
    assert [version.size for version in found] == [1]


def test_whoever_follows_documents_is_told_in_the_same_change(store: StructuredStore) -> None:
    told: list[tuple[bytes, bytes | None, bool]] = []

    def follow(change: object, committed: Committed) -> None:
        told.append((committed.name, committed.data, committed.former is not None))

    store.volume._parts.commits.on_commit.append(follow)
    store.write("runs/x.json", b"1")
    store.write("runs/x.json", b"2")
    store.write("runs/.t", b"3")
    store.move("runs/.t", "runs/x.json")
    store.move("runs/x.json", "runs/y.json")
    store.remove("runs/y.json")
    assert told == [
        (b"x.json", b"1", False),
        (b"x.json", b"2", True),
        (b"x.json", b"3", True),
        (b"x.json", None, True),
        (b"y.json", b"3", False),
        (b"y.json", None, True),
    ]


def test_whoever_objects_keeps_everything_as_it_was(store: StructuredStore) -> None:
    """As a unique index does, whose entry would be there twice."""

    def object_to(change: object, committed: Committed) -> None:
        if committed.data == b'"taken"':
            raise AlreadyExists("taken")

    store.write("runs/x.json", b"1")
    store.volume._parts.commits.on_commit.append(object_to)
    with pytest.raises(AlreadyExists):
        store.write("runs/x.json", b'"taken"')
    store.write("runs/.t", b'"taken"')
    with pytest.raises(AlreadyExists):
        store.move("runs/.t", "runs/x.json")
    assert store.read("runs/x.json") == b"1"
    assert store.listing("runs") == [".t", "x.json"]


def test_no_draft_is_remembered_after_its_end(store: StructuredStore) -> None:
    store.write("runs/x.json", b"1")
    store.write("runs/x.json", b"2")
    with pytest.raises(DocumentInvalid):
        store.write("runs/y.json", b"{")
    drafts = store.volume._parts.drafts
    register = drafts._register
    assert (register.drafts, register.published, register.wanted) == ({}, {}, {})
    assert store.volume._parts.namespace.orphans.all() == []


def test_names_the_kernel_must_not_remember(store: StructuredStore) -> None:
    volatile = store.volume.is_volatile
    output = store.inode("output")
    assert volatile(output, b"anything")
    assert volatile(store.inode("series"), b"x.json")
    assert volatile(store.inode("runs"), b"x.json")
    assert volatile(store.inode("output/default"), b"data")
    assert not volatile(store.inode("output/default/data"), b"x.txt")
    assert not volatile(store.inode("projects"), b"x.json")
    assert not volatile(InodeId(1), b"series")


def test_folders_without_such_names_are_known(store: StructuredStore) -> None:
    may_have = store.volume.has_volatile_names
    for path in ("output", "series", "runs", "output/default"):
        assert may_have(store.inode(path)), path
    assert not may_have(store.inode("output/default/data"))
    assert not may_have(store.inode("projects"))
