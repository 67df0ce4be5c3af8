"""The folders of a new store for each test."""

from pathlib import Path

import pytest

from fsmodel.store.layout import StoreLayout
from tests.support.packs import new_layout


@pytest.fixture
def layout(tmp_path: Path) -> StoreLayout:
    """A store folder with nothing in it yet."""
    return new_layout(tmp_path / "store")
