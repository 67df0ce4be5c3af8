"""Golden stores: one of each schema, kept as it was made, and what is in it.

    python -m tests.support.golden        # once for each schema, when it is released

An archive that is there is never made again.
"""

import hashlib
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.migrations.runner import FIRST_SCHEMA
from lmdb_index.schema import SCHEMA_VERSION
from tests.support.damages import Shown
from tests.support.prose import edited, prose
from tests.support.structured import StructuredStore

PLACE = Path(__file__).parents[1] / "golden"


def archive_of(schema: int) -> Path:
    """Where the golden store of a schema is kept."""
    return PLACE / f"schema-{schema}.tar.xz"


def unpacked(schema: int, folder: Path) -> Path:
    """A copy of a golden store, to be used."""
    with tarfile.open(archive_of(schema)) as file:
        if hasattr(tarfile, "data_filter"):
            file.extractall(folder, filter="data")
        else:  # Python 3.11 as Debian 12 has it
            file.extractall(folder)
    return folder / "store"


def wanted(schema: int) -> Any:
    """What its description says that it holds."""
    return json.loads((PLACE / f"schema-{schema}.json").read_text("utf-8"))


def described(volume: Volume) -> Any:
    """Everything a store shows, as JSON has it."""
    shown = Shown(volume)
    files = {
        str(inode): [repr(facts), None if data is None else hashlib.sha256(data).hexdigest()]
        for inode, (facts, data) in shown.inodes.items()
    }
    return {"files": files, "snapshots": {k.hex(): v.hex() for k, v in shown.snapshots.items()}}


def fill(store: StructuredStore) -> None:
    """Something of everything that a store can hold."""
    text = prose(1, 30_000)
    for number in range(4):
        store.write(f"projects/text-{number}", text)
        text = edited(text, number)
    store.write("series/night.json", b'{"kinds": {"title": [".txt"], "prompt": [".txt"]}}')
    store.write("output/night/title/a1.txt", b"one")
    store.link("projects/text-0", "projects/second name")
    store.symlink("projects/link", "text-1")
    store.write("runs/one.json", b'{"model": "a"}')
    store.write("runs/one.json", b'{"model": "b"}')
    run_inline(store.volume.snapshots.create(b"first"))
    store.remove("projects/text-2")
    run_inline(store.volume.take_due_digests())


def main() -> None:
    """Make what is missing, from the newest schema down."""
    with tempfile.TemporaryDirectory() as scratch:
        store = StructuredStore(Path(scratch))
        fill(store)
        store.volume.close()
        for schema in range(SCHEMA_VERSION, FIRST_SCHEMA - 1, -1):
            volume = Volume.open(store.store, migrate=False)
            volume.migrate(schema, lambda done, total, text: None)
            found = described(volume)
            volume.close()
            if not archive_of(schema).exists():
                _keep(store.store, schema, found)


def _keep(store: Path, schema: int, found: Any) -> None:
    PLACE.mkdir(exist_ok=True)
    with tarfile.open(archive_of(schema), "w:xz") as file:
        for name in ("format.json", "index/data.mdb", "journal", "packs"):
            file.add(store / name, f"store/{name}")
    description = json.dumps(found, indent=1, sort_keys=True) + "\n"
    (PLACE / f"schema-{schema}.json").write_text(description, "utf-8")


if __name__ == "__main__":
    main()
