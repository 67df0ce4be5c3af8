"""Attacks on a mount from outside and from within: by other users, links, races, and documents."""

import errno
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from daemon.cli.main import run
from tests.support.as_user import OTHER, USER, as_user, needs_root
from tests.support.mounted import MountedStore, mounted
from tests.support.syscalls import RENAME_EXCHANGE, refused, renameat2

MEANT: Final = b"not to be touched"
ROUNDS: Final = 6

Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    former = os.umask(0)
    try:
        with mounted(structured=True) as store:
            yield store
    finally:
        os.umask(former)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, as the user that this thread is."""

    def typed(*words: str | Path) -> tuple[int, str]:
        status = run(list(map(str, words)))
        return status, capfd.readouterr().err

    return typed


def test_what_a_daemon_makes_is_private_whatever_the_umask(store: MountedStore) -> None:
    found = [store.store, *store.store.rglob("*")]
    assert {"control.sock", "daemon.json", "format.json", "lock"} <= {each.name for each in found}
    assert [each for each in found if stat.S_IMODE(each.lstat().st_mode) & 0o077] == []


@needs_root
def test_another_user_is_told_who_may(store: MountedStore, command: Command) -> None:
    words = ("--store", store.store, "stats")
    assert command(*words) == (0, "")
    with as_user(OTHER):
        status, said = command(*words)
    assert status == 1
    (line,) = said.splitlines()
    assert "it is for its own user and root: run this as one of them" in line


@needs_root
def test_the_kernel_s_word_counts_where_modes_are_wrong(
    store: MountedStore, command: Command
) -> None:
    """Somebody has opened the folder and the socket to everybody."""
    words = ("--store", store.store, "checkpoint-that-is-none")
    command(*words)
    socket = store.store / "control.sock"
    store.store.chmod(0o755)
    socket.chmod(0o666)
    store.expected_warnings.append("control client refused")
    try:
        with as_user(OTHER):
            status, said = command("--store", store.store, "gc")
    finally:
        socket.chmod(0o600)
        store.store.chmod(0o700)
    assert (status, said) == (1, "cairnfs: only the daemon's user and root may ask\n")


@needs_root
def test_a_lock_holds_for_every_name_of_a_file(store: MountedStore, command: Command) -> None:
    folder = store.mountpoint / "locked"
    folder.mkdir()
    (folder / "file").write_bytes(MEANT)
    os.link(folder / "file", folder / "other")
    assert command("lock", folder / "file") == (0, "")
    attacks: list[Callable[[], object]] = [
        lambda: (folder / "other").write_bytes(b"changed"),
        lambda: (folder / "other").chmod(0o777),
        (folder / "other").unlink,
        lambda: os.link(folder / "other", folder / "third"),
        lambda: os.rename(folder / "other", folder / "third"),
        lambda: os.truncate(folder / "other", 0),
    ]
    for attack in attacks:
        with refused(errno.EPERM):
            attack()
    (folder / "new").touch()
    with refused(errno.EPERM):
        os.replace(folder / "new", folder / "other")
    assert (folder / "file").read_bytes() == MEANT
    assert command("lock", "--undo", folder / "file") == (0, "")


@needs_root
def test_nobody_else_locks_or_unlocks(store: MountedStore, command: Command) -> None:
    file = store.mountpoint / "mine"
    file.write_bytes(MEANT)
    command("lock", file)
    with as_user(USER):
        assert command("lock", "--undo", file)[0] == 1
    with refused(errno.EPERM):
        file.write_bytes(b"changed")
    command("lock", "--undo", file)


class TestRaces:
    """Somebody exchanges a folder and a link that leads out, all the time."""

    @contextmanager
    def swapping(self, place: Path, link: Path) -> Iterator[None]:
        over = threading.Event()

        def swap() -> None:
            while not over.is_set():
                renameat2(place, link, RENAME_EXCHANGE)

        thread = threading.Thread(target=swap)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def test_nothing_lands_outside(self, store: MountedStore, command: Command) -> None:
        outside = store.folder / "outside"
        (outside / "kept").mkdir(parents=True)
        (outside / "file").write_bytes(MEANT)
        folder = store.mountpoint / "race"
        (folder / "place" / "kept").mkdir(parents=True)
        (folder / "place" / "file").write_bytes(b"first")
        (folder / "place" / "file").write_bytes(b"second")
        (folder / "source").write_bytes(b"source")
        (folder / "link").symlink_to(outside)
        assert command("snapshot", "create", "race", "--store", store.store) == (0, "")
        source = store.folder / "source"
        source.write_bytes(b"from outside")
        target = folder / "place"
        with self.swapping(target, folder / "link"):
            for each in range(ROUNDS):
                for words in (
                    ("put", source, target / "file"),
                    ("clone", folder / "source", target / f"clone{each}"),
                    ("snapshot", "restore", "race", target / "kept"),
                    ("snapshot", "restore", "race", folder / "source", "--to", target / f"r{each}"),
                    ("versions", "restore", target / "file"),
                    ("versions", "prune", target / "file"),
                    ("lock", "-r", target / "kept"),
                ):
                    status, _ = command(*words, "--store", store.store)
                    assert status in (0, 1)
        assert sorted(os.listdir(outside)) == ["file", "kept"]
        assert (outside / "file").read_bytes() == MEANT
        assert os.listdir(outside / "kept") == []
        for path in ("place", "link"):
            command("lock", "--undo", "-r", f"/race/{path}/kept", "--store", store.store)

    def test_cleaning_an_address_stays_in_its_series(
        self, store: MountedStore, command: Command
    ) -> None:
        """A link is allowed in a series only if its target stays there."""
        for series in ("night", "day"):
            (store.mountpoint / "output" / series).mkdir()
            (store.mountpoint / "output" / series / "data" / "a1.txt").write_bytes(MEANT)
        with refused(errno.EPERM):
            os.symlink("../../day/data/a1.txt", store.mountpoint / "output/night/data/a2.txt")
        with refused(errno.EPERM):
            os.link(
                store.mountpoint / "output/day/data/a1.txt",
                store.mountpoint / "output/night/data/a2.txt",
            )
        for address in ("a1", "../../day/data/a1", "a1/../a1", "..", "", "a1.txt", "*"):
            command("series", "clean", "night", address, "--store", store.store)
        assert (store.mountpoint / "output/day/data/a1.txt").read_bytes() == MEANT
        assert not (store.mountpoint / "output/night/data/a1.txt").exists()


BOMBS: Final = {
    "deep": b"[" * 100_000,
    "deep and closed": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "just too deep": b'{"model":' + b"[" * 64 + b"]" * 64 + b"}",
    "infinite": b'{"model": 1e400}',
    "negative": b'{"model": -1e400}',
    "tiny": b'{"model": 1e-999999}',
    "long number": b'{"model": ' + b"9" * 100_000 + b"}",
    "long fraction": b'{"model": 0.' + b"9" * 100_000 + b"}",
    "twice": b'{"model": 1, "model": 2}',
    "surrogate": b'{"model": "\\ud800"}',
    "surrogate key": b'{"\\udfff": 1}',
    "NaN": b'{"model": NaN}',
    "Infinity": b'{"model": -Infinity}',
    "NUL": b'{"model": "\\u0000"}',
    "raw NUL": b'{"model": "\0"}',
    "BOM": b'\xef\xbb\xbf{"model": 1}',
    "UTF-16": '{"model": 1}'.encode("utf-16"),
    "no UTF-8": b'{"model": "\xff"}',
    "two": b"{}{}",
    "blank": b" " * 1_000_000,
    "many keys": b"{" + b",".join(b'"%d":0' % each for each in range(50_000)) + b"}",
    "long text": b'{"model": "' + b"x" * 2_000_000 + b'"}',
    "long key": b'{"' + b"k" * 2_000_000 + b'": 1}',
}


class TestDocuments:
    """A document is taken whole, or refused with EINVAL; queries, fsck and the log bear either."""

    def test_below_a_folder_of_documents(self, store: MountedStore) -> None:
        made = ("index", "create", "bombs", "--glob", "config/*.json", "--field", "model")
        store.cairnfs("--store", store.store, *made)
        for number, bomb in enumerate(BOMBS.values()):
            path = store.mountpoint / "config" / f"{number}.json"
            path.write_bytes(b'{"model": "before"}')
            taken = written(path, bomb)
            assert path.read_bytes() == (bomb if taken else b'{"model": "before"}')
            if taken:
                json.loads(bomb)
        for words in (("range", "bombs", "*", "*"), ("verify", "bombs")):
            answer = store.cairnfs("--store", store.store, "index", *words, "--json").stdout
            json.loads(answer, parse_constant=no_constant)

    def test_of_metadata(self, store: MountedStore) -> None:
        name = "0" * 64
        document = store.mountpoint / "projects" / ".metadata" / "00" / f"{name}.json"
        for bomb in BOMBS.values():
            shell = b'{"content_hash": "%s", "analysis": %s}' % (name.encode(), bomb)
            if written(document, shell):
                json.loads(document.read_bytes(), parse_constant=no_constant)
                document.unlink()

    def test_of_any_size(self, store: MountedStore) -> None:
        view = store.mountpoint / "projects" / ".metadata" / "00"
        descriptor = os.open(view / ".new", os.O_WRONLY | os.O_CREAT)
        with refused(errno.EFBIG):
            os.truncate(descriptor, 100 << 20)
        os.close(descriptor)
        path = store.mountpoint / "config" / "large.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.truncate(descriptor, 100 << 20)
        with refused(errno.EINVAL):
            os.fsync(descriptor)
        with refused(errno.EINVAL):
            os.close(descriptor)


def written(path: Path, data: bytes) -> bool:
    """Whether a file took that; EINVAL is the only way to refuse it."""
    with suppress_einval() as refusals:
        path.write_bytes(data)
    return not refusals


@contextmanager
def suppress_einval() -> Iterator[list[OSError]]:
    """Gives the refusals that there were."""
    refusals: list[OSError] = []
    try:
        yield refusals
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        refusals.append(error)


def no_constant(name: str) -> None:
    """For a reader who takes JSON by its word."""
    raise AssertionError(f"{name} is no JSON")
