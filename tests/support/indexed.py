"""A structured store with indexes, and what they must say by a scan of everything."""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.indexes.definition import Definition
from fsmodel.indexes.indexes import Indexes
from fsmodel.namespace.inodes import DIRECTORY
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from tests.support.structured import StructuredStore

SELECTORS = "output/*/selector/*.json"


def quiet(done: int, total: int, text: str) -> None:
    """Takes reports of progress."""


class IndexedStore(StructuredStore):
    """Indexes by name, and files by path."""

    def __init__(self, folder: Path, settings: VolumeSettings | None = None) -> None:
        super().__init__(folder, settings or VolumeSettings())

    @property
    def indexes(self) -> Indexes:
        """Those of the volume as it is open now."""
        return self.volume.indexes

    def create(self, name: str, glob: str, *fields: str, **options: Any) -> None:
        """Make an index and build it."""
        definition = Definition(name, glob, fields, **options)
        run_inline(self.indexes.create(definition, quiet))

    def put(self, path: str, document: object) -> InodeId:
        """Write a document in place."""
        return self.write(path, json.dumps(document).encode())

    def replace(self, path: str, document: object) -> None:
        """Write a document beside it, and rename that to it."""
        temporary = path.rpartition("/")[0] + "/.temporary"
        self.write(temporary, json.dumps(document).encode())
        self.move(temporary, path)

    def query(self, name: str, *values: Any) -> list[str]:
        """The paths of the documents that have values, sorted."""
        return sorted(_paths(self.indexes.query(name, values)))

    def range(self, name: str, low: Any, high: Any) -> list[str]:
        """The paths of the documents with a value within bounds, in the order of values."""
        return _paths(self.indexes.range(name, low, high))

    def require_right(self, *names: str) -> None:
        """The index says what reading every document says."""
        for name in names:
            report = run_inline(self.indexes.verify(name, quiet))
            assert report.wrong == ()

    def files(self) -> dict[str, bytes]:
        """Every regular file that users see below the root, and its bytes."""
        found: dict[str, bytes] = {}
        waiting: list[tuple[str, InodeId]] = [("", ROOT_INODE)]
        while waiting:
            path, directory = waiting.pop()
            limit = self.volume.listing_limit(directory)
            for entry in self.volume.list_entries(directory, 2, limit):
                below = f"{path}/{entry.name.decode()}"
                if entry.kind == DIRECTORY:
                    waiting.append((below, entry.inode))
                elif entry.name.endswith(b".json"):
                    found[below] = self.read_inode(entry.inode)
        return found

    def scan(self, glob: str, field: str) -> set[tuple[str, str]]:
        """Path and value, as JSON, of every document that has a field; of a list, each element."""
        found = set()
        for path, data in self.files().items():
            same_depth = path.count("/") == glob.count("/") + 1
            if same_depth and fnmatchcase(path, "/" + glob):
                for value in _members(json.loads(data), field):
                    values = value if isinstance(value, list) else [value]
                    found |= {(path, json.dumps([each])) for each in values}
        return found


def _members(document: Any, field: str) -> list[Any]:
    objects = document if isinstance(document, list) else [document]
    return [each[field] for each in objects if field in each]


def _paths(matches: Any) -> list[str]:
    return [path.decode() for match in matches for path in match.paths]
