"""Indexes follow documents, whichever way these change."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.errors import AlreadyExists, Busy, DocumentInvalid, InvalidArgument, NotFound
from fsmodel.indexes.definition import Definition
from fsmodel.indexes.queries import Asked
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import run_inline
from tests.support.indexed import SELECTORS, IndexedStore, quiet


@pytest.fixture
def store(tmp_path: Path) -> Iterator[IndexedStore]:
    made = IndexedStore(tmp_path)
    made.mkdir("output/art")
    yield made
    made.require_sound()
    made.close()


@pytest.fixture
def models(store: IndexedStore) -> IndexedStore:
    store.create("models", SELECTORS, "model")
    return store


def test_what_was_there_and_what_comes(store: IndexedStore) -> None:
    store.put("output/art/selector/1.json", {"model": "flux"})
    store.create("models", SELECTORS, "model")
    store.put("output/art/selector/2.json", {"model": "flux"})
    store.replace("output/art/selector/3.json", {"model": "sdxl"})
    store.put("output/art/selector/4.json", {"other": 1})
    paths = ["/output/art/selector/1.json", "/output/art/selector/2.json"]
    assert store.query("models", "flux") == paths
    assert store.query("models", "sdxl") == ["/output/art/selector/3.json"]
    assert store.query("models", "none") == []
    store.require_right("models")


def test_a_document_written_again_is_found_by_its_new_value(models: IndexedStore) -> None:
    models.put("output/art/selector/1.json", {"model": "a"})
    models.put("output/art/selector/1.json", {"model": "b"})
    assert models.query("models", "a") == []
    assert models.query("models", "b") == ["/output/art/selector/1.json"]
    with pytest.raises(DocumentInvalid):
        models.write("output/art/selector/1.json", b"{")
    assert models.query("models", "b") == ["/output/art/selector/1.json"]


def test_a_document_being_written_is_found_as_it_was(models: IndexedStore) -> None:
    models.put("output/art/selector/1.json", {"model": "a"})
    draft = models.begin("output/art/selector/1.json", b'{"model": "b"}')
    assert models.query("models", "a") == ["/output/art/selector/1.json"]
    models.end(draft)
    assert models.query("models", "b") == ["/output/art/selector/1.json"]


def test_names(models: IndexedStore) -> None:
    models.put("output/art/selector/1.json", {"model": "a"})
    models.move("output/art/selector/1.json", "output/art/selector/2.json")
    assert models.query("models", "a") == ["/output/art/selector/2.json"]
    models.link("output/art/selector/2.json", "output/art/selector/3.json")
    both = ["/output/art/selector/2.json", "/output/art/selector/3.json"]
    assert models.query("models", "a") == both
    models.remove("output/art/selector/2.json")
    assert models.query("models", "a") == both[1:]
    models.move("output/art/selector/3.json", "runs/3.json")
    assert models.query("models", "a") == []
    models.require_right("models")


def test_a_name_within_the_folder_that_fits_no_more(store: IndexedStore) -> None:
    store.create("ones", "runs/1*.json", "model")
    store.put("runs/10.json", {"model": "a"})
    store.move("runs/10.json", "runs/20.json")
    assert store.query("ones", "a") == []
    store.move("runs/20.json", "runs/11.json")
    assert store.query("ones", "a") == ["/runs/11.json"]
    store.require_right("ones")


@pytest.mark.parametrize("folder", ["runs", "experiments"])
def test_another_name_that_is_exchanged(store: IndexedStore, folder: str) -> None:
    store.create("models", "runs/*.json", "model", unique=True)
    store.put("projects/first", {"model": "first"})
    store.link("projects/first", "runs/a.json")
    store.put(f"{folder}/second", {"model": "second"})
    store.move("runs/a.json", f"{folder}/second", RenameFlag.EXCHANGE)
    assert store.query("models", "second") == ["/runs/a.json"]
    assert list(store.indexes.query("models", ["first"])) == []
    store.put("runs/b.json", {"model": "first"})
    store.require_sound()


def test_folders_move_in_and_out(store: IndexedStore) -> None:
    store.create("deep", "runs/good/**/*.json", "n")
    for path in ("runs/x", "runs/x/y", "runs/good"):
        store.mkdir(path)
    store.put("runs/x/1.json", {"n": 1})
    store.put("runs/x/y/2.json", {"n": 2})
    store.move("runs/x", "runs/good/x")
    assert store.query("deep", 1) == ["/runs/good/x/1.json"]
    assert store.query("deep", 2) == ["/runs/good/x/y/2.json"]
    store.move("runs/good", "runs/bad")
    assert store.query("deep", 1) == store.query("deep", 2) == []
    store.mkdir("runs/good")
    store.move("runs/good", "runs/bad", RenameFlag.EXCHANGE)
    assert store.query("deep", 2) == ["/runs/good/x/y/2.json"]
    store.move("runs/good", "runs/bad", RenameFlag.EXCHANGE)
    assert store.query("deep", 2) == []
    store.require_right("deep")


def test_folders_deeper_than_python_recurses(store: IndexedStore) -> None:
    store.create("deep", "**/*.json", "model")
    folder, creator, names = store.inode("/runs"), Creator(1000, 100), sys.getrecursionlimit()
    for _ in range(names):
        folder = store.volume.make_directory(folder, b"x", 0o755, creator)
    path = "/runs" + "/x" * names + "/one.json"
    store.put(path, {"model": "flux"})
    assert store.query("deep", "flux") == [path]


def test_a_deleted_series_is_not_shown_and_comes_back_unread(
    models: IndexedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.put("output/art/selector/1.json", {"model": "a"})
    models.volume.series.delete(b"art")
    assert models.query("models", "a") == []
    assert run_inline(models.indexes.statistics("models")).hidden == 1
    models.require_right("models")
    with monkeypatch.context() as patched:
        patched.setattr("fsmodel.indexes.reading.parsed", None)
        models.volume.series.restore(b"art", None)
    assert models.query("models", "a") == ["/output/art/selector/1.json"]


def test_a_series_that_is_cleaned_or_removed(models: IndexedStore) -> None:
    for name in "12":
        models.put(f"output/art/selector/{name}.json", {"model": "a"})
    models.volume.series.clean(b"art", b"1")
    assert models.query("models", "a") == ["/output/art/selector/2.json"]
    models.volume.series.delete(b"art")
    models.remove("series/deleted/art.json")
    run_inline(models.volume.remove_leftovers())
    statistics = run_inline(models.indexes.statistics("models"))
    assert (statistics.documents, statistics.hidden) == (0, 0)


def test_clones_snapshots_and_versions(models: IndexedStore) -> None:
    models.put("output/art/selector/1.json", {"model": "a"})
    run_inline(models.volume.snapshots.create(b"before"))
    models.put("output/art/selector/1.json", {"model": "b"})
    parent, _ = models.split("output/art/selector/1.json")
    run_inline(models.volume.clone(models.inode("output/art/selector/1.json"), parent, b"2.json"))
    assert len(models.query("models", "b")) == 2
    models.remove("output/art/selector/1.json")
    assert models.query("models", "b") == ["/output/art/selector/2.json"]
    run_inline(models.volume.restore_version(b"/output/art/selector/1.json"))
    assert models.query("models", "b")[0] == "/output/art/selector/1.json"
    models.require_right("models")


def test_files_elsewhere_are_found_once_they_are_closed(store: IndexedStore) -> None:
    store.create("loose", "**/*.json", "n")
    store.mkdir("mine")
    file = store.begin("mine/1.json", b'{"n": 1')
    assert store.query("loose", 1) == []
    store.volume.write(file, 7, b"}")
    store.end(file)
    assert store.query("loose", 1) == ["/mine/1.json"]
    store.write("mine/2.json", b"no document")
    statistics = run_inline(store.indexes.statistics("loose"))
    assert statistics.skipped == 1
    store.require_right("loose")


def test_what_outlasts_a_kill(models: IndexedStore) -> None:
    models.put("output/art/selector/1.json", {"model": "a"})
    models.kill()
    assert models.query("models", "a") == ["/output/art/selector/1.json"]
    models.put("output/art/selector/2.json", {"model": "a"})
    models.reopen()
    assert len(models.query("models", "a")) == 2
    models.require_right("models")


class TestUnique:
    """No two documents have one value, by whatever way they come."""

    @pytest.fixture
    def seeds(self, store: IndexedStore) -> IndexedStore:
        store.create("seeds", "runs/*.json", "seed", unique=True)
        store.put("runs/1.json", {"seed": 1})
        return store

    def test_a_second_one_is_refused(self, seeds: IndexedStore) -> None:
        with pytest.raises(AlreadyExists, match="seeds"):
            seeds.put("runs/2.json", {"seed": 1})
        assert seeds.listing("runs") == ["1.json"]
        with pytest.raises(AlreadyExists):
            seeds.replace("runs/2.json", {"seed": 1})
        assert seeds.query("seeds", 1) == ["/runs/1.json"]
        seeds.require_right("seeds")

    def test_a_refused_commit_leaves_the_document(self, seeds: IndexedStore) -> None:
        seeds.put("runs/2.json", {"seed": 2})
        with pytest.raises(AlreadyExists):
            seeds.put("runs/2.json", {"seed": 1, "more": True})
        assert seeds.read("runs/2.json") == b'{"seed": 2}'
        assert seeds.query("seeds", 2) == ["/runs/2.json"]

    def test_replacing_the_one_that_has_it_and_giving_it_on(self, seeds: IndexedStore) -> None:
        seeds.put("runs/1.json", {"seed": 1, "again": 1})
        seeds.replace("runs/1.json", {"seed": 1, "again": 2})
        seeds.remove("runs/1.json")
        seeds.put("runs/2.json", {"seed": 1})
        assert seeds.query("seeds", 1) == ["/runs/2.json"]

    def test_folders_and_clones_are_refused_too(self, store: IndexedStore) -> None:
        store.create("seeds", "runs/good/**/*.json", "seed", unique=True)
        for path in ("runs/good", "runs/good/a", "runs/b"):
            store.mkdir(path)
        store.put("runs/good/a/1.json", {"seed": 1})
        store.put("runs/b/1.json", {"seed": 1})
        with pytest.raises(AlreadyExists):
            store.move("runs/b", "runs/good/b")
        assert store.exists("runs/b/1.json")
        with pytest.raises(AlreadyExists):
            run_inline(store.volume.clone(store.inode("runs/b"), store.inode("runs/good"), b"c"))
        assert store.listing("runs/good") == ["a"]
        store.require_right("seeds")

    def test_a_file_that_is_no_draft_keeps_its_bytes(
        self, store: IndexedStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It was being written when its folder came to where documents are."""
        store.create("seeds", "runs/*/*.json", "seed", unique=True)
        for path in ("runs/a", "mine"):
            store.mkdir(path)
        store.put("runs/a/1.json", {"seed": 1})
        file = store.begin("mine/2.json", b'{"seed": 1}')
        store.move("mine", "runs/mine")
        store.end(file)
        assert "left out" in caplog.text
        caplog.clear()
        assert store.read("runs/mine/2.json") == b'{"seed": 1}'
        assert store.query("seeds", 1) == ["/runs/a/1.json"]
        (wrong,) = run_inline(store.indexes.verify("seeds", quiet)).wrong
        assert "left out" in wrong
        store.put("runs/mine/2.json", {"seed": 2})
        store.require_right("seeds")

    def test_documents_that_are_not_unique_cannot_get_such_an_index(
        self, store: IndexedStore
    ) -> None:
        store.put("runs/1.json", {"seed": 1})
        store.put("runs/2.json", {"seed": 1})
        with pytest.raises(AlreadyExists, match="given up"):
            store.create("seeds", "runs/*.json", "seed", unique=True)
        with pytest.raises(NotFound):
            store.query("seeds", 1)
        run_inline(store.indexes.resume(quiet))
        assert not store.indexes.is_unfinished

    def test_it_is_for_documents_committed_whole(self, store: IndexedStore) -> None:
        for glob in ("**/*.json", "mine/*.json", "output/*/title/*.json"):
            with pytest.raises(InvalidArgument, match="committed whole"):
                store.create("seeds", glob, "seed", unique=True)


