"""`cairnfs config`: values with their origins, and a description of every setting."""

import json
from pathlib import Path

import pytest

from daemon.cli.main import run
from daemon.instance import Instance
from daemon.settings_schema import settings_reference


def test_show_tells_where_each_value_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "cairnfs.toml").write_text('cache_bytes = "8MiB"\n')
    monkeypatch.setenv("CAIRNFS_DELTA", "false")
    assert run(["config", "show", "--store", str(tmp_path), "--json"]) == 0
    shown = json.loads(capsysbinary.readouterr().out)
    assert shown["cache_bytes"] == {
        "value": 8 << 20,
        "origin": str(tmp_path / "cairnfs.toml"),
    }
    assert shown["delta"] == {"value": False, "origin": "environment"}
    assert shown["delta_level"]["origin"] == "default"
    assert set(shown) == {item.name for item in settings_reference()}


def test_the_file_of_a_named_mount_counts_when_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    named = Instance("art", str(tmp_path), "/m", "", {"delta": False}, "art.toml", has_file=True)
    for module in ("daemon.instance", "daemon.cli.config"):
        monkeypatch.setattr(f"{module}.load_instance", lambda name: named)
    monkeypatch.setenv("CAIRNFS_STORE", "")  # which --instance sets, for good
    assert run(["--instance", "art", "config", "show", "--json"]) == 0
    shown = json.loads(capsysbinary.readouterr().out)
    assert shown["delta"] == {"value": False, "origin": "art.toml"}


def test_show_for_people_is_a_line_for_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["config", "show", "--store", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(settings_reference())
    assert lines[0].split() == ["cache_bytes", str(64 << 20), "default"]


def test_a_wrong_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cairnfs.toml").write_text("cache_byte = 1\n")
    assert run(["config", "show", "--store", str(tmp_path)]) == 1
    assert "did you mean cache_bytes?" in capsys.readouterr().err


def test_describe_names_default_unit_and_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "describe"]) == 0
    text = capsys.readouterr().out
    for item in settings_reference():
        assert item.environment_name in text
        assert item.meaning in text
