"""Series in the mount, with the tools that people use."""

import errno
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore, mounted
from tests.support.processes import run

DEFAULT_KINDS = sorted(
    ("annotated", "audio", "data", "enhanced", "generated", "prompt", "selector", "terse", "title")
)


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted(structured=True) as store:
        yield store


@pytest.fixture
def mount(store: MountedStore) -> Path:
    return store.mountpoint


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The name of a series for one test alone."""
    return str(request.node.name).replace("[", "-").replace("]", "")


@pytest.fixture
def series(mount: Path, name: str) -> Path:
    """The output of a series."""
    (mount / "output" / name).mkdir()
    return mount / "output" / name


def errno_of(action: Callable[..., object], *arguments: object) -> int:
    with pytest.raises(OSError) as caught:  # noqa: PT011  # the number is what is looked at
        action(*arguments)
    assert caught.value.errno is not None
    return caught.value.errno


def refusals(store: MountedStore) -> list[str]:
    return [line for line in store.log_text().splitlines() if " refused: " in line]


def test_a_new_store_has_the_tree(mount: Path) -> None:
    assert sorted(os.listdir(mount)) == [
        *("cache", "config", "experiments", "metrics", "output", "projects", "runs", "series")
    ]
    assert (mount / "cache" / "temp").is_dir()
    assert (mount / "series" / "default.json").is_file()


def test_cp_makes_a_series(mount: Path, tmp_path: Path, name: str) -> None:
    document = tmp_path / "document"
    document.write_text('{"description": "d", "kinds": {"x": [".bin"]}, "filters": [1]}')
    run(["cp", "-a", document, mount / "series" / f"{name}.json"])
    assert os.listdir(mount / "output" / name) == ["x", ".metadata"]
    assert (mount / "series" / f"{name}.json").read_bytes() == document.read_bytes()
    (mount / "output" / name / "x" / "1.bin").touch()


def test_rsync_carries_series_and_output(mount: Path, tmp_path: Path, series: Path) -> None:
    (series / "data" / "1.txt").write_bytes(b"one")
    (series / "selector" / "1.json").write_bytes(b"{}")
    for folder in ("series", "output"):
        run(["rsync", "-aHAX", f"{mount}/{folder}/", tmp_path / folder])
    subprocess.run(["rm", "-rf", mount / "output" / series.name], check=True)
    os.unlink(mount / "series" / "deleted" / f"{series.name}.json")
    for folder in ("series", "output"):
        run(["rsync", "-aHAX", f"{tmp_path}/{folder}/", f"{mount}/{folder}"])
    assert (series / "data" / "1.txt").read_bytes() == b"one"
    again = run(["rsync", "-aHAXi", "--delete", f"{tmp_path}/output/", f"{mount}/output"])
    assert again.stdout == ""


def test_tar_carries_output(mount: Path, tmp_path: Path, series: Path) -> None:
    (series / "data" / "1.txt").write_bytes(b"one")
    archive = tmp_path / "archive.tar"
    run(["tar", "-C", mount / "output", "-cf", archive, series.name])
    run(["rm", "-rf", series])
    assert not (mount / "series" / f"{series.name}.json").exists()
    run(["tar", "-C", mount / "output", "-xf", archive])
    assert (series / "data" / "1.txt").read_bytes() == b"one"
    assert (mount / "series" / f"{series.name}.json").is_file()


def test_rm_and_mv_delete_and_restore(mount: Path, series: Path) -> None:
    document = mount / "series" / f"{series.name}.json"
    deleted = mount / "series" / "deleted" / document.name
    (series / "data" / "1.txt").write_bytes(b"one")
    run(["rm", document])
    assert not series.exists()
    assert deleted.exists()
    run(["mv", deleted, document.parent])
    assert (series / "data" / "1.txt").read_bytes() == b"one"
    run(["rm", document])
    run(["rm", deleted])
    assert not deleted.exists()
    assert not series.exists()


def test_mv_renames_both_halves(mount: Path, series: Path) -> None:
    (series / "data" / "1.txt").write_bytes(b"one")
    new = series.with_name(series.name + "-new")
    run(["mv", series, new])
    assert (mount / "series" / f"{new.name}.json").exists()
    run(["mv", mount / "series" / f"{new.name}.json", mount / "series" / f"{series.name}.json"])
    assert (series / "data" / "1.txt").read_bytes() == b"one"
    assert not new.exists()


def test_mv_copies_a_folder_of_artifacts_to_another_series(mount: Path, series: Path) -> None:
    (series / "data" / ".keep").mkdir()
    (series / "data" / ".keep" / "x").touch()
    other = mount / "output" / f"{series.name}-other"
    other.mkdir()
    run(["mv", series / "data" / ".keep", other / "data" / ".keep"])
    assert (other / "data" / ".keep" / "x").exists()
    assert not (series / "data" / ".keep").exists()


def test_sed_edits_a_document(mount: Path, series: Path) -> None:
    document = mount / "series" / f"{series.name}.json"
    document.write_text('{"description": "old"}')
    run(["sed", "-i", "s/old/new/", document])
    assert document.read_text() == '{"description": "new"}'
    assert (
        sorted(os.listdir(series)) == [".metadata", *DEFAULT_KINDS]
        or sorted(os.listdir(series)) == DEFAULT_KINDS
    )


def test_invalid_documents_fail_at_close_and_are_logged_once(
    store: MountedStore, mount: Path, series: Path
) -> None:
    document = mount / "series" / f"{series.name}.json"
    before = document.read_bytes()
    for number, data in enumerate((b"{", b"[]", b'{"kinds": 3}', b'{"a": 1, "a": 2}', b"\xff")):
        file = document.open("wb", buffering=0)
        file.write(data)
        assert errno_of(os.fsync, file.fileno()) == errno.EINVAL
        assert errno_of(file.close) == errno.EINVAL
        assert document.read_bytes() == before
        wait_for(partial(was_told, store, document.name, number + 1))


def was_told(store: MountedStore, text: str, times: int) -> bool:
    return len([line for line in refusals(store) if text in line]) == times


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so; the release of a descriptor comes after its close."""
    for _ in range(3000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come to be so")


def test_nested_brackets_without_end_are_refused(mount: Path) -> None:
    file = (mount / "runs" / "nested.json").open("wb", buffering=0)
    block = b"[" * (1 << 20)
    for _ in range(100):
        file.write(block)
    assert errno_of(file.close) == errno.EINVAL
    assert not (mount / "runs" / "nested.json").exists()


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("data/1.png", errno.EINVAL),
        ("data/1", errno.EINVAL),
        ("data/a\u202eb.txt", errno.EINVAL),
        ("data/e\u0301.txt", errno.EINVAL),
        ("data/a\n.txt", errno.EINVAL),
        ("data/\udcff.txt", errno.EINVAL),
        ("1.txt", errno.EINVAL),
        ("data/" + "x" * 252 + ".txt", errno.ENAMETOOLONG),
    ],
)
def test_names_that_are_refused(store: MountedStore, mount: Path, path: str, number: int) -> None:
    folder = mount / "output" / "default"
    seen = len(refusals(store))
    assert errno_of((folder / path).touch) == number
    assert len(refusals(store)) - seen == (number == errno.EINVAL)
    (mount / "free").touch()
    assert errno_of(os.rename, mount / "free", folder / path) == number