class TestBuilding:
    """Long work, beside normal use and after kills."""

    def test_it_goes_on_after_a_kill(self, store: IndexedStore) -> None:
        store.put("runs/1.json", {"n": 1})
        store.indexes.define(Definition("numbers", "runs/*.json", ("n",)))
        with pytest.raises(Busy):
            store.query("numbers", 1)
        store.kill()
        assert store.indexes.info("numbers").state == "building"
        assert run_inline(store.indexes.resume(quiet)) == []
        assert store.query("numbers", 1) == ["/runs/1.json"]
        assert not store.indexes.is_unfinished

    def test_changes_after_any_step(self, store: IndexedStore) -> None:
        """Whatever happens while it is built, it is right in the end."""
        for number in range(6):
            store.put(f"runs/{number}.json", {"n": number})
        steps = store.indexes.create(Definition("numbers", "runs/*.json", ("n",)), quiet)
        done, work = 0, next(steps, None)
        while work is not None:
            result = work.run()
            store.put(f"runs/{done % 6}.json", {"n": 100 + done})
            store.move(f"runs/{(done + 1) % 6}.json", f"runs/{(done + 2) % 6}.json")
            store.put(f"runs/{(done + 1) % 6}.json", {"n": 200 + done})
            done += 1
            try:
                work = steps.send(result)
            except StopIteration:
                work = None
        assert done > 6
        store.require_right("numbers")

    def test_rebuilding_answers_meanwhile(self, store: IndexedStore) -> None:
        store.create("numbers", "runs/*.json", "n")
        store.put("runs/1.json", {"n": 1})
        steps = store.indexes.rebuild("numbers", quiet)
        next(steps)
        assert store.query("numbers", 1) == ["/runs/1.json"]
        with pytest.raises(Busy):
            run_inline(store.indexes.rebuild("numbers", quiet))
        steps.close()
        run_inline(store.indexes.resume(quiet))
        assert [each.state for each in store.indexes.all()] == ["ready"]
        store.require_right("numbers")

    def test_dropping(self, models: IndexedStore) -> None:
        models.put("output/art/selector/1.json", {"model": "a"})
        run_inline(models.indexes.drop("models"))
        assert models.indexes.all() == []
        with pytest.raises(NotFound):
            models.query("models", "a")
        models.create("models", SELECTORS, "other")
        assert models.query("models", "a") == []


