"""A fresh namespace for each test, on a real index."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.namespace.namespace import Namespace
from tests.support.namespace_store import ManualClock, NamespaceStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[NamespaceStore]:
    """An empty tree: its root has mode 0755 and belongs to root."""
    store = NamespaceStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def tree(store: NamespaceStore) -> Namespace:
    """The namespace of `store`."""
    return store.namespace


@pytest.fixture
def clock(store: NamespaceStore) -> ManualClock:
    """The clock of `store`."""
    return store.clock
