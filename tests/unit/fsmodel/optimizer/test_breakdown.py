"""Who takes how much: by folder, by kind, by day."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.optimizer import breakdown
from fsmodel.optimizer.breakdown import Breakdown, Share, folder_of, kind_of_name
from fsmodel.steps import run_inline
from tests.support.namespace_store import ManualClock
from tests.support.structured import StructuredStore
from tests.support.volume_store import random_bytes

DAY_SECONDS = 86400.0
ONE, TWO = random_bytes(1), random_bytes(2)  # a chunk each, which does not compress
SIZE = len(ONE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[StructuredStore]:
    store = StructuredStore(tmp_path, clock=clock)
    for folder in ("projects/a", "projects/b", "plain", "plain/deep"):
        store.mkdir(folder)
    yield store
    store.volume.close()


def look(store: StructuredStore) -> Breakdown:
    return run_inline(store.volume.break_down())


def folders(found: Breakdown) -> dict[str, Share]:
    return {share.name: share for share in found.folders}


def test_a_chunk_counts_once_in_each_folder_that_has_it(store: StructuredStore) -> None:
    store.write("projects/a/x.bin", ONE)
    store.write("projects/a/y.bin", ONE)
    store.write("projects/b/x.bin", ONE)
    store.write("plain/deep/two", TWO)
    found = folders(look(store))
    a, b, plain = found["projects/a"], found["projects/b"], found["plain"]
    assert (a.files, a.logical_bytes, a.unique_bytes) == (2, 2 * SIZE, SIZE)
    assert (b.files, b.logical_bytes, b.unique_bytes) == (1, SIZE, SIZE)
    assert (plain.files, plain.unique_bytes) == (1, SIZE)
    assert SIZE <= a.stored_bytes <= SIZE + 200


def test_kinds_are_the_ends_of_names(store: StructuredStore) -> None:
    for name in ("a.PNG", "b.png", "c.tar.gz", "d", ".hidden", "e.averyverylongending"):
        store.write(f"plain/{name}", ONE)
    kinds = {share.name: share.files for share in look(store).kinds}
    assert kinds == {".png": 2, ".gz": 1, "(none)": 3, ".json": 1}


def test_all_files_are_counted_once_and_nothing_else(store: StructuredStore) -> None:
    inode = store.write("plain/one", ONE)
    store.volume.link(inode, store.inode("projects/a"), b"again")
    store.write("top", TWO)
    run_inline(store.volume.take_due_digests())
    found, figures = look(store), store.volume.statistics()
    assert folders(found)["/"].files == 1
    for shares in (found.folders, found.kinds):
        assert sum(share.files for share in shares) == figures.files
        assert sum(share.logical_bytes for share in shares) == figures.logical_bytes
    assert list(found.folders) == sorted(
        found.folders, key=lambda share: (-share.logical_bytes, share.name)
    )


def test_versions_count_for_their_folder_kind_and_day(
    store: StructuredStore, clock: ManualClock
) -> None:
    store.write("projects/a/x.bin", ONE)
    for data in (TWO, ONE):
        clock.advance(DAY_SECONDS)
        store.write("projects/a/x.bin", data)
    store.remove("projects/a/x.bin")
    found, figures = look(store), store.volume.statistics()
    assert figures.versions == 3
    share = folders(found)["projects/a"]
    assert (share.files, share.versions, share.version_bytes) == (0, 3, 3 * SIZE)
    assert {each.name: each.versions for each in found.kinds if each.versions} == {".bin": 3}
    assert [(day.versions, day.version_bytes) for day in found.days] == [
        (1, SIZE),
        (2, 2 * SIZE),
    ]
    assert [day.date for day in found.days] == sorted(day.date for day in found.days)


def test_too_many_folders_are_put_together(
    store: StructuredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakdown, "GROUPS_MAX", 2)
    for number in range(4):
        store.mkdir(f"f{number}")
        store.write(f"f{number}/file", random_bytes(number))
    found = look(store)
    assert len(found.folders) == 3
    others = folders(found)[breakdown.OTHERS]
    assert others.files == store.volume.statistics().files - 2
    assert sum(share.unique_bytes for share in found.folders) >= 4 * SIZE


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ((b"file",), "/"),
        ((b"a", b"file"), "a"),
        ((b"a", b"b", b"c", b"file"), "a"),
        ((b"output", b"s", b"data", b"1.txt"), "output/s"),
        ((b"output", b"file"), "output"),
        ((b"\xff", b"file"), "\udcff"),
    ],
)
def test_folders(path: tuple[bytes, ...], folder: str) -> None:
    assert folder_of(path) == folder


def test_a_kind_that_is_no_text() -> None:
    assert kind_of_name(b"x.\xff") == ".\udcff"
