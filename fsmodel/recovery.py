"""What replay asks the model: do the objects that a journal record refers to really exist?

After a loss of power, journal records that were never synced may have reached the disk while the
pack frames they speak of have not. Such a record, and all behind it, must not be applied.

Only frames that a record is the first to place are looked at. One that was placed before had been
synced by then, or has been looked at; should it be damaged by now, that is for scrub to tell, and
no reason to forget everything that was done since.
"""

from collections.abc import Sequence
from errno import ENOENT

from fsmodel.encoding.hashing import object_id as id_of
from fsmodel.errors import BackendError, ChunkNotFound, DataError
from fsmodel.ids import ObjectId
from fsmodel.store.group_format import read_members
from fsmodel.store.pack_format import Location
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.placement import is_in_group, placement_of
from lmdb_index.errors import IndexProblem
from lmdb_index.operation import Mutation
from lmdb_index.records import ObjectRecord
from lmdb_index.rows import Rows
from lmdb_index.schema import OBJECT
from lmdb_index.values import RowCodec


class FrameJudge:
    """Judges journal records by the frames they place."""

    def __init__(self, reader: PackReader) -> None:
        self._reader = reader
        self._codec = RowCodec(OBJECT)
        self._group: Location | None = None  # the last one that was read: many rows name it
        self._members: list[ObjectId] = []

    def accept(self, rows: Rows, mutations: Sequence[Mutation]) -> bool:
        """Whether every frame that a record newly refers to is there and passes its checks.

        Raises BackendError when the host cannot read a pack: then nothing is known.
        """
        placed = {
            mutation.key: self._codec.unseal(mutation.key, mutation.value)
            for mutation in mutations
            if mutation.table == OBJECT.number and mutation.value is not None
        }
        return all(
            _is_placed(rows, object_id, record) or self._is_there(object_id, record)
            for object_id, record in placed.items()
        )

    def _is_there(self, object_id: bytes, record: ObjectRecord) -> bool:
        try:
            self._check(object_id, record)
        except BackendError as error:
            if error.errno != ENOENT:
                raise
            return False
        except DataError:
            return False
        return True

    def _check(self, object_id: bytes, record: ObjectRecord) -> None:
        """Raise DataError unless the object is where its row says."""
        location = placement_of(record).location
        if not is_in_group(record):
            self._reader.read_frame(location, ObjectId(object_id))
            return
        if self._group != location:
            frame = self._reader.read_frame(location, None)
            self._members = [id_of(member.data) for member in read_members(frame, location)]
            self._group = location
        if object_id not in self._members[record.member : record.member + 1]:
            raise ChunkNotFound(object_id, str(location))


def _is_placed(rows: Rows, object_id: bytes, record: ObjectRecord) -> bool:
    """Whether an earlier operation has put the object in that place."""
    try:
        former = rows.get(OBJECT, object_id)
    except IndexProblem:
        return False
    return former is not None and placement_of(former) == placement_of(record)
