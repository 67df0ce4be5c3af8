"""`cairnfs snapshot`, `clone` and `lock` on a store that nobody serves, and who may undo a lock."""

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.main import run
from daemon.control_commands import VOLUME_COMMANDS
from daemon.control_commands.command import Context, checked_arguments
from daemon.control_commands.snapshots import DiffArguments
from daemon.control_protocol import Progress
from fsmodel.errors import AccessDenied
from fsmodel.ids import ROOT_INODE
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.filled_tree import put_file
from tests.support.volume_store import USER


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    Volume.create(folder, plain=True)
    volume = Volume.open(folder)
    top = volume.make_directory(ROOT_INODE, b"top", 0o755, USER)
    put_file(volume, top, b"file", b"bytes")
    volume.close()
    return folder


def answer(store: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run([*arguments, "--store", str(store), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def printed(store: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run([*arguments, "--store", str(store)]) == 0
    return capsys.readouterr().out


def test_the_life_of_a_snapshot(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(store, capsys, "snapshot", "list") == "there are no snapshots\n"
    assert printed(store, capsys, "snapshot", "create", "one") == "one: 1 files, 5 B\n"
    assert printed(store, capsys, "clone", "/top", "/copy") == "/copy is a clone of /top\n"
    shown = printed(store, capsys, "snapshot", "diff", "one")
    assert shown == "+ /copy/\n+ /copy/file\n"
    made = answer(store, capsys, "snapshot", "create", "two")
    assert (made["name"], made["files"], made["logical_bytes"]) == ("two", 2, 10)
    found = answer(store, capsys, "snapshot", "diff", "one", "two", "--path", "/copy")
    assert found["count"] == 2
    assert found["differences"][0] == {"change": "added", "path": "/copy", "type": "directory"}
    done = printed(store, capsys, "snapshot", "restore", "one", "/top/file", "--to", "/copy/file")
    assert done == "/copy/file is as it was in one\n"
    assert printed(store, capsys, "snapshot", "delete", "one") == "one is deleted\n"
    (left,) = answer(store, capsys, "snapshot", "list")["snapshots"]
    assert left == made
    assert printed(store, capsys, "snapshot", "list").startswith("two  20")


def test_differences_beyond_a_limit_are_counted(store: Path) -> None:
    volume = Volume.open(store)
    run_inline(volume.snapshots.create(b"one"))
    for number in range(1500):
        volume.make_node(ROOT_INODE, b"%d" % number, 0o100600, 0, USER)
    told: list[Progress] = []
    command = VOLUME_COMMANDS["snapshot-diff"]
    arguments = checked_arguments(DiffArguments, {"former": "one", "limit": 10})
    found: Any = run_inline(command.run(Context(volume, told.append), arguments))
    assert (found["count"], len(found["differences"])) == (1500, 10)
    assert told == [Progress(1000, 0, "differences")]
    volume.close()


def test_a_lock_is_undone_by_root_alone(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = printed(store, capsys, "lock", "-r", "/top")
    assert locked == "/top is locked (2 changed)\n"
    volume = Volume.open(store)
    command = VOLUME_COMMANDS["lock"]
    arguments = checked_arguments(command.arguments, {"path": b"/top", "undo": True})
    with pytest.raises(AccessDenied, match="only root"):
        run_inline(command.run(Context(volume, lambda progress: None, uid=1000), arguments))
    done: Any = run_inline(command.run(Context(volume, lambda progress: None, uid=0), arguments))
    assert done == {"path": "/top", "locked": False, "changed": 1}
    volume.close()
