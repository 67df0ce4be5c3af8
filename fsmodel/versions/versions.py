"""Earlier contents of files, for all who ask: the view, the command line, maintenance."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from fsmodel.errors import NoSuchAttribute, NotSupported
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import is_directory, require_unlocked
from fsmodel.steps import PAUSE, Steps
from fsmodel.versions.keeper import VersionKeeper
from fsmodel.versions.policy import ATTRIBUTE
from fsmodel.versions.retention import Retention
from fsmodel.versions.version_folders import Names
from fsmodel.versions.version_parts import VersionParts
from fsmodel.versions.version_rows import Version

NAMES_AT_ONCE: Final = 2_000  # entries read without a pause


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version as people see it."""

    name: bytes
    stamp_us: int  # until when it was what the name stood for
    inode: InodeId
    size: int
    mtime_ns: int


class Versions:
    """The versions of a volume. Owner: the thread that owns the index."""

    def __init__(self, parts: VersionParts) -> None:
        self._parts = parts
        self._rows = parts.rows
        self._folders = parts.folders
        self.policies = parts.policies
        self.retention = Retention(parts)
        self.keeper = VersionKeeper(parts, self.retention)

    # What a directory that exists shows

    def folders_shown(self, directory: InodeId) -> list[InodeId]:
        """Where the versions lie that whoever may see the directory may know of."""
        folders = self._folders
        return [each for each in folders.of(directory) if folders.is_for(each, directory)]

    def names_shown(self, directory: InodeId) -> Steps[list[bytes]]:
        """The names that have versions, in order."""
        return (yield from self._names_in(self.folders_shown(directory)))

    def shown(self, directory: InodeId, name: bytes) -> list[Version]:
        """The versions of a name, oldest first."""
        return self._rows.of(self.folders_shown(directory), name)

    # What is and was at a path

    def names_at(self, path: Names) -> Steps[list[bytes]]:
        """The names that have versions in what is or was a directory, in order."""
        return (yield from self._names_in(self._folders.at(path)))

    def at(self, path: Names, name: bytes) -> list[VersionInfo]:
        """The versions of a name in what is or was a directory, oldest first."""
        found = []
        for version in self._rows.of(self._folders.at(path), name):
            record = self._parts.inodes.get(version.inode)
            found.append(
                VersionInfo(name, version.stamp_us, version.inode, record.size, record.mtime_ns)
            )
        return found

    # Policies

    def policy_text(self, inode: InodeId) -> bytes:
        """What a directory itself says about versions. Raises NoSuchAttribute."""
        names = self._parts.namespace
        text = names.xattrs.find(inode, names.record(inode), ATTRIBUTE)
        if text is None:
            raise NoSuchAttribute(f"inode {inode} says nothing about versions")
        return text

    def set_policy(self, inode: InodeId, text: bytes | None) -> None:
        """Let a directory say how many versions are kept there and below, or no longer say it.

        Raises InvalidArgument, NotSupported for what is no directory, NotPermitted if locked,
        NoSuchAttribute when there is nothing to remove.
        """
        xattrs = self._parts.namespace.xattrs
        with self._parts.changes.begin() as change:
            record = change.edit(inode)
            if not is_directory(record):
                raise NotSupported(f"inode {inode} is no directory: only those have policies")
            require_unlocked(inode, record)
            record.ctime_ns = change.now_ns
            change.when_applied(self.policies.forget)
            if text is None and not xattrs.discard(change, inode, ATTRIBUTE):
                raise NoSuchAttribute(f"inode {inode} says nothing about versions")
            if text is not None:
                self.policies.parse(text)
                xattrs.put(change, inode, ATTRIBUTE, text)

    def _names_in(self, folders: Iterable[InodeId]) -> Steps[list[bytes]]:
        found: set[bytes] = set()
        for folder in folders:
            after = b""
            while rows := list(islice(self._rows.names(folder, after), NAMES_AT_ONCE)):
                found.update(name for _, name in rows)
                after = rows[-1][0]
                yield PAUSE
        return sorted(found)
