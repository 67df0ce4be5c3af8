"""Fifth step: files say of their bytes what their objects and extent rows say.

Nothing is made up: where the row of a file counts on more bytes than its content has, the file
ends where these end. Content that cannot be read stays named, so that its range fails and the file
heals when the bytes are written again.
"""

from typing import Any, Final

from fsmodel.content.content_ref import EMPTY
from fsmodel.rebuild.bulk import Bulk
from fsmodel.repair.repairs import Repairs
from fsmodel.upkeep.check_contents import REGULAR, LoadObject, content_size
from fsmodel.upkeep.findings import Part
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import InodeFlag, InodeRecord, RawRecord
from lmdb_index.schema import EXTENT, INODE, UNSETTLED, Table

_PRESENT: Final = RawRecord()


class FileContents:
    """Puts what files say of their contents in order."""

    def __init__(self, bulk: Bulk, repairs: Repairs, load: LoadObject) -> None:
        self._bulk = bulk
        self._repairs = repairs
        self._load = load

    def repair(self) -> None:
        """Go through all files, and the rows that hang on them."""
        tables: tuple[Table[Any], ...] = (EXTENT, UNSETTLED)
        for table in tables:
            for key, _ in self._bulk.index.scan(table):
                owner = self._bulk.index.get(INODE, key[:8])
                if owner is None or owner.mode >> 12 != REGULAR:
                    self._repairs.remove(self._bulk, table, key)
                    name = table.name.decode()
                    self._note(f"a row of inode {number_of(key)} in {name} was removed")
        for key, record in self._bulk.index.scan(INODE):
            if record.mode >> 12 == REGULAR:
                self._file(number_of(key), record)
            elif record.content or record.flags & InodeFlag.UNSETTLED:
                record.content, record.content_size = EMPTY, 0
                record.flags &= ~InodeFlag.UNSETTLED
                self._bulk.put(INODE, key, record)
                self._note(f"inode {number_of(key)}, which is no regular file, has no content")

    def _file(self, inode: int, record: InodeRecord) -> None:
        held = content_size(self._bulk.index, record.content, self._load)
        if isinstance(held, str):
            held = None  # objects.py has noted it as damaged, or will
        rows = list(self._bulk.index.scan_prefix(EXTENT, number_key(inode)))
        before = (record.content_size, record.size, record.flags)
        if held is not None and record.content_size > held:
            was_settled = record.size == record.content_size and not rows
            record.content_size = held
            record.size = held if was_settled else record.size
        unsettled = bool(rows) or record.content_size != record.size
        unsettled |= held is not None and record.content_size != held
        record.flags &= ~InodeFlag.UNSETTLED
        record.flags |= InodeFlag.UNSETTLED if unsettled else 0
        if (record.content_size, record.size, record.flags) != before:
            self._bulk.put(INODE, number_key(inode), record)
            self._note(f"inode {inode} has {record.size} bytes, {_state(unsettled=unsettled)}")
        self._list(inode, unsettled=unsettled)

    def _list(self, inode: int, *, unsettled: bool) -> None:
        """Keep the list of unsettled files."""
        key = number_key(inode)
        if unsettled == (self._bulk.index.get(UNSETTLED, key) is not None):
            return
        if unsettled:
            self._bulk.put(UNSETTLED, key, _PRESENT)
        else:
            self._bulk.delete(UNSETTLED, key)
        self._note(f"inode {inode} is listed as {_state(unsettled=unsettled)}")

    def _note(self, text: str) -> None:
        self._repairs.note(Part.CONTENTS, text)


def _state(*, unsettled: bool) -> str:
    return "unsettled" if unsettled else "settled"