def test_links_and_devices_that_are_refused(mount: Path, series: Path) -> None:
    (series / "data" / "1.txt").write_bytes(b"one")
    os.symlink("1.txt", series / "data" / "l.txt")
    os.symlink("../title", series / "data" / ".l")
    for target in ("/etc/passwd", "../../default/data", "../title/../../.."):
        assert errno_of(os.symlink, target, series / "data" / "m.txt") == errno.EPERM
    assert errno_of(os.link, series / "data" / "1.txt", mount / "outside") == errno.EPERM
    if os.geteuid() == 0:
        device = os.makedev(1, 3)
        place = series / "data" / "d.txt"
        assert errno_of(os.mknod, place, stat.S_IFCHR | 0o600, device) == errno.EPERM
    (mount / f"{series.name}-link").symlink_to("../../../..")
    moved = mount / f"{series.name}-link"
    assert errno_of(os.rename, moved, series / "data" / "m.txt") == errno.EPERM


@pytest.mark.parametrize("path", ["series", "series/deleted", "output"])
def test_the_folders_stay(mount: Path, path: str) -> None:
    assert errno_of(os.rmdir, mount / path) == errno.EPERM
    assert errno_of(os.rename, mount / path, mount / "elsewhere") == errno.EPERM


def test_of_two_processes_one_makes_the_series(mount: Path, name: str) -> None:
    """Ten times each, all at once: every one but the first is told that it is there."""
    results = []
    command = ["sh", "-c", 'for i in 1 2 3 4 5; do mkdir "$0" && echo made; done', "x"]
    command[-1] = str(mount / "output" / name)
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        out, err = process.communicate(timeout=60)
        results.append((out.count("made"), err.count("File exists")))
    assert sum(made for made, _ in results) == 1
    assert sum(told for _, told in results) == 19
    document = mount / "series" / f"{name}-two.json"
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    first = os.open(document, flags)
    assert errno_of(os.open, document, flags) == errno.EEXIST
    os.write(first, b"{}")
    os.close(first)
    assert (mount / "output" / document.stem / "data").is_dir()


