"""A store that holds versions of texts, and what takes an optimizer to look at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.volume_store import VolumeStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    made = VolumeStore(tmp_path)
    yield made
    made.require_sound()
    made.abandon()
