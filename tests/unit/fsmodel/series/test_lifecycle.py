"""What becomes of a series, and of its output with it."""

import json
from pathlib import Path

import pytest

from fsmodel.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    DocumentInvalid,
    InvalidArgument,
    NameInvalid,
    NotFound,
    NotPermitted,
)
from fsmodel.ids import ObjectId
from fsmodel.namespace.renames import RenameFlag
from fsmodel.series.series_document import DEFAULT_KINDS
from fsmodel.steps import run_inline
from fsmodel.store.objects import ObjectStore
from fsmodel.versions.policy import VersionPolicy
from tests.support.namespace_store import ManualClock
from tests.support.stepping import Driver
from tests.support.structured import USER, StructuredStore, root_names
from tests.support.volumes import damage

KINDS = sorted(DEFAULT_KINDS)


def output_of(store: StructuredStore, series: str) -> list[str]:
    return store.listing(f"output/{series}")


def test_a_new_store_has_the_structured_folders(store: StructuredStore) -> None:
    assert root_names(store) == [
        *(b"cache", b"config", b"experiments", b"metrics", b"output", b"projects", b"runs"),
        b"series",
    ]
    assert store.listing("series") == ["default.json", "deleted"]
    assert store.listing("cache") == ["temp"]
    assert output_of(store, "default") == KINDS


def test_writing_a_document_makes_the_output(store: StructuredStore) -> None:
    text = b'{ "description": "d",\n  "free": [1,  2] }'
    store.write("series/a.json", text)
    assert store.read("series/a.json") == text
    assert output_of(store, "a") == KINDS


def test_a_document_renamed_into_place_makes_the_output(store: StructuredStore) -> None:
    store.write("series/.a.json.Xy12Ab", b"{}")
    assert store.listing("output") == ["default"]
    store.move("series/.a.json.Xy12Ab", "series/a.json")
    assert output_of(store, "a") == KINDS


def test_a_document_brought_back_configures_the_series(tmp_path: Path) -> None:
    clock = ManualClock()
    store = StructuredStore(tmp_path, clock=clock)
    store.write("series/a.json", b'{"kinds": {"data": [".txt"]}}')
    clock.advance(100)
    store.write("series/a.json", b'{"kinds": {"title": [".txt"]}}')
    assert output_of(store, "a") == ["title"]
    run_inline(store.volume.restore_version(b"/series/a.json"))
    assert store.read("series/a.json") == b'{"kinds": {"data": [".txt"]}}'
    assert output_of(store, "a") == ["data"]
    store.write("output/a/data/1.txt", b"text")
    store.require_sound()
    store.close()


def test_a_folder_in_output_makes_the_document(store: StructuredStore) -> None:
    store.write("series/default.json", b'{"description": "pattern"}')
    store.mkdir("output/a")
    assert store.read("series/a.json") == b'{"description": "pattern"}'
    assert output_of(store, "a") == KINDS


def test_a_series_is_made_once(store: StructuredStore) -> None:
    store.mkdir("output/a")
    with pytest.raises(AlreadyExists):
        store.mkdir("output/a")
    with pytest.raises(AlreadyExists):
        run_inline(store.volume.series.create(b"a", None, USER))


def test_without_a_pattern_the_default_is_empty(store: StructuredStore) -> None:
    store.remove("series/default.json")
    store.mkdir("output/a")
    assert json.loads(store.read("series/a.json")) == {"description": ""}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"kinds": 1}', b"[" * 100_000])
def test_an_invalid_document_changes_nothing(store: StructuredStore, data: bytes) -> None:
    store.write("series/a.json", b'{"description": "old"}')
    with pytest.raises(DocumentInvalid):
        store.write("series/a.json", data)
    with pytest.raises(DocumentInvalid):
        store.write("series/b.json", data)
    store.write("series/.t", data)
    with pytest.raises(DocumentInvalid):
        store.move("series/.t", "series/a.json")
    assert store.read("series/a.json") == b'{"description": "old"}'
    assert store.listing("series") == [".t", "a.json", "default.json", "deleted"]
    assert store.listing("output") == ["a", "default"]


