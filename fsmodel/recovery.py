"""What replay asks the model: do the objects that a journal record refers to really exist?

After a loss of power, journal records that were never synced may have reached the disk while the
pack frames they speak of have not. Such a record, and all behind it, must not be applied.
"""

from collections.abc import Sequence

from fsmodel.errors import DataError
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.pack_format import Location
from fsmodel.store.pack_reader import PackReader
from lmdb_index.operation import Mutation
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT


class FrameJudge:
    """Judges journal records by the frames they place."""

    def __init__(self, reader: PackReader) -> None:
        self._reader = reader

    def accept(self, mutations: Sequence[Mutation]) -> bool:
        """Whether every frame that a record newly refers to is there and passes its checks."""
        return all(
            self._is_there(mutation)
            for mutation in mutations
            if mutation.table is OBJECT and mutation.record is not None
        )

    def _is_there(self, mutation: Mutation) -> bool:
        record = mutation.record
        assert isinstance(record, ObjectRecord)
        location = Location(PackId(record.pack), record.offset, record.stored)
        try:
            self._reader.read_frame(location, ObjectId(mutation.key))
        except DataError:
            return False
        return True
