"""A structured store for each test, checked at its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.structured import StructuredStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StructuredStore]:
    """A store with an open volume; fsck must find nothing at the end."""
    store = StructuredStore(tmp_path)
    yield store
    store.require_sound()
    store.close()
