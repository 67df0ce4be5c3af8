"""The command line without a mount: what is printed, where, and with which exit status."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from daemon import __version__
from daemon.cli import main as main_module
from daemon.cli import mount, mount_helper, reporting
from daemon.cli.lazy_group import module_of
from daemon.cli.main import COMMANDS, cli, run
from daemon.cli.starting import MountRequest, plan_of
from daemon.problems import MountProblem, Problem, UsageProblem
from daemon.settings_schema import Settings
from fsmodel.errors import HashMismatch
from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.inodes import Creator
from fsmodel.volume import Volume

PROJECT = Path(__file__).parents[3]


class Outcome(NamedTuple):
    """What a person sees of a command."""

    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def cairnfs(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("CAIRNFS_STORE", "CAIRNFS_DATA_DIR", "CAIRNFS_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: str | Path) -> Outcome:
        status = run([str(argument) for argument in arguments])
        return Outcome(status, *capfd.readouterr())

    return command


@pytest.fixture
def store(tmp_path: Path, cairnfs: Command) -> Path:
    assert cairnfs("mkfs", "--plain", tmp_path / "store").status == 0
    return tmp_path / "store"


def one_line(text: str) -> bool:
    return text.startswith("cairnfs: ") and text.count("\n") == 1


def test_version(cairnfs: Command) -> None:
    assert cairnfs("version") == (0, f"cairnfs {__version__}\n", "")


def test_help_lists_every_command_and_says_what_its_own_help_says(cairnfs: Command) -> None:
    listing = cairnfs("--help").out
    context = cli.make_context("cairnfs", [], resilient_parsing=True)
    for name, summary in COMMANDS.items():
        assert summary in listing
        command = cli.get_command(context, name)
        assert command is not None
        assert (command.help or "").startswith(summary.rstrip(".")), name
        help_text = cairnfs(name, "--help")
        assert help_text.status == 0
        assert f"Usage: cairnfs {name}" in help_text.out


def test_every_command_has_its_file_and_every_file_its_command() -> None:
    shared = {"__init__", "main", "lazy_group", "reporting", "common", "asking", "progress"}
    shared |= {"starting", "mount_helper", "examples"}
    files = {path.stem for path in (PROJECT / "daemon" / "cli").glob("*.py")}
    assert files - shared == {module_of(name).rpartition(".")[2] for name in COMMANDS}


def test_without_a_command_the_help_goes_to_standard_error(cairnfs: Command) -> None:
    status, out, err = cairnfs()
    assert (status, out) == (2, "")
    assert err.startswith("Usage: cairnfs")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["mont"], "no command 'mont'; did you mean mount?"),
        (["zzzz"], "no command 'zzzz': see `cairnfs --help`"),
        (["--versoin"], "no such option '--versoin'"),
        (["mount"], "name a mount point"),
        (["mount", "/a", "/b", "/c"], "name a mount point"),
        (["mount", "--store", "/a", "/b", "/c"], "the store is named twice"),
        (["mount", "--forground", "/m"], "see `cairnfs mount --help`"),
        (["mount", "/m", "-o", "allow_othr"], "did you mean allow_other?"),
        (["mkfs", "/a", "--store", "/b"], "the store is named twice"),
        (["umount"], "missing argument 'MOUNTPOINT'"),
        (["umount", "/m", "--timeout", "x"], "see `cairnfs umount --help`"),
        (["stats", "a", "b"], "see `cairnfs stats --help`"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    cairnfs: Command, arguments: list[str], expected: str
) -> None:
    status, out, err = cairnfs(*arguments)
    assert (status, out) == (2, "")
    assert one_line(err), err
    assert expected in err


def test_a_new_store_is_empty_and_consistent(cairnfs: Command, store: Path) -> None:
    figures = json.loads(cairnfs("stats", "--store", store, "--json").out)
    assert (figures["files"], figures["logical_bytes"], figures["packs"]) == (0, 0, 0)
    status, out, err = cairnfs("fsck", "--store", store, "--json")
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report["clean"] is True
    assert report["findings"] == []
    assert cairnfs("fsck", "--store", store).out == "1 inodes, 0 objects: 0 findings\n"


def test_figures_for_people_have_units(cairnfs: Command, store: Path) -> None:
    out = cairnfs("stats", "--store", store).out
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if line)
    assert lines["logical_bytes"] == "0 B  Sizes of all regular files."
    assert lines["dedupe_ratio"].split()[0] == "1.000"
    figures = json.loads(cairnfs("stats", "--store", store, "--json").out)
    assert set(lines) == set(figures)
    assert {line.index("  ", 20) > 0 for line in out.splitlines() if line} == {True}


def test_looking_changes_nothing_on_disk(cairnfs: Command, store: Path) -> None:
    def contents() -> dict[str, Any]:
        return {
            str(path.relative_to(store)): path.read_bytes()
            for path in store.rglob("*")
            if path.is_file() and path.name not in ("lock", "lock.mdb")
        }

    before = contents()
    for command in ("stats", "fsck", "status"):
        assert cairnfs(command, "--store", store).status == 0
    assert contents() == before


def test_the_status_of_a_store_that_is_not_mounted(cairnfs: Command, store: Path) -> None:
    status, out, err = cairnfs("status", "--store", store, "--json")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert document["mounted"] is False
    assert document["store"] == str(store)
    assert document["version"] == __version__
    for key in ("pid", "mountpoint", "read_only", "errors", "last_checkpoint", "dead_mount"):
        assert document[key] is None
    assert "mounted          no\n" in cairnfs("status", "--store", store).out


@pytest.mark.parametrize("command", ["stats", "fsck", "status"])
def test_a_folder_that_is_no_store(cairnfs: Command, tmp_path: Path, command: str) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        status, out, err = cairnfs(command, "--store", folder)
        assert (status, out) == (1, "")
        assert one_line(err)
        assert str(folder) in err
        assert "cairnfs mkfs" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["stats", "fsck", "status"])
def test_a_path_that_is_not_there(cairnfs: Command, tmp_path: Path, command: str) -> None:
    status, _, err = cairnfs(command, tmp_path / "none")
    assert status == 1
    assert f"{tmp_path}/none does not exist" in err


@pytest.mark.parametrize("command", ["stats", "fsck", "status"])
def test_a_store_of_a_later_version(cairnfs: Command, store: Path, command: str) -> None:
    file = store / "format.json"
    document = json.loads(file.read_text())
    document["format"] = 99
    file.write_text(json.dumps(document))
    status, out, err = cairnfs(command, "--store", store)
    assert (status, out) == (1, "")
    assert one_line(err)
    assert "upgrade cairnfs" in err


def test_a_store_in_use_names_its_holder(
    cairnfs: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon import store_waiting
    from fsmodel.volume import Volume

    monkeypatch.setattr(store_waiting, "WAIT_SECONDS_MAX", 0.0)
    volume = Volume.open(store, mountpoint="/m")
    try:
        for command in ("stats", "fsck"):
            status, _, err = cairnfs(command, "--store", store)
            assert status == 1
            assert one_line(err)
            assert f"process {os.getpid()}" in err
            assert "/m" in err
    finally:
        volume.close()


def test_mkfs_refuses_a_folder_with_something_in_it(cairnfs: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, _, err = cairnfs("mkfs", tmp_path)
    assert status == 1
    assert one_line(err)
    assert "is not empty" in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_mkfs_uses_the_environment(
    cairnfs: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIRNFS_DATA_DIR", str(tmp_path / "default"))
    assert cairnfs("mkfs").out == f"store created in {tmp_path}/default\n"
    monkeypatch.setenv("CAIRNFS_STORE", str(tmp_path / "named"))
    assert cairnfs("mkfs").out == f"store created in {tmp_path}/named\n"


def test_a_store_is_named_for_one_command(
    cairnfs: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIRNFS_STORE", "/another")
    assert (
        cairnfs("--store", tmp_path / "named", "mkfs").out == f"store created in {tmp_path}/named\n"
    )
    assert os.environ["CAIRNFS_STORE"] == "/another"
    monkeypatch.delenv("CAIRNFS_STORE")
    assert cairnfs("--store", tmp_path / "file", "mkfs").status == 0
    assert "CAIRNFS_STORE" not in os.environ


def test_umount_of_a_plain_folder(cairnfs: Command, tmp_path: Path) -> None:
    status, _, err = cairnfs("umount", tmp_path)
    assert status == 1
    assert err == f"cairnfs: {tmp_path} is no mount point: nothing is mounted there\n"


# From the request to the plan


def test_the_plan_of_a_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAIRNFS_STORE", raising=False)
    monkeypatch.setenv("CAIRNFS_DATA_DIR", str(tmp_path / "default"))
    plan = plan_of(MountRequest(store=None, mountpoint="/m", options=("ro",)))
    assert plan.store == tmp_path / "default"
    assert plan.create  # the default store is made at first use
    assert plan.options.read_only
    assert plan.log_file == tmp_path / "default" / "daemon.log"
    assert plan.background
    assert plan.settings == Settings()


def test_a_named_store_is_made_only_if_asked_for(tmp_path: Path) -> None:
    request = MountRequest(store=str(tmp_path), mountpoint="/m", foreground=True)
    assert not plan_of(request).create
    assert plan_of(request).log_file is None
    asked = MountRequest(store=str(tmp_path), mountpoint="/m", create=True, log_file="log")
    assert plan_of(asked).create
    assert plan_of(asked).log_file == Path.cwd() / "log"


def test_the_command_and_the_helper_ask_for_the_same(
    cairnfs: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[MountRequest] = []
    monkeypatch.setattr(mount, "start", asked.append)
    monkeypatch.setattr(mount_helper, "start", asked.append)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cairnfs("mount", "/s", "/", "-o", "noatime").status == 0
    assert cairnfs("/s", "/", "-o", "noatime").status == 0  # as mount.fuse(8) calls it
    assert mount_helper.run(["/s", "/", "-o", "noatime"]) == 0
    requests = [(one.store, one.mountpoint, one.options) for one in asked]
    assert requests == [("/s", "/", ("noatime",))] * 3


def test_a_dry_call_of_the_helper_checks_only(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert mount_helper.run(["-f", str(tmp_path), "/m", "-o", "ro"]) == 0
    assert mount_helper.run(["-f", str(tmp_path), "/m", "-o", "rro"]) == 2
    assert one_line(capfd.readouterr().err)


# What ends a command, and the status that stands for it


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (MountProblem("what, where, what to do"), 1, "what, where, what to do"),
        (UsageProblem("not so"), 2, "not so"),
        (Problem("/s/format.json: Permission denied"), 1, "denied: it is for its own user"),
        (ImportError("libfuse3.so.3: cannot open"), 1, "libfuse3.so.3: cannot open: install it"),
        (HashMismatch(b"\x01" * 32, "pack 7"), 1, "pack 7"),
        (ValueError("two\nlines"), 1, "unforeseen ValueError: two lines"),
        (ExceptionGroup("nursery", [ExceptionGroup("", [Problem("inside")])]), 1, "inside"),
        (MemoryError(), 1, "CAIRNFS_DEBUG=1"),
    ],
)
def test_an_exception_is_a_line_and_a_status(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    line: str,
) -> None:
    monkeypatch.delenv("CAIRNFS_DEBUG", raising=False)

    def body() -> None:
        raise error

    assert reporting.guarded(body) == status
    err = capfd.readouterr().err
    assert one_line(err), err
    assert line in err
    assert "Traceback" not in err


def test_debugging_shows_where(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIRNFS_DEBUG", "1")

    def body() -> None:
        raise ValueError("a mistake")

    assert reporting.guarded(body) == 1
    err = capfd.readouterr().err
    assert err.startswith("cairnfs: unforeseen ValueError: a mistake")
    assert "Traceback" in err
    assert "in body" in err


def test_interruption_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    def body() -> None:
        raise KeyboardInterrupt

    assert reporting.guarded(body) == 130
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["status", "--json"]])
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(
    store: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("CAIRNFS_STORE", str(store))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as output:
        finished = subprocess.run(
            [sys.executable, "-m", "daemon.cli.main", *arguments],
            cwd=PROJECT, stdout=output, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (1, b"")


def test_it_refuses_to_run_without_assertions() -> None:
    finished = subprocess.run(
        [sys.executable, "-O", "-m", "daemon.cli.main", "version"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == 1
    assert one_line(finished.stderr)
    assert "PYTHONOPTIMIZE" in finished.stderr


def test_help_imports_neither_the_model_nor_what_the_daemon_needs() -> None:
    script = (
        "import sys; from daemon.cli.main import run; assert run(['--help']) == 0;"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    loaded = set(finished.stderr.split())
    assert "click" in loaded
    slow = {
        "trio",
        "pyfuse3",
        "rich",
        "msgspec",
        "lmdb",
        "platformdirs",
        "logging",
        "fsmodel.volume",
    }
    assert loaded & slow == set()


def test_the_entry_points_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["cairnfs", "version"])
    with pytest.raises(SystemExit) as end:
        main_module.main()
    assert end.value.code == 0
    monkeypatch.setattr(sys, "argv", ["mount.fuse.cairnfs"])
    with pytest.raises(SystemExit) as end:
        mount_helper.main()
    assert end.value.code == 2


def test_rebuild_index_restores_a_store_and_says_from_what(cairnfs: Command, store: Path) -> None:
    refused = cairnfs("rebuild-index", store)
    assert refused.status == 1
    assert one_line(refused.err)
    assert "the packs hold none" in refused.err
    volume = Volume.open(store)
    volume.make_directory(ROOT_INODE, b"folder", 0o755, Creator(0, 0))
    in_use = cairnfs("rebuild-index", store)
    assert (in_use.status, one_line(in_use.err)) == (1, True)
    volume.close()
    shutil.rmtree(store / "index")
    shutil.rmtree(store / "journal")
    assert cairnfs("fsck", "--store", store).status == 1
    done = cairnfs("rebuild-index", "--store", store, "--json")
    assert done.status == 0
    document = json.loads(done.out)
    assert (document["complete"], document["inodes"], document["set_aside"]) == (True, 2, [])
    again = cairnfs("rebuild-index", store)
    assert again.status == 0
    assert again.out.count("set aside: quarantine/") == 2
    assert "2 inodes and" in again.out
    assert cairnfs("fsck", "--store", store).status == 0


def test_rebuild_index_tells_what_is_damaged(cairnfs: Command, store: Path) -> None:
    Volume.open(store).close()
    (pack,) = (store / "packs").rglob("*.pack")
    with pack.open("ab") as file:
        file.write(b"no frame")
    told = cairnfs("rebuild-index", store)
    assert told.status == 0
    assert "damaged: pack 0000000000000001, bytes" in told.out
