"""A change applies whole or not at all, in the index and in memory."""

from pathlib import Path

import pytest

from fsmodel import errors
from fsmodel.change import TICK_NS_MAX
from fsmodel.errors import NoSpace, Stale
from fsmodel.ids import ROOT_INODE, InodeId
from lmdb_index.errors import IndexCorrupt, NoRoom
from lmdb_index.keys import number_key
from lmdb_index.records import InodeRecord
from lmdb_index.schema import INODE
from tests.support.namespace_store import SECOND_NS, NamespaceStore


@pytest.fixture
def store(tmp_path: Path) -> NamespaceStore:
    return NamespaceStore(tmp_path)


def a_record(mode: int = 0o100644) -> InodeRecord:
    return InodeRecord(mode, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)


def stored(store: NamespaceStore, inode: InodeId) -> InodeRecord | None:
    return store.index.get(INODE, number_key(inode))


def test_an_edit_is_seen_inside_at_once_and_outside_at_the_end(store: NamespaceStore) -> None:
    with store.changes.begin() as change:
        change.edit(ROOT_INODE).uid = 5
        assert change.inode(ROOT_INODE).uid == 5
        assert change.edit(ROOT_INODE) is change.inode(ROOT_INODE)
        assert store.inodes.get(ROOT_INODE).uid == 0
    assert store.inodes.get(ROOT_INODE).uid == 5
    root = stored(store, ROOT_INODE)
    assert root is not None and root.uid == 5


def test_a_record_is_stored_once_however_often_it_is_edited(store: NamespaceStore) -> None:
    before = store.index.journal_bytes
    with store.changes.begin() as change:
        change.edit(ROOT_INODE).uid = 1
    once = store.index.journal_bytes - before
    with store.changes.begin() as change:
        for uid in range(2, 50):
            change.edit(ROOT_INODE).uid = uid
    assert store.index.journal_bytes - before == 2 * once


def test_an_error_inside_leaves_everything_as_it_was(store: NamespaceStore) -> None:
    done: list[str] = []
    root, position = store.inodes.get(ROOT_INODE), store.index.journal_position

    def fail() -> None:
        with store.changes.begin() as change:
            change.edit(ROOT_INODE).uid = 5
            change.add_inode(a_record())
            change.when_applied(lambda: done.append("never"))
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        fail()
    assert store.inodes.get(ROOT_INODE) is root
    assert stored(store, InodeId(2)) is None
    assert store.index.journal_position == position
    assert done == []


@pytest.mark.parametrize(
    ("problem", "expected"),
    [(NoRoom("no room"), NoSpace), (IndexCorrupt("a row is damaged"), errors.IndexCorrupt)],
)
def test_a_refusal_at_the_end_leaves_everything_as_it_was(
    store: NamespaceStore, problem: Exception, expected: type[Exception]
) -> None:
    def refuse(*arguments: object) -> None:
        raise problem

    def change_something() -> None:
        with store.changes.begin() as change:
            change.edit(ROOT_INODE).uid = 5
            change.when_applied(lambda: done.append("never"))

    done: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.index._journal, "append", refuse)
        with pytest.raises(expected, match=str(problem)):
            change_something()
    assert store.inodes.get(ROOT_INODE).uid == 0
    assert done == []
    store.kill()
    assert store.inodes.get(ROOT_INODE).uid == 0


def test_what_waits_for_the_change_is_done_in_order(store: NamespaceStore) -> None:
    done: list[int] = []
    with store.changes.begin() as change:
        change.edit(ROOT_INODE).uid = 5
        for number in range(3):
            change.when_applied(lambda number=number: done.append(number))  # type: ignore[misc]
        change.when_applied(lambda: done.append(store.inodes.get(ROOT_INODE).uid))
        assert done == []
    assert done == [0, 1, 2, 5]


def test_numbers_are_never_used_twice(store: NamespaceStore) -> None:
    with store.changes.begin() as change:
        first = change.add_inode(a_record())
        second = change.add_inode(a_record())
    with store.changes.begin() as change:
        change.remove_inode(second)
    store.remount()
    with store.changes.begin() as change:
        third = change.add_inode(a_record())
    assert first < second < third


