"""What the namespace tells of names that end or move to whoever keeps earlier contents."""

from typing import Protocol

from fsmodel.change import Change
from fsmodel.ids import InodeId
from fsmodel.namespace.places import Place


class FormerNames(Protocol):
    """Told in the change in progress, of which its own doings become part."""

    def keep_removed(self, change: Change, inode: InodeId, place: Place, name: bytes) -> bool:
        """A regular file is about to lose its only name; that entry is gone already.

        True when the file has been given another place instead, and so lives on.
        """
        ...

    def directory_moved(
        self, change: Change, parent: InodeId, name: bytes, new_parent: InodeId, new_name: bytes
    ) -> None:
        """A directory has another place now."""
        ...

    def directories_exchanged(
        self, change: Change, parent: InodeId, name: bytes, other_parent: InodeId, other: bytes
    ) -> None:
        """Two entries have exchanged what they stand for, a directory at least one of them."""
        ...


class NothingKept:
    """Where no earlier contents are kept."""

    def keep_removed(self, change: Change, inode: InodeId, place: Place, name: bytes) -> bool:
        """The file goes."""
        return False

    def directory_moved(
        self, change: Change, parent: InodeId, name: bytes, new_parent: InodeId, new_name: bytes
    ) -> None:
        """Nothing moves along."""

    def directories_exchanged(
        self, change: Change, parent: InodeId, name: bytes, other_parent: InodeId, other: bytes
    ) -> None:
        """Nothing moves along."""
