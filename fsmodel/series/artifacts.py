"""Which artifacts there are, by series and address: a table kept in step with the names.

A row stands for a name in a kind folder: `output/NAME/KIND/<address>.<ext>`. It is put and deleted
in the change that puts or deletes the name, wherever that comes from, because the entries of
directories tell of every name (namespace/directories.py). So whether an address has an artifact is
answered without listing any folder.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from fsmodel.change import Change
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import DIRECTORY
from fsmodel.series.artifact_names import split_artifact
from fsmodel.series.places import Places, Zone
from lmdb_index.index import Index
from lmdb_index.keys import name_of, named_key, number_key
from lmdb_index.records import RawRecord
from lmdb_index.schema import ARTIFACT

_PRESENT: Final = RawRecord()
_NUL: Final = b"\0"  # between the parts of a key: no name has it


class Artifact(NamedTuple):
    """One artifact of a series."""

    address: bytes
    kind: bytes
    extension: bytes

    @property
    def name(self) -> bytes:
        """Its name in its kind folder."""
        return self.address + self.extension


def artifact_key(series: int, kind: bytes, name: bytes) -> bytes | None:
    """The key of an artifact's row; None for a name that is no artifact's."""
    parts = split_artifact(name)
    if parts is None:
        return None
    return named_key(series, _NUL.join((parts.address, kind, parts.extension)))


def artifact_of(key: bytes) -> Artifact:
    """What a row speaks of."""
    address, kind, extension = name_of(key).split(_NUL)
    return Artifact(address, kind, extension)


class Artifacts:
    """Keeps and reads the table. Owner: the thread that owns the index."""

    def __init__(self, index: Index, places: Places) -> None:
        self._index = index
        self._places = places

    def appeared(self, change: Change, directory: InodeId, name: bytes, kind: int) -> None:
        """A name has been given to something."""
        key = self._key(change, directory, name, kind)
        if key is not None:
            change.operation.put(ARTIFACT, key, _PRESENT)

    def went(self, change: Change, directory: InodeId, name: bytes, kind: int) -> None:
        """A name has been taken away."""
        key = self._key(change, directory, name, kind)
        if key is not None:
            change.operation.delete(ARTIFACT, key)

    def of(self, series: InodeId, address: bytes | None = None) -> Iterator[Artifact]:
        """The artifacts of a series, by address; of one address, if one is given."""
        if address is not None and _NUL in address:
            return iter(())  # no address, but it would be taken for the beginning of a key
        prefix = number_key(series) if address is None else named_key(series, address + _NUL)
        return (artifact_of(key) for key, _ in self._index.scan_prefix(ARTIFACT, prefix))

    def _key(self, change: Change, directory: InodeId, name: bytes, kind: int) -> bytes | None:
        if kind == DIRECTORY or split_artifact(name) is None:
            return None
        spot = self._places.of(directory, change)
        if spot.zone is not Zone.KIND or spot.kind.startswith(b"."):
            return None
        assert spot.series is not None
        return artifact_key(spot.series, spot.kind, name)
