"""Files edited in place, synced and closed are settled later; nobody can tell."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.volume import Volume
from tests.support.mounted import MountedStore, mounted
from tests.support.processes import run
from tests.support.volumes import noise

DATA = noise(300_000)
EDITED = DATA[:100_000] + b"edited" + DATA[100_006:]


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted() as store:
        yield store


@pytest.fixture
def edited(store: MountedStore, request: pytest.FixtureRequest) -> Path:
    """A file, part of it written again and synced just before it was closed."""
    folder = store.mountpoint / str(request.node.name)
    folder.mkdir()
    path = folder / "file"
    path.write_bytes(DATA)
    with path.open("r+b") as file:
        file.seek(100_000)
        file.write(b"edited")
        file.flush()
        os.fsync(file.fileno())
    return path


def newest_version(path: Path) -> bytes:
    return max((path.parent / ".versions" / path.name).iterdir()).read_bytes()


def test_a_kill_takes_nothing(store: MountedStore, edited: Path) -> None:
    store.kill()
    volume = Volume.open(store.store, dry=True)
    assert len(volume.contents.unsettled()) == 1  # or no test here shows anything
    volume.close()
    store.mount()
    assert edited.read_bytes() == EDITED


def test_an_end_takes_nothing(store: MountedStore, edited: Path) -> None:
    store.remount()
    assert edited.read_bytes() == EDITED


def test_a_version_of_a_deleted_file_is_what_it_was(edited: Path) -> None:
    edited.unlink()
    assert newest_version(edited) == EDITED


def test_a_version_of_a_replaced_file_is_what_it_was(edited: Path) -> None:
    other = edited.with_name("other")
    other.write_bytes(b"other")
    other.rename(edited)
    assert newest_version(edited) == EDITED
    assert edited.read_bytes() == b"other"


def test_attributes_speak_of_the_bytes(edited: Path) -> None:
    told = os.getxattr(edited, "cairnfs.sha256").decode()
    assert told == hashlib.sha256(EDITED).hexdigest()


def test_a_snapshot_has_the_bytes(store: MountedStore, edited: Path) -> None:
    store.ask("snapshot-create", name="taken")
    snapshot = store.mountpoint / ".snapshots" / "taken" / edited.relative_to(store.mountpoint)
    assert snapshot.read_bytes() == EDITED


def test_programs_read_it_as_any_other(edited: Path) -> None:
    run(["cp", edited, edited.with_name("copy")])
    assert edited.with_name("copy").read_bytes() == edited.read_bytes() == EDITED