def test_kinds_come_and_go_with_the_document(store: StructuredStore) -> None:
    store.write("series/a.json", b'{"kinds": {"x": [".txt"], "y": [".txt"], "z": [".txt"]}}')
    store.write("output/a/y/1.txt", b"kept")
    store.write("series/a.json", b'{"kinds": {"z": [".md"], "new": [".txt"]}}')
    assert output_of(store, "a") == ["new", "y", "z"]
    with pytest.raises(NameInvalid):
        store.write("output/a/y/2.txt", b"")
    with pytest.raises(NameInvalid):
        store.write("output/a/z/2.txt", b"")
    store.write("output/a/z/2.md", b"")
    assert store.status("a") == {"1": ["y"], "2": ["z"]}


def test_retention_is_that_of_the_output(store: StructuredStore) -> None:
    store.write("series/a.json", b'{"retention": {"versions": 3, "days": 4}}')
    policies = store.volume._parts.versions.policies
    assert policies.of(store.inode("output/a/data")) == VersionPolicy(3, 4)
    store.write("series/a.json", b"{}")
    assert policies.of(store.inode("output/a/data")) == VersionPolicy()


def test_the_metadata_view_is_listed_as_the_series_wants(store: StructuredStore) -> None:
    store.write("series/a.json", b'{"metadata_view": false}')
    places = store.volume._parts.metadata.places
    assert not places.is_visible(store.inode("output/a/data"))
    assert places.is_visible(store.inode("output/default/data"))


def test_a_deleted_series_can_be_restored(store: StructuredStore) -> None:
    store.write("series/a.json", b'{"description": "d"}')
    store.write("output/a/data/1.txt", b"one")
    store.remove("series/a.json")
    assert store.listing("series/deleted") == ["a.json"]
    assert store.listing("output") == ["default"]
    with pytest.raises(NotFound):
        store.status("a")
    store.reopen()
    store.move("series/deleted/a.json", "series/a.json")
    assert store.read("output/a/data/1.txt") == b"one"
    assert store.read("series/a.json") == b'{"description": "d"}'
    assert store.status("a") == {"1": ["data"]}


def test_a_deleted_series_may_come_back_as_another(store: StructuredStore) -> None:
    store.mkdir("output/a")
    store.write("output/a/data/1.txt", b"one")
    store.remove("series/a.json")
    store.mkdir("output/a")
    with pytest.raises(AlreadyExists):
        store.volume.series.restore(b"a")
    store.volume.series.restore(b"a", b"b")
    assert store.status("b") == {"1": ["data"]}
    assert store.status("a") == {}


def test_series_deleted_under_one_name_are_all_kept(store: StructuredStore) -> None:
    for number in range(3):
        store.mkdir("output/a")
        store.write(f"output/a/data/{number}.txt", b"")
        store.remove("series/a.json")
    assert store.listing("series/deleted") == ["a.json", "a.~1~.json", "a.~2~.json"]
    store.volume.series.restore(b"a.~1~", b"x")
    assert store.status("x") == {"1": ["data"]}


def test_a_long_name_is_shortened_for_a_second_deletion(store: StructuredStore) -> None:
    name = "é" * 125
    for _ in range(2):
        store.mkdir(f"output/{name}")
        store.remove(f"series/{name}.json")
    assert len(store.listing("series/deleted")) == 2


def test_a_deleted_document_can_be_renamed(store: StructuredStore) -> None:
    store.mkdir("output/a")
    store.write("output/a/data/1.txt", b"")
    store.remove("series/a.json")
    store.move("series/deleted/a.json", "series/deleted/b.json")
    store.move("series/deleted/b.json", "series/b.json")
    assert store.status("b") == {"1": ["data"]}


def test_moving_a_document_to_deleted_is_a_deletion(store: StructuredStore) -> None:
    store.mkdir("output/a")
    store.move("series/a.json", "series/deleted/z.json")
    assert store.listing("output") == ["default"]
    store.move("series/deleted/z.json", "series/a.json")
    assert store.listing("output") == ["a", "default"]


def test_removing_a_deleted_series_is_final(store: StructuredStore) -> None:
    store.mkdir("output/a")
    for number in range(300):
        store.write(f"output/a/data/{number}.txt", b"x")
    inodes = store.volume.statistics().files
    store.remove("series/a.json")
    store.remove("series/deleted/a.json")
    store.require_sound()
    assert run_inline(store.volume.remove_leftovers()) == 300 + len(KINDS) + 1
    assert store.volume.statistics().files < inodes - 298
    assert run_inline(store.volume.remove_leftovers()) == 0


