"""How the nodes of views are found, and told to the kernel with their attributes.

An entry that the kernel is told of is one that it holds from then on, until it forgets it.
"""

import stat

import pyfuse3
from pyfuse3 import EntryAttributes, FileNameT, InodeT, ModeT, ReaddirToken

from daemon.attributes import attributes_in_view, attributes_of
from daemon.view_handles import Beliefs
from daemon.workers import Workers
from fsmodel.errors import DataError, NotFound
from fsmodel.ids import InodeId
from fsmodel.views.nodes import (
    ViewAttributes,
    ViewDirectory,
    ViewFile,
    ViewLink,
    ViewNode,
    is_view,
)
from fsmodel.views.views import Found
from fsmodel.volume import Volume


class ViewEntries:
    """Entries of views. Owner of its state: the event-loop thread."""

    def __init__(self, volume: Volume, workers: Workers, beliefs: Beliefs) -> None:
        self._volume = volume
        self._views = volume.views
        self._workers = workers
        self._beliefs = beliefs

    async def find(self, parent: InodeId, name: bytes) -> Found:
        """A view in a stored directory, or what a name in a view stands for. Raises NotFound."""
        if not is_view(parent):
            view = await self._workers.drive(self._views.view_of(parent, name))
            if view is None:
                raise NotFound(f"no view {name!r} in directory {parent}")
            return view
        if name == b".":
            return self._views.node(parent)
        directory = self._views.directory(parent)
        if name != b"..":
            return await self._workers.drive(directory.lookup(name))
        above = directory.parent
        return self._views.node(above) if is_view(above) else above

    async def counted(self, found: Found, *, made: bool = False) -> EntryAttributes:
        """The attributes for a reply that makes the kernel hold what was found once more."""
        if not isinstance(found, ViewNode):
            entry = self._stored_entry(found)
            self._volume.hold(found)
            return entry
        attributes = await self._workers.drive(found.attributes())
        entry = self._entry(found, attributes, made=made)
        self._hold(found, attributes, entry)
        return entry

    async def reply(self, token: ReaddirToken, name: bytes, found: Found, cookie: int) -> bool:
        """List one entry, which the kernel then holds; False when there is no room for it."""
        try:
            if not isinstance(found, ViewNode):
                entry = self._stored_entry(found)
                if told := pyfuse3.readdir_reply(token, FileNameT(name), entry, cookie):
                    self._volume.hold(found)
                return told
            attributes = await self._listed_attributes(found)
        except NotFound:
            return True  # it has gone meanwhile
        entry = self._entry(found, attributes)
        if told := pyfuse3.readdir_reply(token, FileNameT(name), entry, cookie):
            self._hold(found, attributes, entry)
        return told

    async def _listed_attributes(self, node: ViewNode) -> ViewAttributes:
        """Those of an entry; of one that cannot be read its type alone, for now.

        So the others are listed all the same, and who asks for that one is told. Raises NotFound.
        """
        try:
            return await self._workers.drive(node.attributes())
        except DataError:
            node.cache_seconds = 0.0
            return ViewAttributes(_type_of(node), 0, 0, 0, 0, 0)

    def _entry(
        self, node: ViewNode, attributes: ViewAttributes, *, made: bool = False
    ) -> EntryAttributes:
        generation = 0
        if isinstance(node, ViewFile):
            generation = self._beliefs.generation(node.inode, attributes, made=made)
        return attributes_in_view(node, attributes, generation)

    def _hold(self, node: ViewNode, attributes: ViewAttributes, entry: EntryAttributes) -> None:
        self._views.hold(node)
        if isinstance(node, ViewFile):
            self._beliefs.told(node.inode, entry.generation, attributes)

    def _stored_entry(self, inode: InodeId) -> EntryAttributes:
        """A stored inode under a name that a view gives it: that name may go at any time."""
        entry = attributes_of(inode, *self._volume.attributes(inode))
        entry.entry_timeout = 0.0
        return entry


def _type_of(node: ViewNode) -> int:
    if isinstance(node, ViewDirectory):
        return stat.S_IFDIR
    return stat.S_IFLNK if isinstance(node, ViewLink) else stat.S_IFREG


def reply_dot(token: ReaddirToken, name: bytes, inode: InodeId, cookie: int) -> bool:
    """List '.' or '..', of which the kernel wants no more than the number."""
    entry = EntryAttributes()
    entry.st_ino = InodeT(inode)
    entry.st_mode = ModeT(stat.S_IFDIR)
    return pyfuse3.readdir_reply(token, FileNameT(name), entry, cookie)
