"""`DIR/.versions/NAME/<UTC time>`: what a name stood for earlier, to be read.

The view of a directory may be entered by whoever may read the directory, as far as it could be
read when the versions were made. Each version has the owner and mode its file had, but shows to
others no more than the file does that has the name now: who makes a file private means what it was.
"""

import stat
from collections.abc import Sequence
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.content.contents import Contents
from fsmodel.errors import NotFound
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.namespace import Namespace
from fsmodel.steps import Steps
from fsmodel.versions.version_names import stamp_from_text, stamp_text
from fsmodel.versions.version_rows import Version
from fsmodel.versions.versions import Versions
from fsmodel.views.access_lists import access_list, access_list_or_none
from fsmodel.views.nodes import ViewAttributes, ViewDirectory, ViewFile, ViewNode
from fsmodel.views.views import ViewProvider

NAME: Final = b".versions"
_READ_AND_ENTER: Final = 0o555
_READ: Final = 0o444
_EXECUTE: Final = 0o111
_EVERYTHING: Final = 0o777


class VersionsView(ViewProvider):
    """Shows the versions of every directory. Owner: the thread that owns the index."""

    def __init__(
        self, versions: Versions, inodes: InodeTable, namespace: Namespace, contents: Contents
    ) -> None:
        self.versions = versions
        self.inodes = inodes
        self.namespace = namespace
        self.contents = contents

    def view_in(self, directory: InodeId) -> Steps[ViewDirectory | None]:
        """The versions of what is or was in the directory."""
        return NamesDirectory(self, directory)
        yield  # a generator, as all providers are

    def attributes_of(self, directory: InodeId, size: int) -> ViewAttributes:
        """What stat shows of a directory of this view."""
        record = self.inodes.get(directory)
        permissions = record.mode & _READ_AND_ENTER
        for folder in self.versions.folders_shown(directory):
            permissions &= self.inodes.get(folder).mode
        return ViewAttributes(
            stat.S_IFDIR | permissions,
            record.uid,
            record.gid,
            size,
            record.mtime_ns,
            record.ctime_ns,
            nlink=2,
        )

    def present(self, directory: InodeId, name: bytes) -> InodeId | None:
        """What a name stands for now; None when that is nothing."""
        try:
            return self.namespace.lookup(directory, name)
        except NotFound:
            return None


class NamesDirectory(ViewDirectory):
    """`.versions`: a directory for each name that has versions."""

    def __init__(self, view: VersionsView, directory: InodeId) -> None:
        super().__init__(b"versions\0%d" % directory, directory)
        self._view = view

    def attributes(self) -> Steps[ViewAttributes]:
        """Those of the directory, without what allows to write."""
        return self._view.attributes_of(self.parent, 0)
        yield  # a generator, as all nodes' are

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """The access control list of the directory counts here too."""
        return access_list(self._view.namespace, self.parent, name)
        yield  # a generator, as all nodes' are

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """The versions of a name."""
        if not self._view.versions.shown(self.parent, name):
            raise NotFound(f"{name!r} has no versions")
        return TimesDirectory(self._view, self.parent, name, self.inode)
        yield  # a generator, as all nodes' are

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """Names in order."""
        names = yield from self._view.versions.names_shown(self.parent)
        directory, view = self.parent, self._view
        return [(name, TimesDirectory(view, directory, name, self.inode)) for name in names]


class TimesDirectory(ViewDirectory):
    """`.versions/NAME`: a file for each version."""

    def __init__(
        self, view: VersionsView, directory: InodeId, name: bytes, parent: InodeId
    ) -> None:
        super().__init__(b"versions\0%d/" % directory + name, parent)
        self._view = view
        self._directory = directory
        self._name = name

    def attributes(self) -> Steps[ViewAttributes]:
        """Those of the directory, without what allows to write."""
        found = self._view.versions.shown(self._directory, self._name)
        if not found:
            raise NotFound(f"{self._name!r} has no versions any more")
        shown = self._view.attributes_of(self._directory, len(found))
        newest_ns = found[-1].stamp_us * 1000
        return shown._replace(mtime_ns=newest_ns, ctime_ns=newest_ns)
        yield  # a generator, as all nodes' are

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """The access control list of the directory counts here too."""
        return access_list(self._view.namespace, self._directory, name)
        yield  # a generator, as all nodes' are

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """The version of a moment."""
        stamp = stamp_from_text(name)
        for version in self._view.versions.shown(self._directory, self._name):
            if version.stamp_us == stamp:
                return self._file(version)
        raise NotFound(f"{self._name!r} has no version {name!r}")
        yield  # a generator, as all nodes' are

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """Versions, oldest first."""
        found = self._view.versions.shown(self._directory, self._name)
        return [(stamp_text(each.stamp_us), self._file(each)) for each in found]
        yield  # a generator, as all nodes' are

    def _file(self, version: Version) -> "VersionFile":
        return VersionFile(self._view, version, self._directory, self._name)


class VersionFile(ViewFile):
    """A version. Its bytes never change, so the kernel may keep them."""

    direct = False
    cache_seconds = 1.0  # it may go at any time

    def __init__(
        self, view: VersionsView, version: Version, directory: InodeId, name: bytes
    ) -> None:
        super().__init__(b"version\0%d" % version.inode)
        self._view = view
        self._kept = version.inode
        self._directory = directory
        self._name = name

    def attributes(self) -> Steps[ViewAttributes]:
        """Those the file had, without what allows to write."""
        record = self._view.inodes.get(self._kept)
        mode = stat.S_IFREG | record.mode & (_READ | _EXECUTE) & self._permitted()
        return ViewAttributes(
            mode, record.uid, record.gid, record.size, record.mtime_ns, record.ctime_ns
        )
        yield  # a generator, as all nodes' are

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """The attributes the file had. Raises NoSuchAttribute."""
        return self._view.namespace.get_xattr(self._kept, name)
        yield  # a generator, as all nodes' are

    def _permitted(self) -> int:
        """The permissions that the file of this name leaves to a version.

        Where it has another access list, that says nothing of the version's group and of those
        whom its own list names, so these may do nothing: the kernel does not look at a list when
        the group's bits are off.
        """
        view = self._view
        present = view.present(self._directory, self._name)
        if present is None:
            return _EVERYTHING
        lists = {access_list_or_none(view.namespace, each) for each in (present, self._kept)}
        mode = view.inodes.get(present).mode
        return stat.S_IRWXU | mode & (_EVERYTHING if len(lists) == 1 else stat.S_IRWXO)

    def list_xattrs(self) -> Steps[Sequence[bytes]]:
        """Names of the attributes the file had."""
        return self._view.namespace.list_xattrs(self._kept, with_trusted=False)
        yield  # a generator, as all nodes' are

    def open(self, *, writing: bool) -> Steps[None]:
        """Keep the bytes at hand, even when the version is dropped meanwhile."""
        if writing:
            raise self._read_only()
        self._view.contents.open(self._kept)
        return
        yield  # a generator, as all nodes' are

    def read(self, offset: int, size: int) -> Steps[Buffer]:
        """Some bytes, fewer only at the end."""
        return (yield from self._view.contents.read(self._kept, offset, size))

    def close(self) -> None:
        """Nobody reads it any more: if it has been dropped, its inode goes now.

        Unless it is still known by the name it had.
        """
        self._view.contents.close(self._kept)
        self._view.namespace.close_if_lost(self._kept)