def test_a_series_with_something_locked_is_not_removed_for_good(store: StructuredStore) -> None:
    store.mkdir("output/a")
    store.write("output/a/data/1.txt", b"x")
    run_inline(store.volume.lock(store.inode("output/a/data/1.txt")))
    store.remove("series/a.json")
    with pytest.raises(NotPermitted, match="is locked"):
        store.remove("series/deleted/a.json")
    assert store.listing("series/deleted") == ["a.json"]
    store.move("series/deleted/a.json", "series/a.json")
    assert store.read("output/a/data/1.txt") == b"x"
    run_inline(store.volume.unlock(store.inode("output/a/data/1.txt")))
    store.remove("series/a.json")
    store.remove("series/deleted/a.json")
    store.require_sound()


def test_what_is_locked_while_it_is_removed_goes_all_the_same(store: StructuredStore) -> None:
    store.mkdir("output/a")
    for number in range(300):
        store.write(f"output/a/data/{number}.txt", b"x")
    output = store.inode("output/a")
    store.remove("series/a.json")
    store.remove("series/deleted/a.json")
    run_inline(store.volume.lock(output, recursive=True))
    run_inline(store.volume.remove_leftovers())
    assert run_inline(store.volume.remove_leftovers()) == 0
    with pytest.raises(NotFound):
        store.volume.attributes(output)
    store.require_sound()


def test_a_removal_that_is_cut_short_goes_on(store: StructuredStore) -> None:
    store.mkdir("output/a")
    for number in range(300):
        store.write(f"output/a/data/{number}.txt", b"x")
    store.remove("series/a.json")
    store.remove("series/deleted/a.json")
    steps = store.volume.remove_leftovers()
    next(steps)
    steps.close()
    store.kill()
    store.require_sound()
    assert 0 < run_inline(store.volume.remove_leftovers()) < 300


def test_document_and_output_are_renamed_together(store: StructuredStore) -> None:
    store.mkdir("output/a")
    store.write("output/a/data/1.txt", b"")
    store.move("series/a.json", "series/b.json")
    assert store.listing("output") == ["b", "default"]
    store.move("output/b", "output/c")
    assert store.listing("series") == ["c.json", "default.json", "deleted"]
    assert store.status("c") == {"1": ["data"]}


def test_a_series_is_not_renamed_over_another_with_output(store: StructuredStore) -> None:
    store.mkdir("output/a")
    store.mkdir("output/b")
    store.write("output/a/data/1.txt", b"")
    with pytest.raises(AlreadyExists):
        store.move("series/a.json", "series/b.json")
    with pytest.raises(AlreadyExists):
        store.move("output/a", "output/b")
    with pytest.raises(AlreadyExists):
        store.move("series/b.json", "series/a.json", RenameFlag.NOREPLACE)
    assert store.listing("output") == ["a", "b", "default"]


def test_a_temporary_series_without_output_replaces_another(store: StructuredStore) -> None:
    """As an editor does that calls its temporary file x.tmp.json."""
    store.write("series/a.json", b'{"description": "old"}')
    store.write("output/a/data/1.txt", b"")
    store.write("series/a.tmp.json", b'{"description": "new"}')
    store.move("series/a.tmp.json", "series/a.json")
    assert store.read("series/a.json") == b'{"description": "new"}'
    assert store.listing("output") == ["a", "default"]
    assert store.status("a") == {"1": ["data"]}


def test_a_document_moved_away_leaves_the_output(store: StructuredStore) -> None:
    """As an editor does that keeps the former file beside: the new document finds it."""
    store.mkdir("output/a")
    store.write("output/a/data/1.txt", b"")
    store.move("series/a.json", "series/a.json~")
    assert store.status("a") == {"1": ["data"]}
    store.write("series/a.json", b'{"description": "new"}')
    store.remove("series/a.json~")
    assert store.status("a") == {"1": ["data"]}


def test_a_folder_of_output_goes_when_it_is_empty(store: StructuredStore) -> None:
    store.mkdir("output/a")
    with pytest.raises(DirectoryNotEmpty):
        store.rmdir("output/a")
    for kind in KINDS:
        store.rmdir(f"output/a/{kind}")
    store.rmdir("output/a")
    assert store.listing("series") == ["default.json", "deleted"]
    assert store.listing("series/deleted") == ["a.json"]
    store.volume.series.restore(b"a")
    assert output_of(store, "a") == KINDS


def test_exchanging_series_is_refused(store: StructuredStore) -> None:
    store.mkdir("output/a")
    with pytest.raises(InvalidArgument):
        store.move("series/a.json", "series/default.json", RenameFlag.EXCHANGE)
    with pytest.raises(InvalidArgument):
        store.move("output/a", "output/default", RenameFlag.EXCHANGE)


