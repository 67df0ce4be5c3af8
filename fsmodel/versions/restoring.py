"""Lets a name stand for one of its versions again.

It is a new file that replaces the one that is there, as a rename would do it: whoever has the
former one open keeps it, and the former one becomes a version by the same rule as always.
"""

from fsmodel.change import Change
from fsmodel.content.content_ref import object_of
from fsmodel.errors import AlreadyExists, NotFound
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import REGULAR, Creator
from fsmodel.steps import Steps
from fsmodel.versions.version_folders import Names
from fsmodel.versions.version_parts import VersionParts
from fsmodel.versions.versions import VersionInfo, Versions


class Restoring:
    """Brings versions back. Owner: the thread that owns the index."""

    def __init__(self, parts: VersionParts, versions: Versions) -> None:
        self._parts = parts
        self._versions = versions

    def restore(
        self, path: Names, name: bytes, stamp_us: int | None
    ) -> Steps[tuple[VersionInfo, InodeId]]:
        """Bring back the version of a moment, or the last one; return it and the directory.

        The file has owner, mode and attributes of the one it replaces, else those of the version.
        Raises NotFound, AlreadyExists for what is no file, NotPermitted for a locked one,
        DocumentInvalid, and what the policy of names raises.
        """
        directory = self._parts.namespace.resolve(b"/" + b"/".join(path))
        version = self._choose(path, name, stamp_us)
        yield from self._parts.contents.settle_beside(version.inode)  # a kill may have left it
        with self._parts.changes.begin() as change:
            self._put_back(change, directory, name, version.inode)
        return version, directory

    def _choose(self, path: Names, name: bytes, stamp_us: int | None) -> VersionInfo:
        found = self._versions.at(path, name)
        if not found:
            raise NotFound(f"{name!r} has no versions there")
        if stamp_us is None:
            return found[-1]
        for version in found:
            if version.stamp_us == stamp_us:
                return version
        raise NotFound(f"{name!r} has no version of that time")

    def _put_back(self, change: Change, directory: InodeId, name: bytes, version: InodeId) -> None:
        names, operation = self._parts.namespace, change.operation
        kept, model, former = change.inode(version), version, None
        dirent = names.directories.find(directory, name)
        if dirent is not None:
            if dirent.kind != REGULAR:
                raise AlreadyExists(f"{name!r} is no file: move it away, then restore")
            model = InodeId(dirent.inode)
            former = change.inode(model).content
        attributes = self._attributes(model)
        record = change.inode(model)
        if dirent is not None:
            names.links.unlink(change, directory, name)
        creator = Creator(record.uid, record.gid)
        made = names.creation.make_node(change, directory, name, record.mode, 0, creator)
        for attribute, value in attributes:
            names.xattrs.put(change, made, attribute, value)
        restored = change.edit(made)
        restored.mode, restored.gid = record.mode, record.gid
        named = object_of(kept.content)
        if named is not None:
            self._parts.objects.add_reference(change, named)
        restored.content, restored.content_size = kept.content, kept.size
        restored.size = kept.size
        operation.add("logical_bytes", kept.size)
        names.file_named(change, directory, name, former)

    def _attributes(self, inode: InodeId) -> list[tuple[bytes, bytes]]:
        xattrs, record = self._parts.namespace.xattrs, self._parts.inodes.get(inode)
        names = xattrs.names(inode, record)
        return [(name, xattrs.find(inode, record, name) or b"") for name in names]
