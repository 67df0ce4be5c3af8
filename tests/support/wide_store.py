"""A store with something of everything: for tests that ask it for whatever they like."""

from pathlib import Path
from typing import Final

from fsmodel.steps import run_inline
from tests.support.indexed import IndexedStore
from tests.support.volumes import noise

INDEX: Final = "models"
SNAPSHOT: Final = b"before"


def fill(folder: Path) -> Path:
    """Files, a link, a series with artifacts, versions, a snapshot, an index. Returns the store."""
    filled = IndexedStore(folder)
    filled.write("/file", noise(70_000))
    filled.mkdir("/folder")
    filled.write("/folder/below", b"below")
    filled.symlink("/link", "file")
    filled.put("/config/one.json", {"model": "flux", "a": {"b": [1, 2]}})
    filled.mkdir("/output/night")
    filled.write("/output/night/generated/a1.png", noise(5_000))
    filled.create(INDEX, "config/*.json", "model")
    run_inline(filled.volume.snapshots.create(SNAPSHOT))
    filled.remove("/folder/below")
    filled.close()
    return filled.store
