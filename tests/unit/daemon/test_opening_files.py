"""What is opened for a reply that cannot be given is closed again."""

import os
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from pyfuse3 import FileNameT, FlagT, InodeT, ModeT, RequestContext

from daemon.file_operations import FileOperations
from daemon.flusher import Flusher
from daemon.sync_group import SyncGroup
from daemon.workers import Workers
from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE
from fsmodel.volume import Volume
from tests.support.volumes import settled_file

NAME: Final = FileNameT(b"file")
CONTEXT: Final = cast("RequestContext", SimpleNamespace(uid=0, gid=0, pid=1, umask=0))


async def nothing_to_make(size_bytes: int = 0) -> None:
    """There is room."""


def damaged(*_: Any, **__: Any) -> Any:
    """As what reads a row that is damaged."""
    raise DataError("a damaged row")


@pytest.fixture
def operations(volume: Volume) -> FileOperations:
    workers = Workers()
    flusher = Flusher(volume, workers, 64 << 20)
    no_syncs = cast("SyncGroup", None)
    return FileOperations(volume, flusher, workers, no_syncs, nothing_to_make)


@pytest.mark.parametrize("asked", ["access_is_due", "is_volatile", "shown_attributes"])
async def test_who_creates_a_file_that_cannot_be_shown_leaves_it_closed(
    volume: Volume, operations: FileOperations, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(volume, asked, damaged)
    with pytest.raises(DataError):
        await operations.create(InodeT(ROOT_INODE), NAME, ModeT(0o644), FlagT(os.O_RDWR), CONTEXT)
    assert not volume.contents.any_open


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_TRUNC])
async def test_who_opens_a_file_that_cannot_be_looked_at_leaves_it_closed(
    volume: Volume, operations: FileOperations, monkeypatch: pytest.MonkeyPatch, flags: int
) -> None:
    inode = settled_file(volume, NAME, b"bytes")
    monkeypatch.setattr(volume, "access_is_due", damaged)
    with pytest.raises(DataError):
        await operations.open(InodeT(inode), FlagT(flags), CONTEXT)
    assert not volume.contents.any_open
