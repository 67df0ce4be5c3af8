"""A volume with small chunks for each test; what a test leaves in it must pass fsck."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.volume import Volume
from tests.support.volumes import NO_CACHE, findings, make_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with small chunks, not open."""
    return make_store(tmp_path / "store")


@pytest.fixture
def volume(folder: Path) -> Iterator[Volume]:
    """That store, open and without a cache of chunks; checked at the end."""
    volume = Volume.open(folder, settings=NO_CACHE)
    yield volume
    assert findings(volume) == ()
    volume.close()
