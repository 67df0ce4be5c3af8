"""A volume with a clock of its own, and documents as a user of a directory finds them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.ids import InodeId
from tests.support.documents import DocumentVolume
from tests.support.volumes import make_store


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[DocumentVolume]:
    """Checked at the end."""
    store = DocumentVolume(make_store(tmp_path / "store"))
    yield store
    store.require_clean()
    store.volume.close()


@pytest.fixture
def folder(documents: DocumentVolume) -> InodeId:
    """A directory for files."""
    return documents.directory(b"folder")
