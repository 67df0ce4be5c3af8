"""User-defined indexes in the mount: commands and folders follow what programs write."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore, mounted

# Writes documents with seeds that another writer tries to write as well; prints those it could.
WRITER = """
import errno, json, os, sys
folder, who, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
for seed in range(rounds):
    path = f"{folder}/{who}-{seed}.json"
    try:
        if seed % 2:
            with open(path, "w") as file:
                json.dump({"seed": seed}, file)
        else:
            with open(f"{folder}/.{who}", "w") as file:
                json.dump({"seed": seed}, file)
            os.rename(f"{folder}/.{who}", path)
        print(seed)
    except OSError as error:
        assert error.errno == errno.EEXIST, error
"""
ROUNDS = 60


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted(structured=True) as store:
        yield store


@pytest.fixture
def runs(store: MountedStore) -> Path:
    return store.mountpoint / "runs"


def create(store: MountedStore, name: str, glob: str, field: str, *options: str) -> None:
    arguments = ("--glob", glob, "--field", field, *options)
    store.cairnfs("--store", store.store, "index", "create", name, *arguments)


def found(store: MountedStore, *arguments: str) -> list[str]:
    document = store.document("--store", store.store, "index", *arguments)
    return [match["path"] for match in document["matches"]]


def test_documents_are_found_as_soon_as_they_are_written(store: MountedStore) -> None:
    selectors = store.mountpoint / "output" / "art" / "selector"
    os.mkdir(store.mountpoint / "output" / "art")
    (selectors / "1.json").write_text('{"model": "flux"}')
    create(store, "models", "output/*/selector/*.json", "model", "--type", "hash")
    (selectors / "2.json").write_text('{"model": "flux"}')
    both = ["/output/art/selector/1.json", "/output/art/selector/2.json"]
    assert found(store, "query", "models", "flux") == both
    os.rename(store.mountpoint / "series/art.json", store.mountpoint / "series/deleted/art.json")
    assert found(store, "query", "models", "flux") == []
    os.rename(store.mountpoint / "series/deleted/art.json", store.mountpoint / "series/art.json")
    assert found(store, "query", "models", "flux") == both


def test_folders_of_values(store: MountedStore, runs: Path) -> None:
    create(store, "numbers", "runs/numbers/*.json", "n")
    (runs / "numbers").mkdir()
    for number in range(5):
        (runs / "numbers" / f"{number}.json").write_text(json.dumps({"n": number}))
    view = store.mountpoint / ".cairnfs" / "indexes" / "numbers"
    assert os.listdir(view) == ["0", "1", "2", "3", "4"]
    (link,) = (view / "3").iterdir()
    assert json.loads(link.read_text()) == {"n": 3}
    assert link.resolve() == (runs / "numbers" / "3.json").resolve()
    assert [json.loads(each.read_text())["n"] for each in (view / "1..3").iterdir()] == [1, 2, 3]
    assert not (view / "9").exists()
    (runs / "numbers" / "3.json").unlink()
    assert not (view / "3").exists()


def test_two_writers_never_break_a_unique_index(store: MountedStore, runs: Path) -> None:
    folder = runs / "seeds"
    folder.mkdir()
    create(store, "seeds", "runs/seeds/*.json", "seed", "--unique")
    command = [sys.executable, "-c", WRITER, str(folder)]
    writers = [
        subprocess.Popen([*command, who, str(ROUNDS)], stdout=subprocess.PIPE, text=True)
        for who in "ab"
    ]
    written = [int(seed) for each in writers for seed in each.communicate(timeout=240)[0].split()]
    assert all(each.returncode == 0 for each in writers)
    assert sorted(written) == list(range(ROUNDS))
    held = [json.loads(path.read_text())["seed"] for path in folder.glob("[ab]*.json")]
    assert sorted(held) == sorted(written)
    assert store.document("--store", store.store, "index", "verify", "seeds")["clean"]


def test_a_refused_write_changes_nothing(store: MountedStore, runs: Path) -> None:
    folder = runs / "one"
    folder.mkdir()
    create(store, "ones", "runs/one/*.json", "seed", "--unique")
    (folder / "a.json").write_text('{"seed": 1}')
    (folder / "b.json").write_text('{"seed": 2}')
    with pytest.raises(OSError, match="File exists") as refused:
        (folder / "b.json").write_text('{"seed": 1}')
    assert refused.value.errno == errno.EEXIST
    assert (folder / "b.json").read_text() == '{"seed": 2}'
    with pytest.raises(FileExistsError):
        (folder / "c.json").write_text('{"seed": 1}')
    assert sorted(os.listdir(folder)) == ["a.json", "b.json"]


def test_a_killed_daemon(store: MountedStore, runs: Path) -> None:
    create(store, "kept", "runs/kept/*.json", "n")
    (runs / "kept").mkdir()
    (runs / "kept" / "1.json").write_text('{"n": 1}')
    store.kill_and_mount()
    assert found(store, "query", "kept", "1") == ["/runs/kept/1.json"]
