"""rename(2) with its flags, as fs/namei.c and ext4 do it.

Whatever names existed before and after are never missing in between: the whole is one change.
"""

from enum import IntFlag
from typing import Final, NamedTuple

from fsmodel.change import Change
from fsmodel.errors import InvalidArgument, IsADirectory, NotADirectory, NotFound
from fsmodel.ids import InodeId
from fsmodel.namespace.creation import WHITEOUT_MODE, Creation
from fsmodel.namespace.directories import Directories
from fsmodel.namespace.former_names import FormerNames, NothingKept
from fsmodel.namespace.inodes import DIRECTORY, Creator, require_unlocked
from fsmodel.namespace.links import Links, require_empty
from fsmodel.namespace.names import NamePolicy
from fsmodel.namespace.places import Place, add_place, move_place
from lmdb_index.records import DirentRecord


class RenameFlag(IntFlag):
    """The flags of renameat2(2)."""

    NOREPLACE = 1
    EXCHANGE = 2
    WHITEOUT = 4


NO_RENAME_FLAGS: Final = RenameFlag(0)
# As plain numbers, since asking an enum for a bit takes ten times as long.
_NOREPLACE: Final = int(RenameFlag.NOREPLACE)
_EXCHANGE: Final = int(RenameFlag.EXCHANGE)
_WHITEOUT: Final = int(RenameFlag.WHITEOUT)
_ALL: Final = _NOREPLACE | _EXCHANGE | _WHITEOUT
ROOT_CREATOR: Final = Creator(0, 0)


class _Entry(NamedTuple):
    """An entry that a rename is about."""

    directory: InodeId
    name: bytes
    dirent: DirentRecord
    inode: InodeId
    kind: int

    @property
    def place(self) -> Place:
        return Place(self.directory, self.dirent.cookie)


def _entry(directory: InodeId, name: bytes, dirent: DirentRecord) -> _Entry:
    return _Entry(directory, name, dirent, InodeId(dirent.inode), dirent.kind)


