"""`cairnfs optimize` on a store that is not mounted: what is printed, and what is done."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.cli.main import run
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.optimizing import write_versions
from tests.support.volume_store import VolumeStore

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cairnfs(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("CAIRNFS_STORE", "CAIRNFS_DATA_DIR", "CAIRNFS_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        status = run([str(argument) for argument in arguments])
        return status, *capfd.readouterr()

    return command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed store with versions of texts in it."""
    store = VolumeStore(tmp_path)
    write_versions(store, texts=6)
    store.volume.close()
    return store.store


def packs_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "packs").rglob("*.pack"))


def test_analyze_says_what_takes_how_much(cairnfs: Command, folder: Path) -> None:
    status, out, _ = cairnfs("optimize", "analyze", "--store", folder, "--json")
    found = json.loads(out)
    assert (status, found["kinds"]["chunk"]["objects"]) == (0, 24)
    assert found["codecs"]["delta"]["objects"] > 10
    lines = cairnfs("optimize", "analyze", "--store", folder)[1].splitlines()
    assert lines[0].startswith("kind chunk")
    assert any(line.startswith("out of order") for line in lines)


def test_estimate_and_run_name_the_same_bytes(cairnfs: Command, folder: Path) -> None:
    asked = ("--store", folder, "--strategy", "archival", "--json")
    before = packs_bytes(folder)
    (estimate,) = json.loads(cairnfs("optimize", "estimate", *asked)[1])["estimates"]
    assert packs_bytes(folder) == before
    (result,) = json.loads(cairnfs("optimize", "run", *asked)[1])["results"]
    assert result["saved_bytes"] == pytest.approx(estimate["saved_bytes"], rel=0.05)
    assert result["objects"] == 24
    status, out, _ = cairnfs("optimize", "run", "--strategy", "gc", "--store", folder)
    assert (status, out.split()[:2]) == (0, ["gc", "saved"])
    assert packs_bytes(folder) < before
    assert cairnfs("fsck", "--store", folder)[0] == 0


def test_people_are_told_the_bound(cairnfs: Command, folder: Path) -> None:
    _, out, _ = cairnfs("optimize", "estimate", "--store", folder)
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert list(lines) == [
        *("deduplication", "delta", "compression", "archival", "caching", "repacking", "gc")
    ]
    assert lines["archival"].startswith("saves ")
    assert "samples" in lines["archival"]
    assert "reads are counted while" in lines["caching"]


def test_the_settings_of_the_store_count(cairnfs: Command, folder: Path) -> None:
    (folder / "cairnfs.toml").write_text("compression_level = 19\n")
    volume = Volume.open(folder)
    assert run_inline(volume.analyze()).codecs["zstd"].objects > 0
    volume.close()
    asked = ("--store", folder, "--strategy", "compression", "--json")
    (estimate,) = json.loads(cairnfs("optimize", "estimate", *asked)[1])["estimates"]
    assert estimate["saved_bytes"] > 0


@pytest.mark.parametrize(
    "arguments", [("run", "--strategy", "magic"), ("analyse",), ("analyze", "--strategy", "gc")]
)
def test_wrong_usage_is_told(cairnfs: Command, folder: Path, arguments: tuple[str, ...]) -> None:
    status, out, err = cairnfs("optimize", *arguments, "--store", folder)
    assert (status, out) == (2, "")
    assert err.startswith("cairnfs: ")
