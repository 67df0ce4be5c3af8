"""`cairnfs index` on a store that is not mounted, and the task that finishes indexes in a mount."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.main import run
from daemon.index_builder import IndexBuilder
from fsmodel.indexes.definition import Definition
from tests.support.indexed import IndexedStore

HUGE = 10**30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Documents with numbers and texts, not open."""
    store = IndexedStore(tmp_path)
    for name, value in (("a", 1), ("b", 2.5), ("c", "3"), ("d", "text"), ("e", HUGE)):
        store.put(f"runs/{name}.json", {"n": value})
    store.close()
    return store.store


@pytest.fixture
def indexed(folder: Path) -> Path:
    """The same with an index."""
    arguments = ["index", "create", "numbers", "--glob", "runs/*.json", "--field", "n"]
    assert run([*arguments, "--store", str(folder)]) == 0
    return folder


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str], indexed: Path) -> Any:
    def asked(*arguments: str) -> list[str]:
        capfd.readouterr()
        assert run(["index", *arguments, "--store", str(indexed)]) == 0
        return capfd.readouterr().out.splitlines()

    return asked


def test_values_are_json_or_text(lines: Any) -> None:
    assert lines("query", "numbers", "1") == ["/runs/a.json"]
    assert lines("query", "numbers", "1.0") == ["/runs/a.json"]
    assert lines("query", "numbers", "text") == ["/runs/d.json"]
    assert lines("query", "numbers", "3") == []
    assert lines("query", "numbers", '"3"') == ["/runs/c.json"]
    assert lines("query", "numbers", "3", "--string") == ["/runs/c.json"]


def test_ranges_prefixes_limits_and_order(lines: Any) -> None:
    assert lines("range", "numbers", "1", "3") == ["/runs/a.json", "/runs/b.json"]
    assert lines("range", "numbers", "2", "*") == ["/runs/b.json", "/runs/e.json"]
    assert lines("range", "numbers", "*", "3", "--reverse", "--limit", "1") == ["/runs/b.json"]
    assert len(lines("range", "numbers", "*", "*")) == 5
    assert lines("prefix", "numbers", "te") == ["/runs/d.json"]


def test_documents_keep_their_digits(lines: Any) -> None:
    document = json.loads("\n".join(lines("query", "numbers", str(HUGE), "--json")))
    match = {"path": "/runs/e.json", "values": [HUGE], "document": {"n": HUGE}}
    assert document == {"name": "numbers", "matches": [match]}


def test_list_stats_verify_rebuild_drop(lines: Any) -> None:
    assert lines("list") == ["numbers  btree n of runs/*.json"]
    stats = json.loads("\n".join(lines("stats", "numbers", "--json")))
    assert (stats["documents"], stats["entries"], stats["values"]) == (5, 5, 5)
    assert "entries" in "".join(lines("stats", "numbers"))
    assert lines("verify", "numbers") == ["index numbers is right; 5 documents were read"]
    assert lines("rebuild", "numbers") == ["index numbers built anew"]
    assert lines("drop", "numbers") == ["index numbers dropped"]
    assert lines("list") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["query", "none", "1"], "there is no index"),
        (["create", "numbers", "--glob", "runs/*.json", "--field", "n"], "drop it first"),
        (["create", "x", "--glob", "*.json", "--field", "n", "--unique"], "committed whole"),
        (["query", "numbers", "1", "2"], "one field"),
    ],
)
def test_refusals(
    indexed: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert run(["index", *arguments, "--store", str(indexed)]) == 1
    assert told in capfd.readouterr().err


class TestBuilder:
    """The task of a served volume."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[IndexedStore]:
        store = IndexedStore(tmp_path)
        for name in ("1", "2"):
            store.put(f"runs/{name}.json", {"n": 1})
        yield store
        store.close()

    async def test_what_waits_is_built(self, store: IndexedStore) -> None:
        store.indexes.define(Definition("numbers", "runs/*.json", ("n",)))
        await IndexBuilder(store.volume).look()
        assert len(store.query("numbers", 1)) == 2

    async def test_what_cannot_be_built_is_told(
        self, store: IndexedStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.indexes.define(Definition("numbers", "runs/*.json", ("n",), unique=True))
        await IndexBuilder(store.volume).look()
        assert store.indexes.all() == []
        (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert "given up" in record.getMessage()
        caplog.clear()
