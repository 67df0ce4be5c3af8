"""What a command says of a store or mount point it cannot use: one line, and nothing is changed."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore, unmounted_copy

DATA = hashlib.shake_256(b"test").digest(1_000_000)
REFUSED, USAGE = 1, 2

pytestmark = [
    pytest.mark.mount,
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="this machine has no /dev/fuse"),
]


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    """A store that was mounted, got a file of many chunks, and was unmounted."""
    with MountedStore() as store:
        (store.mountpoint / "data").write_bytes(DATA)
        store.umount()
        yield store.store


@pytest.fixture
def idle(original: Path) -> Iterator[MountedStore]:
    """A copy of it for one test."""
    with unmounted_copy(original) as store:
        yield store


def fingerprint(store: Path) -> dict[str, bytes]:
    """Every file of a store but the lock, which says who looked last."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.name not in ("lock", "lock.mdb", "daemon.log")
    }


def refusal(store: MountedStore, *arguments: str | Path, status: int = REFUSED) -> str:
    """What a command says that must fail: one line on standard error, and no traceback."""
    result = store.cairnfs(*arguments, check=False)
    lines = result.stderr.splitlines()
    assert (result.status, result.stdout, len(lines)) == (status, "", 1), result
    assert lines[0].startswith("cairnfs: ")
    return lines[0]


def packs(store: MountedStore) -> list[Path]:
    """The pack files, the largest first."""
    return sorted(store.store.glob("packs/*/*.pack"), key=lambda path: -path.stat().st_size)


def is_no_store(store: MountedStore) -> None:
    (store.store / "format.json").unlink()


def is_newer(store: MountedStore) -> None:
    path = store.store / "format.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


def lacks_half_its_index(store: MountedStore) -> None:
    os.truncate(store.store / "index" / "data.mdb", 20_000)


def lacks_its_journal(store: MountedStore) -> None:
    for segment in (store.store / "journal").iterdir():
        segment.unlink()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (is_no_store, "cairnfs mkfs"),
        (is_newer, "upgrade cairnfs"),
        (lacks_half_its_index, "rebuild-index"),
        (lacks_its_journal, "rebuild-index"),
    ],
)
def test_a_store_that_cannot_be_mounted_stays_as_it_is(
    idle: MountedStore, damage: Callable[[MountedStore], None], says: str
) -> None:
    damage(idle)
    before = fingerprint(idle.store)
    assert says in refusal(idle, "mount", idle.store, idle.mountpoint)
    assert fingerprint(idle.store) == before


def test_a_mount_point_that_cannot_be_used(idle: MountedStore) -> None:
    file = idle.folder / "file"
    file.touch()
    before = fingerprint(idle.store)
    assert "does not exist" in refusal(idle, "mount", idle.store, idle.folder / "none")
    assert "no folder" in refusal(idle, "mount", idle.store, file)
    assert "in use" in refusal(idle, "mount", idle.store, "/proc")
    assert fingerprint(idle.store) == before


def test_options_that_are_not_known(idle: MountedStore) -> None:
    said = refusal(idle, "mount", "-o", "bogus", idle.store, idle.mountpoint, status=USAGE)
    assert "bogus" in said


def test_a_store_in_use_says_by_whom(idle: MountedStore) -> None:
    idle.mount()
    other = idle.folder / "other"
    other.mkdir()
    said = refusal(idle, "mount", idle.store, other)
    assert str(idle.daemon.pid) in said and str(idle.mountpoint) in said


def test_a_torn_journal_is_told_of_and_its_end_set_aside() -> None:
    with MountedStore() as store:
        (store.mountpoint / "kept").mkdir()
        store.kill()
        (segment,) = (store.store / "journal").glob("*.wal")
        os.truncate(segment, segment.stat().st_size - 3)
        before = fingerprint(store.store)
        found = store.cairnfs("--store", store.store, "fsck", check=False)
        assert found.status == REFUSED and found.stdout.startswith("journal: ")
        assert fingerprint(store.store) == before
        store.expected_warnings.append("of the journal are torn")
        store.mount()
        assert list((store.store / "quarantine").iterdir())
        store.umount()
        store.require_clean()


def test_a_flipped_byte_hurts_its_own_range_only(idle: MountedStore) -> None:
    pack = packs(idle)[0]
    with pack.open("r+b") as file:
        file.seek(len(DATA) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    idle.expected_warnings.append("")
    idle.mount()
    with (idle.mountpoint / "data").open("rb", buffering=0) as file:
        assert os.pread(file.fileno(), 4096, 0) == DATA[:4096]
        assert os.pread(file.fileno(), 4096, len(DATA) - 4096) == DATA[-4096:]
        with pytest.raises(OSError, match="Input/output error"):
            os.pread(file.fileno(), 4096, len(DATA) // 2)
    (idle.mountpoint / "new").write_bytes(b"still writable")
    assert (idle.mountpoint / "new").read_bytes() == b"still writable"
    idle.umount()


def test_damage_that_is_read_again_and_again_is_told_once_with_the_path(
    idle: MountedStore,
) -> None:
    pack = packs(idle)[0]
    with pack.open("r+b") as file:
        file.seek(len(DATA) // 2)
        file.write(b"garbage")
    idle.expected_warnings.append("")
    idle.mount()
    errors = int(idle.ask("status")["errors"])
    with (idle.mountpoint / "data").open("rb", buffering=0) as file:
        for _ in range(5):
            with pytest.raises(OSError, match="Input/output error"):
                os.pread(file.fileno(), 4096, len(DATA) // 2)
    lines = [line for line in idle.log_text().splitlines() if " error " in line]
    assert lines and len(set(lines)) == len(lines) < 5
    assert all(", /data: " in line for line in lines)
    status = idle.ask("status")
    assert status["errors"] >= errors + 5 and "/data" in status["last_error"]
    idle.umount()


def test_a_pack_cut_short_is_found_and_the_rest_lives_on(idle: MountedStore) -> None:
    pack = packs(idle)[0]
    os.truncate(pack, pack.stat().st_size - 1000)
    before = fingerprint(idle.store)
    found = idle.cairnfs("--store", idle.store, "fsck", check=False)
    assert found.status == REFUSED and "the pack is cut short" in found.stdout
    assert fingerprint(idle.store) == before
    idle.expected_warnings.append("")
    idle.mount()
    (idle.mountpoint / "new").write_bytes(b"still writable")
    assert (idle.mountpoint / "new").read_bytes() == b"still writable"
    idle.umount()