class TestDefinitions:
    """What may be an index."""

    @pytest.mark.parametrize("name", ["", "a/b", ".a", "a b", "x" * 65])
    def test_names(self, store: IndexedStore, name: str) -> None:
        with pytest.raises(InvalidArgument, match="name"):
            store.create(name, "runs/*.json", "n")

    @pytest.mark.parametrize("glob", ["", "a//b.json", "../a.json", "runs/**.json", "runs/*"])
    def test_globs(self, store: IndexedStore, glob: str) -> None:
        with pytest.raises(InvalidArgument, match="glob"):
            store.create("numbers", glob, "n")

    @pytest.mark.parametrize("fields", [(), ("a..b",), ("a", "a"), tuple("abcdefghi")])
    def test_fields(self, store: IndexedStore, fields: tuple[str, ...]) -> None:
        with pytest.raises(InvalidArgument, match="field"):
            store.create("numbers", "runs/*.json", *fields)

    def test_a_name_that_is_taken(self, models: IndexedStore) -> None:
        with pytest.raises(AlreadyExists, match="drop it first"):
            models.create("models", "runs/*.json", "n")


class TestAsking:
    """Values, bounds, prefixes, order."""

    @pytest.fixture
    def numbers(self, store: IndexedStore) -> IndexedStore:
        store.create("numbers", "runs/*.json", "n")
        for name, value in (
            ("a", 3),
            ("b", 1.5),
            ("c", -2),
            ("d", "x"),
            ("e", [7, 3]),
            ("f", None),
        ):
            store.put(f"runs/{name}.json", {"n": value})
        return store

    def test_ranges_are_in_order_and_tell_each_document_once(self, numbers: IndexedStore) -> None:
        paths = [f"/runs/{name}.json" for name in "cbae"]
        assert numbers.range("numbers", -5, 100) == paths
        matches = numbers.indexes.range("numbers", -5, 100, asked=Asked(limit=2, reverse=True))
        assert [match.values for match in matches] == [b"[7]", b"[3]"]

    def test_several_fields(self, store: IndexedStore) -> None:
        store.create("both", "runs/*.json", "model", "size.w")
        for name, model, width in (("1", "a", 10), ("2", "a", 20), ("3", "b", 10)):
            store.put(f"runs/{name}.json", {"model": model, "size": {"w": width}})
        assert store.query("both", "a", 20) == ["/runs/2.json"]
        assert store.query("both", "a") == ["/runs/1.json", "/runs/2.json"]
        found = store.indexes.range("both", 15, 30, equal=["a"])
        assert [match.paths for match in found] == [(b"/runs/2.json",)]
        with pytest.raises(InvalidArgument, match="2 fields"):
            store.query("both", "a", 20, 3)

    def test_hash_indexes_answer_equality_alone(self, store: IndexedStore) -> None:
        store.create("exact", "runs/*.json", "n", type="hash")
        store.put("runs/1.json", {"n": 1})
        assert store.query("exact", 1.0) == ["/runs/1.json"]
        with pytest.raises(InvalidArgument, match="btree"):
            store.range("exact", 0, 2)
        with pytest.raises(InvalidArgument, match="btree"):
            store.indexes.prefix("exact", "a")
        store.require_right("exact")

    def test_prefixes_and_long_texts(self, store: IndexedStore) -> None:
        store.create("texts", "runs/*.json", "t")
        long = "b" * 5000
        for name, text in (("1", "alpha"), ("2", "alps"), ("3", long), ("4", long + "!")):
            store.put(f"runs/{name}.json", {"t": text})
        found = store.indexes.prefix("texts", "al")
        assert [match.paths[0] for match in found] == [b"/runs/1.json", b"/runs/2.json"]
        assert store.query("texts", long) == ["/runs/3.json"]
        assert store.query("texts", long + "!") == ["/runs/4.json"]
        assert len(list(store.indexes.prefix("texts", "b" * 100))) == 2
        with pytest.raises(InvalidArgument, match="prefix"):
            store.indexes.prefix("texts", long)

    def test_times_are_moments(self, store: IndexedStore) -> None:
        store.create("made", "runs/*.json", "at", times=True)
        store.put("runs/1.json", {"at": "2026-11-20T12:00:00+05:30"})
        store.put("runs/2.json", {"at": "2026-11-20T07:00:00Z"})
        assert store.query("made", "2026-11-20T06:30:00Z") == ["/runs/1.json"]
        day = ("2026-11-20T00:00:00Z", "2026-11-20T23:00:00Z")
        assert store.range("made", *day) == ["/runs/1.json", "/runs/2.json"]

    def test_documents_with_too_many_values_are_left_out(self, store: IndexedStore) -> None:
        store.create("many", "runs/*.json", "n")
        store.put("runs/1.json", {"n": list(range(1001))})
        assert store.query("many", 3) == []
        assert run_inline(store.indexes.statistics("many")).skipped == 1
        store.require_right("many")
