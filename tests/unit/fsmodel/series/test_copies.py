"""Clones, and what snapshots give back, in the structured folders."""

import pytest

from fsmodel.errors import CrossesDevice, NameInvalid, NotPermitted, PathRefused, Refused
from fsmodel.series import tree_moves
from fsmodel.steps import run_inline
from tests.support.structured import StructuredStore


@pytest.fixture
def series(store: StructuredStore) -> StructuredStore:
    """A store with a series, and a snapshot of it."""
    store.write("series/a.json", b'{"kinds": {"x": [".txt"], "data": [".txt"]}}')
    store.write("output/a/x/1.txt", b"one")
    store.write("output/a/data/1.txt", b"one")
    store.symlink("output/a/data/l.txt", "../x/1.txt")
    run_inline(store.volume.snapshots.create(b"s"))
    return store


def restore(store: StructuredStore, path: str, to: str | None = None) -> None:
    destination = None if to is None else to.encode()
    run_inline(store.volume.snapshots.restore(b"s", path.encode(), destination))


def clone(store: StructuredStore, path: str, to: str) -> None:
    run_inline(store.volume.clone(store.inode(path), *store.split(to)))


def test_a_series_is_restored_over_what_it_is_now(series: StructuredStore) -> None:
    series.write("output/a/x/2.txt", b"two")
    series.remove("output/a/x/1.txt")
    restore(series, "output/a")
    assert series.status("a") == {"1": ["data", "x"], "l": ["data"]}
    assert series.read("output/a/x/1.txt") == b"one"
    series.write("output/a/x/3.txt", b"")
    assert series.status("a")["3"] == ["x"]


def test_a_kind_is_restored(series: StructuredStore) -> None:
    series.write("output/a/x/2.txt", b"two")
    restore(series, "output/a/x")
    assert series.status("a") == {"1": ["data", "x"], "l": ["data"]}


def test_a_removed_series_is_restored_in_two_steps(series: StructuredStore) -> None:
    series.remove("series/a.json")
    series.remove("series/deleted/a.json")
    run_inline(series.volume.remove_leftovers())
    restore(series, "series/a.json")
    assert series.listing("output/a") == ["data", "x"]
    restore(series, "output/a")
    assert series.status("a") == {"1": ["data", "x"], "l": ["data"]}


def test_an_artifact_is_restored(series: StructuredStore) -> None:
    series.write("output/a/x/1.txt", b"else")
    restore(series, "output/a/x/1.txt")
    assert series.read("output/a/x/1.txt") == b"one"
    with pytest.raises(NameInvalid):
        restore(series, "output/a/x/1.txt", "output/a/x/1.png")


def test_an_artifact_of_a_removed_series_is_restored_into_a_series(series: StructuredStore) -> None:
    series.remove("series/a.json")
    series.remove("series/deleted/a.json")
    run_inline(series.volume.remove_leftovers())
    restore(series, "output/a/data/1.txt")
    assert series.read("series/a.json") == series.read("series/default.json")
    assert series.status("a") == {"1": ["data"]}
    series.remove("series/a.json")
    assert "a" not in series.listing("output")
    series.require_sound()


def test_a_series_is_restored_and_cloned_elsewhere(series: StructuredStore) -> None:
    restore(series, "output/a", "projects/a")
    clone(series, "output/a", "projects/b")
    assert series.read("projects/b/x/1.txt") == b"one"
    assert series.status("a") == {"1": ["data", "x"], "l": ["data"]}


def test_a_clone_of_a_series_is_one(series: StructuredStore) -> None:
    series.mkdir("output/c")
    series.write("output/c/data/1.txt", b"")
    clone(series, "output/c", "output/d")
    assert series.status("d") == {"1": ["data"]}
    assert series.exists("series/d.json")
    series.remove("series/d.json")
    series.volume.series.restore(b"d")
    assert series.status("d") == {"1": ["data"]}


def test_what_could_not_be_made_there_is_not_cloned_there(series: StructuredStore) -> None:
    series.mkdir("projects/t")
    series.mkdir("projects/t/data")
    series.write("projects/t/data/1.png", b"")
    for to in ("output/t", "output/a/.t", "series/t"):
        with pytest.raises(NameInvalid):
            clone(series, "projects/t", to)
    series.remove("projects/t/data/1.png")
    series.symlink("projects/t/data/l.txt", "../../../etc")
    with pytest.raises(PathRefused):
        clone(series, "projects/t", "output/t")
    series.remove("projects/t/data/l.txt")
    series.write("projects/t/file", b"")
    with pytest.raises(NameInvalid):
        clone(series, "projects/t", "output/t")
    series.remove("projects/t/file")
    clone(series, "projects/t", "output/t")
    assert series.listing("series") == ["a.json", "default.json", "deleted", "t.json"]


def test_a_tree_too_large_is_to_be_copied(
    series: StructuredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_moves, "ENTRIES_MAX", 3)
    with pytest.raises(CrossesDevice):
        restore(series, "output/a")
    assert series.status("a") == {"1": ["data", "x"], "l": ["data"]}


@pytest.mark.parametrize("path", ["series", "output", "series/deleted"])
def test_the_folders_themselves_are_not_replaced(series: StructuredStore, path: str) -> None:
    with pytest.raises((NotPermitted, Refused)):
        restore(series, path)
    assert series.status("a") == {"1": ["data", "x"], "l": ["data"]}


def test_documents_are_checked_when_they_come_back(series: StructuredStore) -> None:
    series.write("runs/x.json", b"[1]")
    run_inline(series.volume.snapshots.create(b"t"))
    series.write("runs/x.json", b"[2]")
    run_inline(series.volume.snapshots.restore(b"t", b"runs/x.json", None))
    assert series.read("runs/x.json") == b"[1]"
    run_inline(series.volume.restore_version(b"runs/x.json"))
    assert series.read("runs/x.json") == b"[2]"
    series.write("projects/bad", b"{")
    with pytest.raises(Refused):
        clone(series, "projects/bad", "runs/bad.json")
