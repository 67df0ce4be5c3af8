"""A mount to kill. Its checkpoints come so often that kills meet them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import MountedStore, cut_off_when_hung

HERE: Final = Path(__file__).parent
CHECKPOINT_SECONDS: Final = "0.1"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("mount")
            if not os.path.exists("/dev/fuse"):
                item.add_marker(pytest.mark.skip(reason="this machine has no /dev/fuse"))


@pytest.fixture
def structured() -> bool:
    """Whether the store has the structured folders."""
    return False


@pytest.fixture
def store(request: pytest.FixtureRequest, structured: bool) -> Iterator[MountedStore]:
    """A mounted store. Its log must stay silent, and fsck must find nothing at the end."""
    marker = request.node.get_closest_marker("timeout")
    seconds = 0.8 * float(marker.args[0] if marker else request.config.getini("timeout"))
    store = MountedStore(structured=structured)
    store.environment["CAIRNFS_CHECKPOINT_INTERVAL_SECONDS"] = CHECKPOINT_SECONDS
    with store, cut_off_when_hung(store, seconds):
        yield store
        if store.is_alive:
            store.umount()
        store.require_clean()
        store.require_silence()
