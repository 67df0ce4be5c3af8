"""What has changed in directories with pages of their own since their trees were written.

A directory that changes no longer names the tree that equalled it. One that is not tiny would be
read from one end to the other for the next tree, for a single entry that is another; so what tree
it had is kept in memory, and which of its entries are others since. What is not known, after a
start or when very much has changed, is read again.

Invariant: of a directory that is listed here, every entry that its former tree shows otherwise than
it is now is noted, by its name or by its cookie. Noting too much costs time and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from msgspec.structs import replace

from fsmodel.ids import InodeId, ObjectId
from lmdb_index.keys import name_of, number_key, number_of, triple_of
from lmdb_index.operation import Operation
from lmdb_index.records import InodeRecord
from lmdb_index.schema import DIRENT, LINK

LARGE_ENTRIES_MIN: Final = 64  # inodes of fewer entries lie in so few blocks that it is no gain
NOTES_MAX: Final = 50_000  # of all directories together: some 5 MB
FOLDER_NOTES: Final = 8  # that a directory counts as, with nothing noted of it
CHANGED_SHARE_MAX: Final = 4  # of a directory, if one entry in so many is another, all are read
_DIRECTORY: Final = 0o040000 >> 12
_UNKNOWN: Final = ObjectId(b"")

Edit = tuple[InodeId, InodeRecord, InodeRecord | None]


class EndingChange(Protocol):
    """What this asks of a change that is about to be stored."""

    @property
    def operation(self) -> Operation:
        """The index operation it is."""
        ...

    @property
    def trusts_trees(self) -> bool:
        """Whether the trees of directories that it changes were right before."""
        ...

    def inode(self, inode: InodeId) -> InodeRecord:
        """The record as the change has it."""
        ...

    def edits(self) -> Sequence[Edit]:
        """Each edited inode: its record as edited, and as it was; None for a new one."""
        ...


@dataclass(slots=True)
class FolderChanges:
    """What a large directory was, and which of its entries are others by now."""

    tree: ObjectId  # empty while it is being made
    size: int  # entries it had
    names: set[bytes] = field(default_factory=set)
    cookies: set[int] = field(default_factory=set)

    def add(self, other: "FolderChanges") -> None:
        """Note what another one notes, too."""
        self.names |= other.names
        self.cookies |= other.cookies

    @property
    def notes(self) -> int:
        """How much is noted."""
        return FOLDER_NOTES + len(self.names) + len(self.cookies)

    @property
    def is_too_much(self) -> bool:
        """Whether reading all of the directory costs no more than going by what is noted."""
        known = len(self.names) + len(self.cookies) - FOLDER_NOTES
        return bool(self.tree) and known * CHANGED_SHARE_MAX > self.size


class LargeFolders:
    """Notes, change by change, what the next trees need. Owner: the index's thread."""

    def __init__(self) -> None:
        self._folders: dict[InodeId, FolderChanges] = {}
        self._notes = 0  # of all of them

    def note(self, change: EndingChange, passed: Iterable[InodeId]) -> None:
        """A change is about to be stored; in directories that it `passed` something has changed."""
        edits = change.edits()
        for inode, record, former in edits:
            if former is not None and former.tree and not record.tree:
                self._begin(inode, former)
        folders = self._folders
        if not folders:
            return
        if not change.trusts_trees:
            for inode, _, _ in edits:
                self._drop(inode)
        for inode, record, former in edits:
            if former is None or (record.parent not in folders and has_one_name(record, former)):
                continue
            if not is_quiet(record, former):
                self._note_entry(record.parent, record.cookie)
                self._note_links(change.operation, inode, record, former)
        for directory in passed:
            record = change.inode(directory)
            self._note_entry(record.parent, record.cookie)
        for key in change.operation.changed_keys(DIRENT):
            inode = InodeId(number_of(key))
            if inode in folders:
                self._note_name(inode, name_of(key))
        if self._notes > NOTES_MAX:
            self._forget_half()

    def note_file(self, record: InodeRecord) -> None:
        """A file with one name is about to show other attributes, and nothing else changes."""
        self._note_entry(record.parent, record.cookie)
        if self._notes > NOTES_MAX:
            self._forget_half()

    def take(self) -> Mapping[InodeId, FolderChanges]:
        """What is known at this moment, of which trees are about to be made.

        What is noted from now on is what these trees will not show: `made` or `put_back` say what
        has become of them.
        """
        taken = {inode: folder for inode, folder in self._folders.items() if folder.tree}
        self._keep({inode: FolderChanges(_UNKNOWN, 0) for inode in taken})
        return taken

    def made(self, trees: Iterable[tuple[InodeId, ObjectId, int]]) -> None:
        """Directories have got these trees, with so many entries: the last root shows them."""
        for inode, tree, size in trees:
            folder = self._folders.get(inode)
            if folder is not None and not folder.tree:
                folder.tree, folder.size = tree, size
        self._keep({inode: folder for inode, folder in self._folders.items() if folder.tree})

    def put_back(self, taken: Mapping[InodeId, FolderChanges]) -> None:
        """No trees were made of what was taken."""
        folders = self._folders
        for inode, folder in taken.items():
            since = folders.get(inode)
            if since is not None and not since.tree:
                folder.add(since)
                folders[inode] = folder
        self._keep(folders)
        if self._notes > NOTES_MAX:
            self._forget_half()

    def _keep(self, folders: dict[InodeId, FolderChanges]) -> None:
        self._folders = folders
        self._notes = sum(folder.notes for folder in folders.values())

    def _begin(self, inode: InodeId, former: InodeRecord) -> None:
        """A directory no longer names its tree: from here on its entries are noted."""
        if former.size >= LARGE_ENTRIES_MIN:
            self._drop(inode)
            self._folders[inode] = FolderChanges(ObjectId(former.tree), former.size)
            self._notes += FOLDER_NOTES

    def _drop(self, inode: InodeId) -> None:
        """Its next tree is made from all of its entries."""
        folder = self._folders.pop(inode, None)
        if folder is not None:
            self._notes -= folder.notes

    def _note_entry(self, directory: int, cookie: int) -> None:
        folder = self._folders.get(InodeId(directory))
        if folder is not None and cookie not in folder.cookies:
            folder.cookies.add(cookie)
            self._count(InodeId(directory), folder)

    def _note_name(self, directory: InodeId, name: bytes) -> None:
        folder = self._folders[directory]
        if name not in folder.names:
            folder.names.add(name)
            self._count(directory, folder)

    def _count(self, directory: InodeId, folder: FolderChanges) -> None:
        self._notes += 1
        if folder.is_too_much:
            self._drop(directory)

    def _note_links(
        self, operation: Operation, inode: InodeId, record: InodeRecord, former: InodeRecord
    ) -> None:
        """The names of a file but the first."""
        if has_one_name(record, former):
            return
        for key, _ in operation.scan_prefix(LINK, number_key(inode)):
            _, directory, cookie = triple_of(key)
            self._note_entry(directory, cookie)

    def _forget_half(self) -> None:
        """With too many notes, what the smaller directories were is forgotten."""
        by_size = sorted(self._folders.items(), key=lambda each: each[1].size)
        kept, notes = {}, 0
        for inode, folder in reversed(by_size):
            notes += folder.notes
            if notes <= NOTES_MAX // 2:
                kept[inode] = folder
        self._keep(kept)


def has_one_name(record: InodeRecord, former: InodeRecord) -> bool:
    """Whether nothing but the entry that its row tells of shows an inode, or showed it."""
    return max(record.nlink, former.nlink) < 2 or record.mode >> 12 == _DIRECTORY


def is_quiet(record: InodeRecord, former: InodeRecord) -> bool:
    """Whether two records differ in what trees need not show, and in nothing else.

    Records that do not differ at all were edited for something that no field says, such as an
    attribute's value.
    """
    if former.tree and not record.tree:
        return False
    if (record.atime_ns, record.tree) == (former.atime_ns, former.tree):
        return False
    return replace(record, atime_ns=former.atime_ns, tree=former.tree) == former
