"""A volume for tests of what serves it, without a kernel."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.volume import Volume
from tests.support.volumes import make_store, opened


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    """One of a new store with small chunks."""
    with opened(make_store(tmp_path / "store")) as volume:
        yield volume
