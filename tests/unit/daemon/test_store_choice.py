"""Which store a command means."""

import os
from pathlib import Path

import pytest

from daemon.mount_table import FSTYPE, Mount
from daemon.problems import Problem
from daemon.store_choice import choose_store, default_store, named_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "format.json").touch()
    return folder


@pytest.fixture
def table(tmp_path: Path, store: Path) -> list[Mount]:
    return [
        Mount("254:0", "/", (), "ext4", "/dev/vda", 27, 1),
        Mount("0:50", str(tmp_path / "mount"), (), FSTYPE, str(store), 50, 27),
    ]


def test_a_named_store_beats_everything(tmp_path: Path, table: list[Mount]) -> None:
    environment = {"CAIRNFS_STORE": "/env", "CAIRNFS_DATA_DIR": "/data"}
    chosen = choose_store("/named", environment, table, str(tmp_path / "mount"))
    assert (chosen.folder, chosen.is_default) == (Path("/named"), False)


def test_then_the_environment_then_the_mount_then_the_default(
    tmp_path: Path, table: list[Mount], store: Path
) -> None:
    inside, outside = str(tmp_path / "mount" / "sub"), str(tmp_path)
    environment = {"CAIRNFS_STORE": "/env", "CAIRNFS_DATA_DIR": "/data"}
    assert choose_store(None, environment, table, inside).folder == Path("/env")
    del environment["CAIRNFS_STORE"]
    chosen = choose_store(None, environment, table, inside)
    assert (chosen.folder, chosen.is_default) == (store, False)
    chosen = choose_store(None, environment, table, outside)
    assert (chosen.folder, chosen.is_default) == (Path("/data"), True)


def test_the_platforms_folder_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_store({}).folder == Path("/home/ann/.local/share/cairnfs")
    assert default_store({"CAIRNFS_DATA_DIR": ""}).is_default


def test_a_link_into_a_mount_is_followed(tmp_path: Path, table: list[Mount], store: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "mount")
    assert choose_store(None, {}, table, str(tmp_path / "link")).folder == store


def test_a_mount_of_unknown_store_asks_for_its_name(tmp_path: Path) -> None:
    table = [Mount("0:50", str(tmp_path), (), FSTYPE, "backup")]
    with pytest.raises(Problem, match="give --store"):
        choose_store(None, {}, table, str(tmp_path))


def test_empty_names_name_nothing() -> None:
    assert named_store("", {"CAIRNFS_STORE": ""}) is None


def test_relative_names_and_links_are_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink("real", "link")
    chosen = named_store("link/../link", {})
    assert chosen is not None
    assert chosen.folder == Path(os.path.realpath(tmp_path)) / "real"
