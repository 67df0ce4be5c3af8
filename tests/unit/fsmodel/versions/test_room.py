"""When the host runs full, the oldest versions go; nothing else does."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fsmodel.errors import NoSpace
from fsmodel.steps import run_inline
from fsmodel.versions import room
from tests.support.versioned import VersionedVolume
from tests.support.volumes import noise, parts_of

MIB = 1 << 20
BLOCK = 4096
FILE_BYTES = 200_000
FILES = 60


class SmallHost:
    """A file system that holds so many bytes of packs."""

    def __init__(self, store: Path, capacity: int) -> None:
        self._packs = store / "packs"
        self.capacity = capacity

    def statvfs(self, _: object) -> Any:
        used = sum(path.stat().st_size for path in self._packs.rglob("*.pack"))
        free = max(self.capacity - used, 0) // BLOCK
        return SimpleNamespace(
            f_frsize=BLOCK, f_blocks=self.capacity // BLOCK, f_bavail=free, f_bfree=free
        )


@pytest.fixture
def host(kept: VersionedVolume, monkeypatch: pytest.MonkeyPatch) -> SmallHost:
    host = SmallHost(kept.volume.store, 4 * MIB)
    monkeypatch.setattr(os, "statvfs", host.statvfs)
    return host


def test_versions_make_room_oldest_first(kept: VersionedVolume, host: SmallHost) -> None:
    """Files are written and deleted until the host would be full three times over."""
    kept.write("/stays", noise(FILE_BYTES, 99))
    for number in range(FILES):
        kept.wait(1)
        parts_of(kept.volume).space._looked_at = float("-inf")  # the test's time is not the host's
        assert kept.volume.has_room(FILE_BYTES) or run_inline(kept.volume.make_room(FILE_BYTES))
        kept.write(f"/{number}", noise(FILE_BYTES, number))
        kept.unlink(f"/{number}")
    left = sorted(int(name) for name in kept.names())
    assert 0 < len(left) < FILES / 2
    assert left == list(range(FILES - len(left), FILES))
    assert kept.read("/stays") == noise(FILE_BYTES, 99)


def test_nothing_goes_while_there_is_room(kept: VersionedVolume, host: SmallHost) -> None:
    kept.write("/file", b"1")
    kept.unlink("/file")
    assert run_inline(kept.volume.make_room(FILE_BYTES)) == 0
    assert kept.names() == [b"file"]


def test_no_version_goes_while_nothing_can_be_collected(
    kept: VersionedVolume, host: SmallHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scrub, a backup or an optimization may run for hours."""
    monkeypatch.setattr(room, "WAIT_SECONDS", 0)
    for number in range(20):
        kept.write(f"/{number}", noise(FILE_BYTES // 10, number))
        kept.unlink(f"/{number}")
    host.capacity = 0
    parts_of(kept.volume).space._looked_at = float("-inf")  # look again
    upkeep = parts_of(kept.volume).upkeep
    with upkeep.alone("a scrub"):
        assert run_inline(kept.volume.make_room(1)) == 0
    assert len(kept.names()) == 20
    ending = upkeep.alone("a scrub")
    ending.__enter__()
    steps = kept.volume.make_room(1)
    next(steps)
    ending.__exit__(None, None, None)
    assert run_inline(steps) == 20


def test_a_host_that_others_have_filled(kept: VersionedVolume, host: SmallHost) -> None:
    for number in range(20):
        kept.write(f"/{number}", noise(1000, number))
        kept.unlink(f"/{number}")
    host.capacity = 0
    parts_of(kept.volume).space._looked_at = float("-inf")  # look again
    assert not kept.volume.has_room(1)
    assert run_inline(kept.volume.make_room(1)) == 20
    assert run_inline(kept.volume.make_room(1)) == 0
    with pytest.raises(NoSpace):
        kept.write("/more", b"1")
