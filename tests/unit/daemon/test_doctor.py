"""`cairnfs doctor`: each check on a sound host, and with what it looks for broken."""

import json
import platform
import shutil
import sys
from pathlib import Path

import pytest

from daemon import doctor
from daemon.cli.main import run
from daemon.doctor import Check, State, examine
from daemon.mount_options import MountOptions
from daemon.problems import MountProblem
from fsmodel.volume import Volume


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    Volume.create(folder, plain=True)
    return folder


@pytest.fixture(autouse=True)
def a_host_that_mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "check_host", lambda options: None)


def found(store: Path, name: str) -> Check:
    return next(check for check in examine(store) if check.name == name)


def test_a_sound_store_passes(store: Path) -> None:
    assert [check for check in examine(store) if check.state is State.FAILED] == []


def test_an_old_kernel(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "release", lambda: "3.10.0-1160.el7")
    assert found(store, "kernel").state is State.FAILED


def test_a_host_that_refuses(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(options: MountOptions) -> None:
        raise MountProblem("/dev/fuse is missing: load the module")

    monkeypatch.setattr(doctor, "check_host", refuse)
    assert found(store, "fuse") == Check(
        "fuse", State.FAILED, "/dev/fuse is missing: load the module", "as said there"
    )
    assert found(store, "allow_other").state is State.WARNING


def test_no_fusermount(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "fuse3" in found(store, "fusermount3").mend


def test_a_library_that_cannot_be_loaded(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyfuse3", None)
    check = found(store, "libraries")
    assert check.state is State.FAILED
    assert "pyfuse3" in check.found
    assert "libfuse3" in check.mend


def test_no_compiled_chunker(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "available_kernels", lambda: {"reference": None})
    assert found(store, "chunker").state is State.WARNING


def test_wrong_settings(store: Path) -> None:
    (store / "cairnfs.toml").write_text("delta = 7\n")
    assert found(store, "settings").state is State.FAILED


def test_a_store_others_may_enter(store: Path) -> None:
    store.chmod(0o755)
    assert found(store, "store").mend == f"chmod 700 {store}"


def test_no_store(tmp_path: Path) -> None:
    assert found(tmp_path, "store").state is State.FAILED


def test_a_default_store_that_is_still_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIRNFS_DATA_DIR", str(tmp_path / "share" / "cairnfs"))
    to_come = tmp_path / "share" / "cairnfs"
    assert "is made at the first mount" in found(to_come, "store").found
    assert {found(to_come, name).state for name in ("store", "space", "mount")} == {State.OK}


def test_little_space(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LOW_SPACE_BYTES", 1 << 62)
    assert found(store, "space").state is State.WARNING


def test_the_command_says_all_of_it(
    store: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["doctor", "--store", str(store), "--json"]) == 0
    document = json.loads(capsysbinary.readouterr().out)
    assert document["fit"] is True
    assert {check["name"] for check in document["checks"]} >= {"kernel", "store", "mount"}
    (store / "cairnfs.toml").write_text("delta = 7\n")
    assert run(["doctor", "--store", str(store)]) == 1
    text = capsysbinary.readouterr().out.decode()
    assert "failed   settings: " in text
    assert "to mend: " in text
