"""A volume that keeps versions, with a clock to set."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.versioned import VersionedVolume


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[VersionedVolume]:
    """The volume; fsck must find nothing in it at the end."""
    volume = VersionedVolume(tmp_path)
    yield volume
    volume.close()
