"""`cairnfs get` and `cairnfs put`: files in and out of a store by the library."""

import io
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon.cli.main import run
from fsmodel.library.pieces import PIECE_BYTES_MAX
from fsmodel.volume import Volume
from tests.support.served_store import served
from tests.support.volumes import noise


@pytest.fixture
def store(tmp_path: Path) -> Path:
    Volume.create(tmp_path / "store")
    return tmp_path / "store"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert run(list(map(str, arguments))) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    return shown


@pytest.mark.parametrize("is_served", [False, True])
def test_a_file_goes_in_and_comes_out(
    store: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], is_served: bool
) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(noise(PIECE_BYTES_MAX + 9))
    with ExitStack() as stack:
        if is_served:
            stack.enter_context(served(store))
        there = ("--store", str(store), "/projects/deep/file")
        assert run(["put", str(source), *there]) == 0
        assert run(["get", "-o", str(copy), *there]) == 0
        assert copy.read_bytes() == source.read_bytes()
        assert run(["get", *there]) == 0
        assert capsysbinary.readouterr().out == source.read_bytes()


def test_what_comes_in_is_put(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"piped")))
    assert run(["put", "-", "--json", "--store", str(store), "/projects/file"]) == 0
    assert len(json.loads(capsys.readouterr().out)["version"]) == 66
    assert run(["get", "--store", str(store), "/projects/file"]) == 0
    assert capsys.readouterr().out == "piped"


def test_what_cannot_be_done_is_one_line(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ("--store", store)
    assert "No such file" in refused(capsys, "put", tmp_path / "none", *there, "/projects/file")
    assert "nothing" in refused(capsys, "get", *there, "/projects/nothing")
    (tmp_path / "bad.json").write_text("{")
    assert "bad.json" in refused(capsys, "put", tmp_path / "bad.json", *there, "/series/bad.json")
    (tmp_path / "file").write_bytes(b"bytes")
    assert run(["put", str(tmp_path / "file"), "--store", str(store), "/projects/file"]) == 0
    target = tmp_path / "none" / "file"
    assert "No such file" in refused(capsys, "get", "-o", target, *there, "/projects/file")
