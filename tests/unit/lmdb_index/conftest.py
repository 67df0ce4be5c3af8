"""A store with an empty index, and that index opened."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lmdb_index.index import Index
from tests.support.index_store import UUID, new_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with an empty index; nothing has it open."""
    return new_store(tmp_path / "store")


@pytest.fixture
def index(store: Path) -> Iterator[Index]:
    """The index of `store`, open."""
    index = Index.open(store, UUID)
    yield index
    index.close()
