"""A mount of its own for each test. Its log must stay silent, and fsck must find nothing."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import MountedStore, cut_off_when_hung, mounted

HERE: Final = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("mount")
            if not os.path.exists("/dev/fuse"):
                item.add_marker(pytest.mark.skip(reason="this machine has no /dev/fuse"))


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[MountedStore]:
    """A mounted store."""
    marker = request.node.get_closest_marker("timeout")
    seconds = 0.8 * float(marker.args[0] if marker else request.config.getini("timeout"))
    with mounted() as store, cut_off_when_hung(store, seconds):
        yield store
