"""Which user-defined indexes there are: their definitions, and how far each is.

A definition is an attribute of an empty file in the hidden folder `indexes`, and the number of that
file is the number of the index: it is never used again, so rows of a dropped index cannot be taken
for those of a later one of the same name. While an index is built anew there are two of its name;
the one that is ready answers.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.errors import Busy, NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.index_border import index_error
from fsmodel.indexes.definition import Definition, decoded, encoded
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.namespace import Namespace
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import UserIndexRecord, UserIndexState
from lmdb_index.schema import DIRENT_ORDER, USER_INDEX

FOLDER: Final = b"indexes"  # of the hidden tree
DEFINITION: Final = b"cairnfs.index"  # attribute
_FILE_MODE: Final = 0o600
_TO_BUILD: Final = UserIndexRecord(UserIndexState.BUILDING)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UserIndex:
    """An index that is kept current."""

    number: InodeId
    file: bytes  # name of its file in the hidden folder
    definition: Definition


class Catalogue:
    """Keeps the definitions, in memory as well. Owner: the thread that owns the index."""

    def __init__(
        self, index: Index, inodes: InodeTable, changes: Changes, namespace: Namespace
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._changes = changes
        self._namespace = namespace
        self.live: dict[InodeId, UserIndex] = {}  # all that are kept current, by number
        self._problem: IndexProblem | None = None  # why there are none, if it is that
        self._reload()

    def all(self) -> list[UserIndex]:
        """One index of each name, the one that answers, by name."""
        return [self.find(name) for name in sorted({each.definition.name for each in self._both()})]

    def find(self, name: str) -> UserIndex:
        """The index of a name, the one that is ready if there are two.

        Raises NotFound, IndexCorrupt.
        """
        named = self.named(name)
        self._require_read()
        if not named:
            raise NotFound(f"there is no index {name!a}: see `cairnfs index list`")
        return next((each for each in named if self.is_ready(each)), named[-1])

    def named(self, name: str) -> list[UserIndex]:
        """The index of a name, and the one that is to replace it."""
        return [each for each in self._both() if each.definition.name == name]

    def record(self, index: UserIndex) -> UserIndexRecord:
        """How far an index is."""
        return self._index.get(USER_INDEX, number_key(index.number)) or _TO_BUILD

    def is_ready(self, index: UserIndex) -> bool:
        """Whether an index knows every document."""
        return self.record(index).state == UserIndexState.READY

    def ready(self, name: str) -> UserIndex:
        """The index of a name, to be asked. Raises NotFound, Busy."""
        found = self.find(name)
        if not self.is_ready(found):
            raise Busy(f"index {name!a} is still being built: see `cairnfs index list`, ask later")
        return found

    def add(self, definition: Definition) -> UserIndex:
        """Store a definition, to be built. Raises NoSpace, IndexCorrupt."""
        with self._changes.begin() as change:
            root = change.inode(ROOT_INODE)
            system = self._namespace.system
            folder = system.folder(change, FOLDER)
            name = b"%016x" % change.operation.next_number("last_user_index")
            while system.find(FOLDER, name) is not None:  # the index was made again since
                name = b"%016x" % change.operation.next_number("last_user_index")
            owner = Creator(root.uid, root.gid)
            number = system.file(change, folder, name, _FILE_MODE, owner)
            self._namespace.xattrs.put(change, number, DEFINITION, encoded(definition))
            change.operation.put(USER_INDEX, number_key(number), _TO_BUILD)
            change.when_applied(self._reload)
        self._require_read()
        return self.live[number]

    def set_record(self, change: Change, index: UserIndex, record: UserIndexRecord) -> None:
        """Note how far an index is."""
        change.operation.put(USER_INDEX, number_key(index.number), record)

    def drop(self, change: Change, dropped: UserIndex) -> None:
        """Forget a definition; its rows go bit by bit (building.py)."""
        folder = self._namespace.system.find(FOLDER)
        assert folder is not None, "an index without its folder"
        self._namespace.links.unlink(change, folder, dropped.file)
        change.operation.put(
            USER_INDEX, number_key(dropped.number), UserIndexRecord(UserIndexState.DROPPING)
        )
        change.when_applied(self._reload)

    def dropped(self) -> list[InodeId]:
        """Numbers of the indexes whose rows are to go; none while that is not known."""
        if self._problem is not None:
            return []
        numbers = (InodeId(number_of(key)) for key, _ in self._index.scan(USER_INDEX))
        return [number for number in numbers if number not in self.live]

    def _both(self) -> list[UserIndex]:
        return sorted(self.live.values(), key=lambda each: each.number)

    def _require_read(self) -> None:
        if self._problem is not None:
            raise index_error(self._problem) from self._problem

    def _reload(self) -> None:
        self._problem = None
        try:
            self.live = {each.number: each for each in self._stored()}
        except IndexProblem as problem:  # a store that is damaged here can be opened, and repaired
            self.live, self._problem = {}, problem
            _log.error(
                "user-defined indexes are not kept: %s: run `cairnfs fsck --repair`", problem
            )

    def _stored(self) -> Iterator[UserIndex]:
        folder = self._namespace.system.find(FOLDER)
        if folder is None:
            return
        for _, entry in self._index.scan_prefix(DIRENT_ORDER, number_key(folder)):
            number = InodeId(entry.inode)
            record = self._inodes.find(number)
            if record is None:
                continue  # an entry that leads nowhere is for fsck
            definition = decoded(self._namespace.xattrs.find(number, record, DEFINITION) or b"")
            if definition is not None:
                yield UserIndex(number, entry.name, definition)
