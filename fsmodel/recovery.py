"""What replay asks the model: do the objects that a journal record refers to really exist?

After a loss of power, journal records that were never synced may have reached the disk while the
pack frames they speak of have not. Such a record, and all behind it, must not be applied.
"""

from collections.abc import Sequence

from fsmodel.errors import DataError
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.pack_format import Location
from fsmodel.store.pack_reader import PackReader
from lmdb_index.errors import IndexProblem
from lmdb_index.operation import Mutation
from lmdb_index.schema import OBJECT
from lmdb_index.values import RowCodec


class FrameJudge:
    """Judges journal records by the frames they place."""

    def __init__(self, reader: PackReader) -> None:
        self._reader = reader
        self._codec = RowCodec(OBJECT)

    def accept(self, mutations: Sequence[Mutation]) -> bool:
        """Whether every frame that a record newly refers to is there and passes its checks."""
        return all(
            self._is_there(mutation.key, mutation.value)
            for mutation in mutations
            if mutation.table == OBJECT.number and mutation.value is not None
        )

    def _is_there(self, object_id: bytes, value: bytes) -> bool:
        try:
            record = self._codec.unseal(object_id, value)
            location = Location(PackId(record.pack), record.offset, record.stored)
            self._reader.read_frame(location, ObjectId(object_id))
        except (DataError, IndexProblem):
            return False
        return True
