"""Clones and restored trees equal their originals, share their contents and come as a whole."""

import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest

from fsmodel.errors import (
    AlreadyExists,
    ChunkNotFound,
    InvalidArgument,
    NotADirectory,
    NotFound,
    NotPermitted,
    PathRefused,
    ReadOnly,
)
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace import cloning, replacing
from fsmodel.namespace.cloning import ASIDE
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import NO_RENAME_FLAGS
from fsmodel.steps import Steps, Work, run_inline
from fsmodel.volume import Volume
from lmdb_index.schema import INODE, OBJECT, UNSETTLED
from tests.support.filled_tree import fill_tree, put_file, write_file
from tests.support.random_user import RandomUser
from tests.support.shown_tree import Tree, hard_links, shown_now
from tests.support.volume_store import USER, VolumeStore, moments_of, random_bytes


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    store = VolumeStore(tmp_path)
    yield store
    store.abandon()


@pytest.fixture
def small_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few entries in each change, so that a small tree takes many."""
    monkeypatch.setattr(cloning, "CHANGE_ROWS", 2)
    monkeypatch.setattr(replacing, "CHANGE_ROWS", 2)


def clone(volume: Volume, source: bytes, name: bytes) -> InodeId:
    return run_inline(volume.clone(volume.resolve(source), ROOT_INODE, name))


def restore(
    volume: Volume, path: bytes, destination: bytes | None = None, snapshot: bytes = b"first"
) -> InodeId:
    return run_inline(volume.snapshots.restore(snapshot, path, destination))


def snapshot(volume: Volume, name: bytes = b"first") -> None:
    run_inline(volume.snapshots.create(name))


def without_links(tree: Tree) -> Tree:
    """What two trees must have in common: names outside of them count as links, too."""
    return {path: each._replace(nlink=0) for path, each in tree.items()}


def lies_aside(volume: Volume) -> list[bytes]:
    aside = volume._parts.namespace.system.find(ASIDE)
    return [] if aside is None else [e.name for e in volume._parts.namespace.list_entries(aside)]


def test_a_clone_equals_its_source_and_shares_its_contents(
    store: VolumeStore, small_changes: None
) -> None:
    volume = store.volume
    fill_tree(volume)
    one = volume.lookup(ROOT_INODE, b"one")
    volume.link(volume.lookup(one, b"small"), one, b"second name")
    objects = volume._parts.index.count(OBJECT)
    made = clone(volume, b"/one", b"copy")
    assert volume.lookup(ROOT_INODE, b"copy") == made
    assert without_links(shown_now(volume, made)) == without_links(shown_now(volume, one))
    assert hard_links(volume, made) == hard_links(volume, one)
    assert volume._parts.index.count(OBJECT) == objects
    assert lies_aside(volume) == []
    before = shown_now(volume, one)
    write_file(volume, volume.lookup(made, b"small"), b"others")
    assert shown_now(volume, one) == before
    store.require_sound()


def test_a_clone_of_a_file_outlives_it(store: VolumeStore) -> None:
    data = random_bytes("data", 300_000)
    inode = store.write(b"file", data)
    store.volume.set_attributes(inode, AttributeChange(mode=0o640, atime_ns=5, mtime_ns=6))
    clone(store.volume, b"/file", b"copy")
    store.delete(b"file")
    store.expected[b"copy"] = data
    run_inline(store.volume.write_root())
    store.collect()
    store.require_sound()
    record, _ = store.volume.attributes(store.volume.lookup(ROOT_INODE, b"copy"))
    assert (record.mode, record.mtime_ns, record.atime_ns) == (0o100640, 6, 5)


def test_a_directory_is_cloned_into_itself_once(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    one = volume.lookup(ROOT_INODE, b"one")
    before = without_links(shown_now(volume, one))
    made = run_inline(volume.clone(one, one, b"inner"))
    assert without_links(shown_now(volume, made)).keys() == before.keys()
    whole = run_inline(volume.clone(ROOT_INODE, one, b"all"))
    assert b"/one/inner/small" in shown_now(volume, whole)
    assert not any(path.startswith(b"/.cairnfs") for path in shown_now(volume, whole))
    store.require_sound()


def test_bytes_in_no_content_yet_are_cloned_too(store: VolumeStore) -> None:
    volume = store.volume
    inode = store.write(b"file", random_bytes("data", 200_000))
    volume.open_file(inode, writing=True)
    volume.write(inode, 1000, b"fsynced")
    volume.contents.log_extents(inode)
    volume.write(inode, 2000, b"in memory only")
    made = clone(volume, b"/file", b"copy")
    volume.open_file(made, writing=False)
    assert bytes(run_inline(volume.contents.read(made, 1000, 7))) == b"fsynced"
    volume.close_file(made)
    assert volume._parts.index.count(UNSETTLED) == 1  # the source
    run_inline(volume.contents.settle(inode))
    volume.close_file(inode)
    store.expected.clear()
    store.require_sound()


@pytest.mark.parametrize("of_a_snapshot", [False, True])
@pytest.mark.parametrize("size", [1_000, 150_000])
def test_a_file_that_has_been_cut_is_cloned_without_what_it_had_behind(
    store: VolumeStore, size: int, of_a_snapshot: bool
) -> None:
    volume, data = store.volume, random_bytes("data", 200_000)[: size + 500]
    inode = store.write(b"file", data)
    volume.open_file(inode, writing=True)
    volume.truncate(inode, size)
    if of_a_snapshot:
        snapshot(volume)
        made = restore(volume, b"/file", b"/copy")
    else:
        made = clone(volume, b"/file", b"copy")
    volume.open_file(made, writing=True)
    volume.write(made, 100, b"edited")
    run_inline(volume.contents.settle(made))
    volume.close_file(made, writing=True)
    run_inline(volume.contents.settle(inode))
    volume.close_file(inode, writing=True)
    store.expected[b"file"] = data[:size]
    store.expected[b"copy"] = data[:100] + b"edited" + data[106:size]
    store.require_sound()


@pytest.mark.parametrize(
    ("parent", "name", "error"),
    [
        (b"/", b"one", AlreadyExists),
        (b"/", b".snapshots", PathRefused),
        (b"/one", b".metadata", PathRefused),
        (b"/", b"a/b", PathRefused),
        (b"/one/small", b"x", NotADirectory),
    ],
)
def test_what_cannot_have_a_clone_is_refused_before_anything_is_copied(
    store: VolumeStore, parent: bytes, name: bytes, error: type[Exception]
) -> None:
    volume = store.volume
    fill_tree(volume)
    inodes = volume._parts.index.count(INODE)
    with pytest.raises(error):
        run_inline(volume.clone(volume.resolve(b"/one"), volume.resolve(parent), name))
    assert volume._parts.index.count(INODE) == inodes
    hidden = volume._parts.namespace.system
    with volume._parts.changes.begin() as change:
        folder = hidden.folder(change, b"x")
    with pytest.raises(NotFound):
        run_inline(volume.clone(folder, ROOT_INODE, b"y"))
    store.require_sound()


def test_a_name_that_is_taken_meanwhile_leaves_no_copy_behind(
    store: VolumeStore, small_changes: None
) -> None:
    volume = store.volume
    fill_tree(volume)
    cloning_steps = volume.clone(volume.resolve(b"/one"), ROOT_INODE, b"copy")
    work = next(cloning_steps)
    volume.make_node(ROOT_INODE, b"copy", stat.S_IFREG, 0, USER)
    with pytest.raises(AlreadyExists):
        run_inline(after(cloning_steps, work))
    assert lies_aside(volume) == []
    store.require_sound()


def after(steps: Steps[InodeId], work: Work) -> Steps[InodeId]:
    """Go on with steps that have been begun."""
    done = work.run()
    while True:
        try:
            work = steps.send(done)
        except StopIteration as end:
            return InodeId(end.value)
        done = yield work


def test_a_clone_that_was_given_up_is_removed_before_the_next(
    store: VolumeStore, small_changes: None
) -> None:
    volume = store.volume
    fill_tree(volume)
    steps = volume.clone(volume.resolve(b"/one"), ROOT_INODE, b"copy")
    next(steps)
    steps.close()
    assert len(lies_aside(volume)) == 1
    clone(volume, b"/one", b"copy")
    assert lies_aside(volume) == []
    store.require_sound()


def test_a_kill_at_any_moment_leaves_a_whole_clone_or_none(
    store: VolumeStore, small_changes: None
) -> None:
    volume = store.volume
    fill_tree(volume)
    one = volume.lookup(ROOT_INODE, b"one")
    expected = without_links(shown_now(volume, one))
    found = set()
    for _ in moments_of(volume.clone(one, ROOT_INODE, b"copy")):
        image = VolumeStore.of_image(store)
        names = shown_now(image.volume)
        found.add(b"/copy" in names)
        if b"/copy" in names:
            copy = image.volume.lookup(ROOT_INODE, b"copy")
            assert without_links(shown_now(image.volume, copy)) == expected
        assert lies_aside(image.volume) == []
        image.require_sound()
        image.remove()
    assert False in found
    assert b"/copy" in shown_now(volume)


@pytest.mark.parametrize("seed", range(4))
def test_clones_of_random_trees_equal_them(tmp_path: Path, seed: int) -> None:
    store = VolumeStore(tmp_path)
    user = RandomUser(store, seed)
    top = store.volume.make_directory(ROOT_INODE, b"top", 0o755, USER)
    for number in range(3):
        for _ in range(60):
            user.step()
        made = run_inline(store.volume.clone(ROOT_INODE, top, b"clone %d" % number))
        source = without_links(shown_now(store.volume))
        copied = without_links(shown_now(store.volume, made))
        prefix = b"/top/clone %d" % number
        if not store.volume.paths_of(made)[0].startswith(prefix):
            prefix = store.volume.paths_of(made)[0]
        source = {p: e for p, e in source.items() if not (p + b"/").startswith(prefix + b"/")}
        assert copied.keys() == source.keys()
        assert {p: e for p, e in copied.items() if p} == {p: e for p, e in source.items() if p} or (
            _differ_in_times_of_the_parent(copied, source, prefix)
        )
        store.require_sound()
    store.remove()


def _differ_in_times_of_the_parent(copied: Tree, source: Tree, prefix: bytes) -> bool:
    """The directory that got the clone bears the time of that, unlike its copy."""
    parent = prefix.rpartition(b"/")[0]
    return {path for path in copied if path and copied[path] != source[path]} <= {parent}


def test_what_was_changed_or_deleted_is_restored(store: VolumeStore, small_changes: None) -> None:
    volume = store.volume
    fill_tree(volume)
    one = volume.lookup(ROOT_INODE, b"one")
    before = without_links(shown_now(volume, one))
    snapshot(volume)
    write_file(volume, volume.lookup(one, b"small"), b"others")
    volume.unlink(one, b"none")
    put_file(volume, one, b"new", b"bytes")
    restore(volume, b"/one/none")
    restore(volume, b"/one/small")
    shown = without_links(shown_now(volume, volume.lookup(ROOT_INODE, b"one")))
    assert shown[b"/none"] == before[b"/none"]
    assert shown[b"/small"] == before[b"/small"]
    assert shown[b"/two \xff\xfe/linked"].data == b"otherstes"  # nobody asked for that name
    restore(volume, b"/one")
    assert without_links(shown_now(volume, volume.lookup(ROOT_INODE, b"one"))) == before
    assert lies_aside(volume) == []
    store.require_sound()
    run_inline(volume.write_root())
    store.collect()
    store.require_sound()


def test_a_restored_tree_replaces_a_file_and_a_file_a_tree(store: VolumeStore) -> None:
    volume = store.volume
    folder = volume.make_directory(ROOT_INODE, b"name", 0o755, USER)
    put_file(volume, folder, b"inner", b"bytes")
    put_file(volume, ROOT_INODE, b"file", b"of the past")
    snapshot(volume)
    before = shown_now(volume)
    restore(volume, b"file", b"name")
    restore(volume, b"name", b"file")
    shown = shown_now(volume)
    assert shown[b"/name"] == before[b"/file"]
    assert shown[b"/file/inner"] == before[b"/name/inner"]
    assert lies_aside(volume) == []
    store.require_sound()


def test_directories_on_the_way_are_made_again(store: VolumeStore) -> None:
    volume = store.volume
    outer = volume.make_directory(ROOT_INODE, b"outer", 0o750, USER)
    inner = volume.make_directory(outer, b"inner", 0o2710, USER)
    volume.set_attributes(inner, AttributeChange(mode=0o2710))
    put_file(volume, inner, b"file", b"bytes")
    snapshot(volume)
    told: list[tuple[InodeId, bytes]] = []
    volume.entry_changed = lambda directory, name: told.append((directory, name))
    volume.unlink(inner, b"file")
    volume.rmdir(outer, b"inner")
    volume.rmdir(ROOT_INODE, b"outer")
    restore(volume, b"outer/inner/file")
    assert [name for _, name in told] == [b"outer", b"inner", b"file"]
    for path, mode in ((b"outer", 0o750), (b"outer/inner", 0o2710)):
        assert volume.attributes(volume.resolve(path))[0].mode & 0o7777 == mode
    with pytest.raises(NotFound):
        restore(volume, b"outer", b"none/outer")
    store.require_sound()


def test_the_root_is_restored_elsewhere_only(store: VolumeStore) -> None:
    fill_tree(store.volume)
    before = without_links(shown_now(store.volume))
    snapshot(store.volume)
    with pytest.raises(InvalidArgument, match="destination"):
        restore(store.volume, b"/")
    made = restore(store.volume, b"/", b"/past")
    assert without_links(shown_now(store.volume, made)) == before
    with pytest.raises(NotFound):
        restore(store.volume, b"/none")
    with pytest.raises(NotFound, match="no snapshot"):
        restore(store.volume, b"/one", snapshot=b"second")
    with pytest.raises(PathRefused):
        restore(store.volume, b"/one", b"/.cairnfs")
    store.require_sound()


def test_a_snapshot_that_goes_meanwhile_ends_a_restore_and_nothing_stays(
    store: VolumeStore, small_changes: None
) -> None:
    volume = store.volume
    fill_tree(volume)
    snapshot(volume)
    volume.rename(ROOT_INODE, b"one", ROOT_INODE, b"kept", NO_RENAME_FLAGS)
    write_file(volume, volume.resolve(b"/kept/two \xff\xfe/big"), random_bytes("x", 3_000_000))
    steps = volume.snapshots.restore(b"first", b"/one")
    work = next(steps)
    volume.snapshots.delete(b"first")
    run_inline(volume.write_root())
    store.collect()
    store.forget_cache()
    with pytest.raises(ChunkNotFound):
        run_inline(after(steps, work))
    assert lies_aside(volume) == []
    store.require_sound()


def test_a_kill_at_any_moment_of_a_restore_leaves_the_old_or_the_new(
    store: VolumeStore, small_changes: None
) -> None:
    volume = store.volume
    fill_tree(volume)
    former = without_links(shown_now(volume))
    snapshot(volume)
    one = volume.lookup(ROOT_INODE, b"one")
    put_file(volume, one, b"new", b"bytes")
    later = without_links(shown_now(volume))
    found = []
    for _ in moments_of(volume.snapshots.restore(b"first", b"/one")):
        image = VolumeStore.of_image(store)
        shown = without_links(shown_now(image.volume))
        found.append(b"/one/new" not in shown)
        expected = former if found[-1] else later
        assert {p: e for p, e in shown.items() if p} == {p: e for p, e in expected.items() if p}
        assert lies_aside(image.volume) == []
        image.require_sound()
        image.remove()
    assert set(found) == {False, True}
    assert found == sorted(found)


def test_who_works_in_a_replaced_tree_until_it_is_gone_does_not_end_its_removal(
    store: VolumeStore, small_changes: None
) -> None:
    """Programs can have it as their working directory, and make files in it."""
    volume = store.volume
    fill_tree(volume)
    snapshot(volume)
    former = volume.resolve(b"one")
    for number in moments_of(volume.snapshots.restore(b"first", b"/one")):
        if volume.resolve(b"one") != former and number % 2:
            put_file(volume, former, b"%d" % number, b"bytes")
    with pytest.raises(NotFound):
        volume.attributes(former)
    assert lies_aside(volume) == []
    store.require_sound()


@pytest.mark.parametrize("at", ["one", "one/two", "one/small"])
def test_what_is_locked_while_it_is_replaced_stays_or_goes_and_is_not_hidden(
    store: VolumeStore, small_changes: None, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """It is kept if that was asked for before another tree had its name; else it is gone."""
    monkeypatch.setattr(replacing, "LOOK_ROWS", 1)
    fill_tree(store.volume, big_bytes=10_000, hole_bytes=10_000)
    volume = store.volume
    one = volume.resolve(b"one")
    volume.rename(one, b"two \xff\xfe", one, b"two", NO_RENAME_FLAGS)
    snapshot(volume)
    moments = len(list(moments_of(volume.snapshots.restore(b"first", b"/one"))))
    kept = 0
    for moment in range(1, moments):
        former, locked = volume.resolve(b"one"), volume.resolve(at.encode())
        steps = moments_of(volume.snapshots.restore(b"first", b"/one"))
        list(islice(steps, moment))
        is_named = volume.resolve(b"one") == former
        with suppress(NotFound):
            run_inline(volume.lock(locked))
        with suppress(NotPermitted):
            list(steps)
        assert (volume.resolve(b"one") == former) == is_named
        assert lies_aside(volume) == []
        if is_named:
            assert volume.resolve(at.encode()) == locked
            run_inline(volume.unlock(locked))
            kept += 1
        store.require_sound()
    assert 0 < kept < moments


def test_what_lies_aside_is_removed_though_it_is_locked(store: VolumeStore) -> None:
    """A process may have been killed before it had removed a tree that was locked meanwhile."""
    volume = store.volume
    fill_tree(volume)
    snapshot(volume)
    former = volume.resolve(b"one")
    steps = moments_of(volume.snapshots.restore(b"first", b"/one"))
    while volume.resolve(b"one") == former:
        next(steps)
    run_inline(volume.lock(former, recursive=True))
    store.kill()
    assert lies_aside(store.volume) == []
    store.require_sound()


Act = Callable[[Volume], object]
ON_A_LOCKED_FILE: dict[str, Act] = {
    "open": lambda v: v.open_file(v.resolve(b"one/small"), writing=True),
    "chmod": lambda v: v.set_attributes(v.resolve(b"one/small"), AttributeChange(mode=0)),
    "unlink": lambda v: v.unlink(v.resolve(b"one"), b"small"),
    "link": lambda v: v.link(v.resolve(b"one/small"), ROOT_INODE, b"x"),
    "create": lambda v: v.make_node(v.resolve(b"one"), b"x", 0o100600, 0, USER),
    "restore it": lambda v: restore(v, b"one/small"),
    "restore into": lambda v: restore(v, b"one/small", b"one/x"),
    "restore over": lambda v: restore(v, b"one"),
    "clone into": lambda v: clone_into(v, b"a link", b"one"),
}


def clone_into(volume: Volume, source: bytes, directory: bytes) -> InodeId:
    return run_inline(volume.clone(volume.resolve(source), volume.resolve(directory), b"x"))


@pytest.mark.parametrize("act", ON_A_LOCKED_FILE.values(), ids=ON_A_LOCKED_FILE)
def test_what_is_locked_stays_as_it_is(store: VolumeStore, act: Act) -> None:
    volume = store.volume
    fill_tree(volume)
    snapshot(volume)
    locked = run_inline(volume.lock(volume.resolve(b"one"), recursive=True))
    assert locked == 12
    assert run_inline(volume.lock(volume.resolve(b"one"), recursive=True)) == 0
    before = without_links(shown_now(volume))
    with pytest.raises(NotPermitted):
        act(volume)
    assert without_links(shown_now(volume)) == before
    assert lies_aside(volume) == []
    store.require_sound()
    store.reopen()
    with pytest.raises(NotPermitted):
        act(store.volume)
    assert run_inline(store.volume.unlock(store.volume.resolve(b"one"), recursive=True)) == 12
    act(store.volume)


def test_a_locked_file_that_is_open_takes_no_more_bytes(store: VolumeStore) -> None:
    inode = store.write(b"file", b"bytes", settle=False)
    run_inline(store.volume.contents.settle(inode))
    run_inline(store.volume.lock(inode))
    with pytest.raises(NotPermitted):
        store.volume.write(inode, 0, b"x")
    with pytest.raises(NotPermitted):
        store.volume.truncate(inode, 0)
    store.volume.close_file(inode)
    store.require_sound()


def test_a_lock_on_a_directory_alone_leaves_what_is_in_it_free(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    one = volume.lookup(ROOT_INODE, b"one")
    assert run_inline(volume.lock(one)) == 1
    write_file(volume, volume.lookup(one, b"small"), b"others")
    with pytest.raises(NotPermitted):
        volume.unlink(one, b"small")
    made = clone(volume, b"one", b"copy")  # a clone is not locked
    volume.unlink(made, b"small")


def test_the_hidden_part_of_the_tree_is_not_locked(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    clone(volume, b"one", b"copy")
    run_inline(volume.lock(ROOT_INODE, recursive=True))
    assert run_inline(volume.unlock(volume.resolve(b"/"), recursive=False)) == 1
    clone(volume, b"one", b"another")


def test_a_read_only_volume_refuses_all_of_it(store: VolumeStore) -> None:
    fill_tree(store.volume)
    snapshot(store.volume)
    store.volume.close()
    volume = Volume.open(store.store, read_only=True)
    acts: list[Act] = [
        lambda v: clone(v, b"one", b"copy"),
        lambda v: restore(v, b"one"),
        lambda v: run_inline(v.lock(ROOT_INODE)),
        lambda v: run_inline(v.unlock(ROOT_INODE)),
    ]
    for act in acts:
        with pytest.raises(ReadOnly):
            act(volume)
    volume.close()
    store._open()
