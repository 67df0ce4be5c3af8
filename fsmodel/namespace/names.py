"""Which names may come into being. Every way into the tree asks here first.

A policy sees each new entry, symbolic link, hard link and move before anything is changed, and
raises a Refused error to forbid it. Removing is never asked about.
"""

from typing import Final, Protocol

from fsmodel.errors import NameTooLong, PathRefused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.limits import NAME_BYTES_MAX

DOTS: Final = (b".", b"..")
VIEW_NAMES: Final = frozenset({b".metadata", b".versions"})  # in every directory
ROOT_VIEW_NAMES: Final = frozenset({b".snapshots", b".cairnfs"})  # in the root


class NamePolicy(Protocol):
    """What decides about new names. A rename asks `check_entry`, then `check_move`."""

    def check_entry(self, parent: InodeId, name: bytes, kind: int) -> None:
        """Refuse an entry that is about to appear; `kind` is st_mode >> 12."""
        ...

    def check_symlink(self, parent: InodeId, name: bytes, target: bytes) -> None:
        """Refuse where a new symbolic link points."""
        ...

    def check_link(self, inode: InodeId, parent: InodeId, name: bytes) -> None:
        """Refuse one more name for a file."""
        ...

    def check_move(
        self, inode: InodeId, parent: InodeId, new_parent: InodeId, new_name: bytes
    ) -> None:
        """Refuse to move what has a name in `parent`: a file, a link, a tree of them."""
        ...


class OrdinaryNames:
    """The policy of ordinary folders: any bytes that Linux accepts as a name."""

    def check_entry(self, parent: InodeId, name: bytes, kind: int) -> None:
        """Raises NameTooLong and PathRefused as `check_name`."""
        check_name(name)

    def check_symlink(self, parent: InodeId, name: bytes, target: bytes) -> None:
        """Symbolic links may point anywhere."""

    def check_link(self, inode: InodeId, parent: InodeId, name: bytes) -> None:
        """A file may have names anywhere."""

    def check_move(
        self, inode: InodeId, parent: InodeId, new_parent: InodeId, new_name: bytes
    ) -> None:
        """Everything may be moved anywhere."""


class UserNames(OrdinaryNames):
    """The policy for what users do: names of views are no names for anything else."""

    def check_entry(self, parent: InodeId, name: bytes, kind: int) -> None:
        """Raises NameTooLong and PathRefused as `check_name`; PathRefused for names of views."""
        check_name(name)
        if is_view_name(parent, name):
            raise PathRefused(f"{name.decode()} is the name of a view: choose another one", name)


def is_view_name(parent: InodeId, name: bytes) -> bool:
    """Whether a directory shows a view under this name."""
    if name[:1] != b".":  # quick: this is asked for every lookup
        return False
    return name in VIEW_NAMES or (parent == ROOT_INODE and name in ROOT_VIEW_NAMES)


def is_name(name: bytes) -> bool:
    """Whether these bytes can be the name of an entry at all."""
    return (
        0 < len(name) <= NAME_BYTES_MAX
        and b"/" not in name
        and b"\0" not in name
        and name not in DOTS
    )


def check_name(name: bytes) -> None:
    """Refuse what cannot be a name.

    Raises NameTooLong beyond 255 bytes; PathRefused for an empty name, '.', '..', '/' and NUL.
    """
    if not is_name(name):
        check_length(name)
        raise PathRefused(
            f"{name!r} cannot be a name: it is empty, '.' or '..', or has '/' or NUL", name
        )


def check_length(name: bytes) -> None:
    """Raises NameTooLong beyond 255 bytes."""
    if len(name) > NAME_BYTES_MAX:
        raise NameTooLong(f"a name of {len(name)} bytes: the limit is {NAME_BYTES_MAX}")