def test_a_removed_inode_is_gone(store: NamespaceStore) -> None:
    with store.changes.begin() as change:
        inode = change.add_inode(a_record())
    with store.changes.begin() as change:
        change.edit(inode).uid = 5
        change.remove_inode(inode)
        for use in (change.inode, change.edit):
            with pytest.raises(Stale):
                use(inode)
    assert stored(store, inode) is None
    with pytest.raises(Stale):
        store.inodes.get(inode)


def test_an_inode_that_never_was(store: NamespaceStore) -> None:
    with store.changes.begin() as change, pytest.raises(Stale):
        change.edit(InodeId(77))


def test_a_change_bears_the_time_it_began(store: NamespaceStore) -> None:
    with store.changes.begin() as change:
        began = store.clock.now_ns()
        store.clock.advance()
        assert change.now_ns == began
    assert store.changes.now_ns() == began + SECOND_NS


def test_time_does_not_go_behind_a_stamp_of_a_moment_ago(store: NamespaceStore) -> None:
    now = store.clock.now_ns()
    store.changes.observe(now + 5)
    assert store.changes.now_ns() == now + 5
    store.changes.observe(now - SECOND_NS)
    assert store.changes.now_ns() == now + 5
    store.changes.observe(now + TICK_NS_MAX + 1)  # somebody made that up
    assert store.changes.now_ns() == now + 5
    store.clock.advance()
    assert store.changes.now_ns() == now + SECOND_NS


def test_a_watcher_sees_each_change_before_it_is_certain(store: NamespaceStore) -> None:
    seen: list[tuple[list[InodeId], frozenset[InodeId]]] = []
    store.changes.watch(
        lambda change: seen.append(([inode for inode, _, _ in change.edits()], change.removals()))
    )
    with store.changes.begin() as change:
        change.edit(ROOT_INODE).uid = 5
        made = change.add_inode(a_record())
        change.remove_inode(made)
    assert seen == [([ROOT_INODE], frozenset({made}))]
    with pytest.raises(NoSpace), store.changes.begin() as change:
        raise NoSpace("given up")
    assert len(seen) == 1


def test_what_is_edited_late_is_among_the_edits_however_often_they_were_asked_for(
    store: NamespaceStore,
) -> None:
    with store.changes.begin() as change:
        made = change.add_inode(a_record())
        assert [inode for inode, _, _ in change.edits()] == [made]
        change.edit(ROOT_INODE).uid = 5
        assert [inode for inode, _, _ in change.edits()] == [made, ROOT_INODE]
        change.remove_inode(made)
        ((inode, record, former),) = change.edits()
    assert inode == ROOT_INODE and record.uid == 5
    assert former is not None and former.uid == 0


def test_a_problem_of_the_index_at_the_end_is_told_in_the_words_of_the_model(
    store: NamespaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise NoRoom("journal: no room")

    position = store.index.journal_position
    monkeypatch.setattr("lmdb_index.journal.Journal.append", no_room)
    with pytest.raises(NoSpace, match="no room"), store.changes.begin() as change:
        change.edit(ROOT_INODE).uid = 5
    monkeypatch.undo()
    assert store.inodes.get(ROOT_INODE).uid == 0 and store.index.journal_position == position
    with store.changes.begin() as change:  # nothing of it is left open
        change.edit(ROOT_INODE).uid = 6
    assert store.inodes.get(ROOT_INODE).uid == 6


def test_an_access_time_moves_without_anybody_being_told(store: NamespaceStore) -> None:
    told: list[object] = []
    store.changes.watch(told.append)
    store.clock.advance()
    store.changes.move_access(ROOT_INODE)
    root, now = stored(store, ROOT_INODE), store.clock.now_ns()
    assert root is not None and root.atime_ns == store.inodes.get(ROOT_INODE).atime_ns == now
    assert told == []
    with pytest.raises(Stale):
        store.changes.move_access(InodeId(99))
    store.kill()
    assert store.inodes.get(ROOT_INODE).atime_ns == now


def test_an_access_time_that_the_journal_refuses_stays(
    store: NamespaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.inodes.get(ROOT_INODE)
    store.clock.advance()

    def refuse(*arguments: object) -> None:
        raise NoRoom("no room")

    with monkeypatch.context() as full:
        full.setattr(store.index._journal, "append", refuse)
        with pytest.raises(NoSpace):
            store.changes.move_access(ROOT_INODE)
    assert store.inodes.get(ROOT_INODE) == stored(store, ROOT_INODE) == before
