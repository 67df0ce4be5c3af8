"""The views of a volume: which directory shows which, and the nodes that somebody outside knows.

A view has a reserved name (fsmodel/namespace/names.py) and a provider, which says in which
directories it is and what it shows there. Nothing of it is stored. So a node is kept here as long
as the kernel knows it by its number, and found again by looking its name up when it does not.
"""

from fsmodel.errors import (
    AlreadyExists,
    CrossesDevice,
    InvalidArgument,
    NotADirectory,
    NotFound,
    NotPermitted,
    Stale,
)
from fsmodel.ids import InodeId
from fsmodel.namespace.names import is_view_name
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import Steps
from fsmodel.views.nodes import ViewDirectory, ViewNode

Found = ViewNode | InodeId  # what a name in a view stands for: a node, or a stored inode


class ViewProvider:
    """Shows the view of one reserved name. Owner: the thread that owns the index."""

    def view_in(self, directory: InodeId) -> Steps[ViewDirectory | None]:
        """The view as this stored directory has it; None if it has none."""
        raise NotImplementedError

    def is_listed(self, directory: InodeId) -> bool:
        """Whether a listing of the directory shows the view; it can be entered anyway."""
        return False

    def remove(self, directory: InodeId) -> Steps[None]:
        """rmdir(2) of the view itself, as `rm -rf` of the directory does. Raises NotPermitted.

        A view that is listed has to accept that when it is empty, or nobody could remove the
        directory.
        """
        raise NotPermitted("this is a view: it is always there")


class Views:
    """Finds views and keeps known nodes. Owner: the thread that owns the index."""

    def __init__(self) -> None:
        self._providers: dict[bytes, ViewProvider] = {}
        self._nodes: dict[InodeId, ViewNode] = {}
        self._holds: dict[InodeId, int] = {}

    def register(self, name: bytes, provider: ViewProvider) -> None:
        """Let a provider answer for a reserved name."""
        self._providers[name] = provider

    def view_of(self, directory: InodeId, name: bytes) -> Steps[ViewDirectory | None]:
        """What a stored directory shows under the name of a view; None when that is nothing."""
        provider = self._providers.get(name) if is_view_name(directory, name) else None
        return None if provider is None else (yield from provider.view_in(directory))

    def listed(self, directory: InodeId) -> list[bytes]:
        """The names of views that a listing of a stored directory ends with."""
        return [
            name
            for name, provider in self._providers.items()
            if is_view_name(directory, name) and provider.is_listed(directory)
        ]

    def remove(self, directory: InodeId, name: bytes) -> Steps[None]:
        """rmdir(2) of a view. Raises NotFound, and what its provider raises."""
        if (yield from self.view_of(directory, name)) is None:
            raise NotFound(f"no view {name!r} in directory {directory}")
        yield from self._providers[name].remove(directory)

    def rename(
        self, parent: InodeId, name: bytes, new_parent: InodeId, new_name: bytes, flags: RenameFlag
    ) -> Steps[None]:
        """rename(2) of an entry within a view.

        Raises CrossesDevice between views and stored directories, InvalidArgument for flags but
        NOREPLACE, AlreadyExists, and what the node raises.
        """
        source, target = self._nodes.get(parent), self._nodes.get(new_parent)
        if not isinstance(source, ViewDirectory) or not isinstance(target, ViewDirectory):
            raise CrossesDevice("views and stored directories are no one filesystem")
        if flags & ~RenameFlag.NOREPLACE:
            raise InvalidArgument("entries of views can only be moved and replaced")
        if flags and (yield from _has(target, new_name)):
            raise AlreadyExists(f"entry {new_name!r} exists in the view")
        yield from source.rename(name, target, new_name)

    # Nodes that are known outside

    def node(self, inode: InodeId) -> ViewNode:
        """The node that was told last under a number. Raises Stale."""
        node = self._nodes.get(inode)
        if node is None:
            raise Stale(f"view node {inode} is no longer known: look it up again")
        return node

    def directory(self, inode: InodeId) -> ViewDirectory:
        """The same for directories. Raises Stale, NotADirectory."""
        node = self.node(inode)
        if not isinstance(node, ViewDirectory):
            raise NotADirectory(f"view node {inode} is no directory")
        return node

    def hold(self, node: ViewNode) -> None:
        """Somebody has been told of a node once more; what he was told before now means this."""
        self._nodes[node.inode] = node
        self._holds[node.inode] = self._holds.get(node.inode, 0) + 1

    def give_back(self, inode: InodeId, times: int) -> bool:
        """Some of the holds end; tell whether none is left."""
        left = self._holds.get(inode, 0) - times
        if left > 0:
            self._holds[inode] = left
            return False
        self._holds.pop(inode, None)
        self._nodes.pop(inode, None)
        return True


def _has(directory: ViewDirectory, name: bytes) -> Steps[bool]:
    try:
        yield from directory.lookup(name)
    except NotFound:
        return False
    return True
