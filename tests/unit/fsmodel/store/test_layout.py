"""The store folder: where things lie, and that it is made private, in an empty place only."""

import os
from errno import EACCES, ENOSPC
from pathlib import Path

import pytest

from fsmodel.errors import BackendError, NoSpace, StoreExists
from fsmodel.ids import PackId
from fsmodel.store.layout import StoreLayout
from tests.support.packs import failing


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_the_paths_are_those_of_the_design() -> None:
    layout = StoreLayout(Path("/store"))
    assert {
        layout.format_file: "/store/format.json",
        layout.configuration: "/store/cairnfs.toml",
        layout.index: "/store/index",
        layout.journal: "/store/journal",
        layout.packs: "/store/packs",
        layout.quarantine: "/store/quarantine",
        layout.lock_file: "/store/lock",
        layout.daemon_file: "/store/daemon.json",
        layout.control_socket: "/store/control.sock",
        layout.pack(PackId(0x12AB)): "/store/packs/ab/00000000000012ab.pack",
    } == {
        path: str(path)
        for path in map(
            Path,
            [
                "/store/format.json",
                "/store/cairnfs.toml",
                "/store/index",
                "/store/journal",
                "/store/packs",
                "/store/quarantine",
                "/store/lock",
                "/store/daemon.json",
                "/store/control.sock",
                "/store/packs/ab/00000000000012ab.pack",
            ],
        )
    }


def test_a_new_store_is_private_whatever_the_umask(tmp_path: Path) -> None:
    layout = StoreLayout(tmp_path / "new" / "parents" / "store")
    former = os.umask(0)
    try:
        layout.create()
    finally:
        os.umask(former)
    assert [mode(folder) for folder in (layout.folder, layout.packs, layout.quarantine)] == [
        0o700
    ] * 3


def test_an_empty_folder_is_taken_over_and_made_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    StoreLayout(tmp_path).create()
    assert mode(tmp_path) == 0o700


def test_a_folder_with_anything_in_it_is_refused_untouched(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / ".hidden").touch()
    with pytest.raises(StoreExists, match=f"{tmp_path} is not empty: "):
        StoreLayout(tmp_path).create()
    assert [path.name for path in tmp_path.iterdir()] == [".hidden"]
    assert mode(tmp_path) == 0o755


def test_a_second_store_in_the_same_place_is_refused(layout: StoreLayout) -> None:
    with pytest.raises(StoreExists):
        layout.create()


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreExists, match="is no folder"):
        StoreLayout(tmp_path / "file").create()
    with pytest.raises(BackendError, match="below"):
        StoreLayout(tmp_path / "file" / "below" / "store").create()


@pytest.mark.parametrize(("number", "error"), [(ENOSPC, NoSpace), (EACCES, BackendError)])
def test_a_host_that_refuses_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(os, "mkdir", failing(number))
    with pytest.raises(error, match=f"{tmp_path}/store: injected"):
        StoreLayout(tmp_path / "store").create()


def test_packs_are_listed_by_number(layout: StoreLayout) -> None:
    numbers = {PackId(1), PackId(0x101), PackId((1 << 64) - 1)}
    for number in numbers:
        layout.pack(number).parent.mkdir(exist_ok=True)
        layout.pack(number).touch()
    assert sorted(layout.pack_numbers()) == sorted(numbers)


def test_what_is_no_pack_is_passed_over(layout: StoreLayout) -> None:
    (layout.packs / "readme").touch()
    (layout.packs / "01").mkdir()
    for name in ("0000000000000002.pack", "01.pack", "0000000000000001.pack.old", "x"):
        (layout.packs / "01" / name).touch()
    assert list(layout.pack_numbers()) == []


def test_a_store_without_packs_has_none(tmp_path: Path) -> None:
    assert list(StoreLayout(tmp_path).pack_numbers()) == []


def test_a_folder_that_cannot_be_listed_is_reported(
    layout: StoreLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "listdir", failing(EACCES))
    with pytest.raises(BackendError, match="packs: injected"):
        list(layout.pack_numbers())