class Renames:
    """Moves, replaces and exchanges entries. Owner: the thread that owns the index."""

    def __init__(
        self, directories: Directories, creation: Creation, links: Links, policy: NamePolicy
    ) -> None:
        self._directories = directories
        self._creation = creation
        self._links = links
        self._policy = policy
        self.former: FormerNames = NothingKept()

    def rename(
        self,
        change: Change,
        parent: InodeId,
        name: bytes,
        new_parent: InodeId,
        new_name: bytes,
        flags: RenameFlag = NO_RENAME_FLAGS,
        creator: Creator = ROOT_CREATOR,
    ) -> None:
        """Move an entry, replacing what has the new name. The creator is that of a whiteout.

        Two names of one file: nothing happens. Raises NotFound, AlreadyExists (NOREPLACE),
        NotADirectory, IsADirectory, DirectoryNotEmpty, InvalidArgument for a move of a directory
        below itself and for senseless flags, NotPermitted, and what the policy raises.
        """
        bits = int(flags)
        _check_flags(bits)
        source = _entry(parent, name, self._directories.require(change, parent, name))
        target = self._target(change, new_parent, new_name, bits)
        if target is None:
            self._check_move(change, source, new_parent, new_name)
            if parent == new_parent and not bits & _WHITEOUT:
                self._rename_within(change, source, new_name)
            else:
                self._leave(change, source, bits, creator)
                self._arrive(change, source, new_parent, new_name)
            self._tell_moved(change, source, new_parent, new_name)
        elif target.inode == source.inode:
            return
        elif bits & _EXCHANGE:
            self._exchange(change, source, target)
        else:
            self._check_move(change, source, new_parent, new_name)
            _check_replaceable(change, source, target)
            self._leave(change, source, bits, creator)
            self._replace(change, source, target)
            self._tell_moved(change, source, new_parent, new_name)

    def _target(self, change: Change, directory: InodeId, name: bytes, bits: int) -> _Entry | None:
        """What has the new name; None when the name is free."""
        if bits & _NOREPLACE:
            self._directories.require_free(change, directory, name)
            return None
        dirent = self._directories.find_to_change(change, directory, name)
        if dirent is not None:
            return _entry(directory, name, dirent)
        if bits & _EXCHANGE:
            raise NotFound(f"no entry {name!r} in directory {directory} to exchange with")
        return None

    def _check_move(
        self, change: Change, moved: _Entry, new_parent: InodeId, new_name: bytes
    ) -> None:
        """Whether this entry may get that place."""
        _check_not_below(change, moved, new_parent)
        require_unlocked(moved.inode, change.inode(moved.inode))
        self._policy.check_entry(new_parent, new_name, moved.kind)
        self._policy.check_move(moved.inode, moved.directory, new_parent, new_name)

    def _rename_within(self, change: Change, moved: _Entry, new_name: bytes) -> None:
        """Give an entry another, free name in its directory; it keeps its cookie.

        So a listing that goes on meanwhile shows it once, under the one name or the other.
        """
        self._directories.rename(change, moved.directory, moved.name, moved.dirent, new_name)
        change.edit(moved.inode).ctime_ns = change.now_ns

    def _leave(self, change: Change, source: _Entry, bits: int, creator: Creator) -> None:
        """Take the old name away, or give it to a whiteout."""
        if not bits & _WHITEOUT:
            self._directories.remove(change, source.directory, source.name, source.dirent)
            return
        kind = WHITEOUT_MODE >> 12
        self._policy.check_entry(source.directory, source.name, kind)
        whiteout = self._creation.make_whiteout(change, source.directory, creator)
        self._point(change, source, whiteout, kind)
        add_place(change, whiteout, source.place)

    def _arrive(self, change: Change, moved: _Entry, new_parent: InodeId, new_name: bytes) -> None:
        """Give the moved inode its free new name."""
        cookie = self._directories.insert(change, new_parent, new_name, moved.inode, moved.kind)
        _settle(change, moved, Place(new_parent, cookie))

    def _replace(self, change: Change, moved: _Entry, target: _Entry) -> None:
        """Give the moved inode a name that something else has."""
        self._point(change, target, moved.inode, moved.kind)
        _settle(change, moved, target.place)
        self._links.drop(change, target.inode, target.place, target.name)

    def _exchange(self, change: Change, first: _Entry, second: _Entry) -> None:
        self._check_move(change, first, second.directory, second.name)
        self._check_move(change, second, first.directory, first.name)
        self._point(change, first, second.inode, second.kind)
        self._point(change, second, first.inode, first.kind)
        _settle(change, first, second.place)
        _settle(change, second, first.place)
        if DIRECTORY in (first.kind, second.kind):
            self.former.directories_exchanged(
                change, first.directory, first.name, second.directory, second.name
            )

    def _tell_moved(
        self, change: Change, moved: _Entry, new_parent: InodeId, new_name: bytes
    ) -> None:
        if moved.kind == DIRECTORY:
            self.former.directory_moved(change, moved.directory, moved.name, new_parent, new_name)

    def _point(self, change: Change, entry: _Entry, inode: InodeId, kind: int) -> None:
        self._directories.point(change, entry.directory, entry.name, entry.dirent, inode, kind)


def _settle(change: Change, moved: _Entry, place: Place) -> None:
    """The moved inode has a new place."""
    move_place(change, moved.inode, moved.place, place)
    change.edit(moved.inode).ctime_ns = change.now_ns


def _check_flags(bits: int) -> None:
    if bits & ~_ALL or (bits & _EXCHANGE and bits & (_NOREPLACE | _WHITEOUT)):
        raise InvalidArgument(f"rename cannot be asked for flags {bits:#x}")


def _check_replaceable(change: Change, source: _Entry, target: _Entry) -> None:
    """A directory replaces an empty directory, anything else replaces anything else."""
    if target.kind != DIRECTORY:
        if source.kind == DIRECTORY:
            raise NotADirectory(f"{target.name!r} is not a directory, {source.name!r} is one")
        return
    if source.kind != DIRECTORY:
        raise IsADirectory(f"{target.name!r} is a directory, {source.name!r} is not")
    require_empty(change, target.inode)


def _check_not_below(change: Change, moved: _Entry, into: InodeId) -> None:
    """A directory cannot come to lie in itself or below."""
    if moved.kind != DIRECTORY or moved.directory == into:
        return
    at = into
    while at:
        if at == moved.inode:
            raise InvalidArgument(f"directory {moved.inode} cannot be moved below itself")
        at = InodeId(change.inode(at).parent)