@pytest.mark.parametrize("path", ["series", "series/deleted", "output"])
def test_the_folders_themselves_stay(store: StructuredStore, path: str) -> None:
    with pytest.raises(NotPermitted):
        store.rmdir(path)
    with pytest.raises(NotPermitted):
        store.move(path, "elsewhere")
    store.mkdir("other")
    with pytest.raises(NotPermitted):
        store.move("other", path)
    with pytest.raises(NotPermitted):
        store.move("other", path, RenameFlag.EXCHANGE)


def test_clean_removes_what_an_address_has(store: StructuredStore) -> None:
    store.mkdir("output/a")
    for address in ("1", "10", "1.5"):
        store.write(f"output/a/data/{address}.txt", b"")
        store.write(f"output/a/selector/{address}.json", b"{}")
    removed = store.volume.series.clean(b"a", b"1")
    assert removed == [b"output/a/data/1.txt", b"output/a/selector/1.json"]
    assert sorted(store.status("a")) == ["1.5", "10"]
    assert store.volume.series.clean(b"a", b"1") == []
    with pytest.raises(NotFound):
        store.volume.series.clean(b"none", b"1")


def test_clean_of_what_is_longer_than_a_name(store: StructuredStore) -> None:
    assert store.volume.series.clean(b"default", b"x" * 5000) == []


@pytest.mark.parametrize("address", [b"", b"..", b"../x", b"\xff", b"1\0data"])
def test_clean_of_what_no_address_can_be(store: StructuredStore, address: bytes) -> None:
    store.mkdir("output/a")
    store.write("output/a/data/1.txt", b"")
    with pytest.raises(NameInvalid):
        store.volume.series.clean(b"a", address)
    with pytest.raises(NameInvalid):
        store.volume.series.status(b"a", address)
    assert store.status("a") == {"1": ["data"]}


def test_a_series_whose_document_is_damaged_is_listed_with_the_others(
    store: StructuredStore,
) -> None:
    store.write("series/a.json", b'{"description": "a"}')
    store.write("series/b.json", b'{"description": "b"}')
    store.write("output/a/data/1.txt", b"")
    content = store.volume._parts.inodes.get(store.inode("series/a.json")).content
    mend = damage(store.volume, ObjectId(content[1:]))
    told = {each.name: each for each in run_inline(store.volume.series.describe())}
    assert "cannot be read" in told[b"a"].description
    assert (told[b"a"].artifacts, told[b"a"].kinds) == (1, ())
    assert told[b"b"].description == "b"
    mend()


def test_a_series_that_goes_while_all_are_described_is_left_out(
    store: StructuredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ObjectStore, "read_nowait", lambda *_: None)
    monkeypatch.setattr(ObjectStore, "read_part_nowait", lambda *_: None)
    monkeypatch.setattr(ObjectStore, "cached", lambda *_: None)
    store.volume.set_xattr(store.inode("series"), b"cairnfs.versions", b"off")
    for name in ("a", "b"):
        store.write(f"series/{name}.json", b'{"description": "%s"}' % name.encode())
    going = Driver(store.volume.series.describe())
    store.remove("series/b.json")
    store.remove("series/deleted/b.json")
    assert [each.name for each in going.finish()] == [b"a", b"default"]


def test_all_series_are_described(store: StructuredStore) -> None:
    store.write("series/a.json", b'{"description": "first", "kinds": {"x": [".txt"]}}')
    store.write("output/a/x/1.txt", b"")
    store.mkdir("output/b")
    store.remove("series/b.json")
    told = run_inline(store.volume.series.describe())
    assert [(each.name, each.deleted, each.description, each.artifacts) for each in told] == [
        (b"a", False, "first", 1),
        (b"default", False, "", 0),
        (b"b", True, "", 0),
    ]
    assert told[0].kinds == ("x",)


def test_everything_survives_a_kill(store: StructuredStore) -> None:
    store.mkdir("output/a")
    store.write("output/a/data/1.txt", b"one")
    store.move("series/a.json", "series/b.json")
    store.mkdir("output/c")
    store.remove("series/c.json")
    store.kill()
    assert store.listing("series") == ["b.json", "default.json", "deleted"]
    assert store.listing("series/deleted") == ["c.json"]
    assert store.listing("output") == ["b", "default"]
    assert store.status("b") == {"1": ["data"]}