def test_the_command_answers_from_the_index(store: MountedStore, series: Path) -> None:
    for address in ("one", "two"):
        (series / "data" / f"{address}.txt").touch()
    (series / "generated" / "one.png").touch()
    report = store.document("--store", store.store, "series", "status", series.name)
    assert report["addresses"] == [
        {"address": "one", "kinds": ["data", "generated"]},
        {"address": "two", "kinds": ["data"]},
    ]
    cleaned = store.document("--store", store.store, "series", "clean", series.name, "one")
    assert cleaned["removed"] == [
        f"output/{series.name}/data/one.txt",
        f"output/{series.name}/generated/one.png",
    ]
    wait_for(lambda: not (series / "data" / "one.txt").exists())


def test_commands_make_delete_and_restore(store: MountedStore, mount: Path, name: str) -> None:
    def series(*arguments: str | Path) -> None:
        store.cairnfs("--store", store.store, "series", *arguments)

    series("create", name)
    assert (mount / "output" / name / "data").is_dir()
    series("delete", name)
    assert not (mount / "output" / name).exists()
    series("restore", name)
    assert (mount / "output" / name / "data").is_dir()


@pytest.mark.parametrize(
    "hostile", ["..", "../x", "a/../b", "", ".x", "e\u0301", "a\u202eb", "a\n"]
)
def test_commands_take_no_hostile_names(store: MountedStore, hostile: str) -> None:
    seen = len(refusals(store))
    result = store.cairnfs("--store", store.store, "series", "create", "--", hostile, check=False)
    assert result.status == 1
    assert result.stderr.count("\n") == 1
    assert len(refusals(store)) == seen + 1


@pytest.mark.parametrize("hostile", ["..", "../default/x", "", ".x", "e\u0301", "a\u202eb"])
@pytest.mark.parametrize("command", ["clean", "status"])
def test_commands_take_no_hostile_addresses(
    store: MountedStore, command: str, hostile: str
) -> None:
    arguments = ("--store", store.store, "series", command, "--", "default", hostile)
    result = store.cairnfs(*arguments, check=False)
    assert result.status == 1
    assert result.stderr.count("\n") == 1


def test_a_process_that_works_in_a_deleted_series(mount: Path, series: Path) -> None:
    folder = os.open(series / "data", os.O_RDONLY | os.O_DIRECTORY)
    try:
        (mount / "series" / f"{series.name}.json").unlink()
        flags = os.O_CREAT | os.O_WRONLY
        assert errno_of(lambda: os.open("1.txt", flags, dir_fd=folder)) == errno.EPERM
    finally:
        os.close(folder)


def test_a_series_is_cloned_and_brought_back(store: MountedStore, mount: Path, name: str) -> None:
    series = mount / "output" / name
    series.mkdir()
    (series / "title/1.txt").write_text("one")
    at = ("--store", store.store)
    store.cairnfs("clone", series, mount / "output/twin", *at)
    assert (mount / "output/twin/title/1.txt").read_text() == "one"
    assert (mount / "series/twin.json").exists()
    store.cairnfs("snapshot", "create", name, *at)
    store.cairnfs("series", "clean", name, "1", *at)
    (series / "title/2.txt").write_text("two")
    store.cairnfs("snapshot", "restore", name, series, *at)
    assert sorted(os.listdir(series / "title")) == [".metadata", "1.txt"]
    (answer,) = store.document("series", "status", name, *at)["addresses"]
    assert (answer["address"], answer["kinds"]) == ("1", ["title"])
    (mount / "projects/foreign/title").mkdir(parents=True)
    (mount / "projects/foreign/title/program.exe").write_text("")
    refused = store.cairnfs("clone", mount / "projects/foreign", series / "title/x", check=False)
    assert refused.status == 1
    refused = store.cairnfs(
        "clone", mount / "projects/foreign", mount / "output/foreign", check=False
    )
    assert refused.status == 1
    assert "program.exe" in refused.stderr
    assert not (mount / "output/foreign").exists()
    store.cairnfs("series", "delete", "twin", *at)
