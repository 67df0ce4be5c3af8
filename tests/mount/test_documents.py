"""JSON documents in the mount: whoever reads sees the old one or the new one, never half of one."""

import json
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore, mounted

WRITER = """
import json, sys
path, rounds = sys.argv[1], int(sys.argv[2])
for number in range(rounds):
    with open(path, "w") as file:  # in place, without the writer's help
        for piece in json.dumps({"number": number, "text": "x" * (number % 7 * 5000)}).split(","):
            file.write(piece if piece.startswith("{") else "," + piece)
            file.flush()
"""


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted(structured=True) as store:
        yield store


@pytest.fixture
def runs(store: MountedStore) -> Path:
    return store.mountpoint / "runs"


def test_readers_beside_a_writer_see_whole_documents(runs: Path) -> None:
    path = runs / "many.json"
    path.write_text("{}")
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path), "150"]) as writer:
        while writer.poll() is None:
            document = json.loads(path.read_bytes())
            if document:
                assert document["text"] == "x" * (document["number"] % 7 * 5000)
    assert writer.returncode == 0
    assert json.loads(path.read_bytes())["number"] == 149


def test_an_open_reader_and_a_map_keep_the_old_document(runs: Path) -> None:
    path = runs / "kept.json"
    path.write_text('{"old": 1}')
    with path.open("rb") as reader, mmap.mmap(reader.fileno(), 0, prot=mmap.PROT_READ) as view:
        path.write_text('{"a much newer document": 2}')
        assert reader.read() == view[:] == b'{"old": 1}'
    assert path.read_text() == '{"a much newer document": 2}'


def test_a_shared_map_writes_a_document(runs: Path) -> None:
    path = runs / "mapped.json"
    path.write_text('{"number": 1}')
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[11:12] = b"2"
        assert path.read_text() == '{"number": 1}'
        view.flush()
        os.fsync(file.fileno())
        assert path.read_text() == '{"number": 2}'


def test_appending_to_a_document_is_a_new_document(runs: Path) -> None:
    path = runs / "appended.json"
    path.write_text("[1, 2]")
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b", 3]")
        file.flush()
        assert path.read_text() == "[1, 2]"
    assert path.read_text() == "[1, 2, 3]"


def test_a_new_document_appears_when_it_is_whole(runs: Path) -> None:
    path = runs / "new.json"
    with path.open("w") as file:
        file.write("[1")
        file.flush()
        assert not path.exists()
        assert path.name not in os.listdir(runs)
        file.write("]")
    assert path.read_text() == "[1]"
    assert path.stat().st_nlink == 1


@pytest.mark.parametrize("was_there", [False, True])
def test_a_killed_writer_and_a_killed_daemon_leave_the_old_document(
    store: MountedStore, runs: Path, was_there: bool
) -> None:
    path = runs / f"killed-{was_there}.json"
    if was_there:
        path.write_text('"old"')
    script = "import sys,time; f=open(sys.argv[1],'w'); f.write('[1'); f.flush(); print(flush=True)"
    writer = subprocess.Popen(
        [sys.executable, "-c", f"{script}; time.sleep(600)", str(path)], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    assert path.exists() == was_there
    writer.kill()
    writer.wait()
    writer.stdout.close()
    assert path.exists() == was_there
    if was_there:
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
        store.kill()
        with suppress(OSError):  # its filesystem is gone
            os.close(descriptor)
        store.mount()
        assert path.read_text() == '"old"'


def test_a_rename_before_close_commits_what_was_synced(runs: Path) -> None:
    """As many programs do: write, fsync, rename, and only then close."""
    with (runs / ".new.tmp").open("w") as file:
        file.write("[1]")
        file.flush()
        os.fsync(file.fileno())
        os.rename(runs / ".new.tmp", runs / "renamed.json")
        assert (runs / "renamed.json").read_text() == "[1]"


def test_writers_at_the_same_time_leave_one_whole_document(runs: Path) -> None:
    path = runs / "contested.json"

    def write(number: int) -> None:
        for _ in range(20):
            path.write_text(json.dumps([number] * (number * 1000)))

    threads = [threading.Thread(target=write, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = json.loads(path.read_text())
    assert len(values) == values[0] * 1000
