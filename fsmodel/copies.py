"""Clones of files and trees, and restored ones: made aside, made whole, then named."""

from fsmodel.content.contents import Contents
from fsmodel.errors import AlreadyExists, CairnError, InvalidArgument, IsADirectory
from fsmodel.ids import InodeId
from fsmodel.namespace.cloning import Copied, Copier, Finish, unchanged
from fsmodel.namespace.inodes import DIRECTORY, REGULAR, Creator
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.originals import (
    LiveOriginals,
    Original,
    Originals,
    emptied,
    new_file,
)
from fsmodel.namespace.replacing import Replacing
from fsmodel.outside_changes import OutsideChanges
from fsmodel.steps import Steps
from fsmodel.write_guard import WriteGuard


class Copies:
    """Makes copies that share their contents. Owner: the thread that owns the index."""

    def __init__(
        self,
        copier: Copier,
        replacing: Replacing,
        live: LiveOriginals,
        contents: Contents,
        namespace: Namespace,
        outside: OutsideChanges,
        guard: WriteGuard,
    ) -> None:
        self._copier = copier
        self._replacing = replacing
        self._live = live
        self._contents = contents
        self._names = namespace
        self._outside = outside
        self._guard = guard
        self._in_progress: set[bytes] = set()

    def clone(self, source: InodeId, parent: InodeId, name: bytes) -> Steps[InodeId]:
        """Give a file or tree as it is now a copy under a free name.

        Bytes that were written and are not stored yet are not part of it. What is changed while a
        tree is copied may be in the copy or not, as with any copy. Raises AlreadyExists, NotFound,
        NotADirectory, what the policy raises, NoSpace, DataError: then there is no copy.
        """
        return (yield from self.copy(self._live, self._live.original(source), parent, name))

    def copy(
        self, source: Originals, original: Original, parent: InodeId, name: bytes
    ) -> Steps[InodeId]:
        """Give an original, from wherever it comes, a copy under a free name; raises as `clone`."""
        self._require_free(parent, name)
        return (yield from self._copy(source, original, parent, name))

    def restore(
        self, source: Originals, original: Original, parent: InodeId, name: bytes
    ) -> Steps[InodeId]:
        """Let a name stand for a copy of an original, whatever it stands for now.

        Raises as `clone`, and NotPermitted when something that would be replaced is locked.
        """
        return (yield from self._copy(source, original, parent, name, replace=True))

    def put_file(
        self, parent: InodeId, name: bytes, owner: Creator, finish: Finish
    ) -> Steps[InodeId]:
        """Let a name stand for a new file that `finish` gives its content, as a rename would.

        It has mode, owner and attributes of the file it replaces, else those of a new one. Nothing
        comes between this call and the new file. Raises IsADirectory, InvalidArgument where there
        is something else than a file, what the policy raises, DocumentInvalid, NotPermitted,
        NoSpace: then the name stands for what it did.
        """
        return (yield from self.put(self._model(parent, name, owner), parent, name, finish))

    def put(
        self, original: Original, parent: InodeId, name: bytes, finish: Finish = unchanged
    ) -> Steps[InodeId]:
        """Let a name stand for a new inode with the attributes of an original, as a rename would.

        `finish` may give it a content in the same change. Raises IsADirectory where there is one,
        what the policy raises, DocumentInvalid, NotPermitted, NoSpace: then the name stands for
        what it did.
        """
        dirent = self._names.directories.find(parent, name)
        if dirent is not None and dirent.kind == DIRECTORY:
            raise IsADirectory(f"{name.decode(errors='backslashreplace')} is a directory")
        self._guard.require_room()
        self._replacing.check(parent, name, original.mode >> 12)
        copied = self._copier.begin(original, finish)
        try:
            yield from self._replacing.replace(copied, parent, name)
        except CairnError:
            yield from self._replacing.discard(copied.name)
            raise
        self._outside.tell(parent, name)
        return copied.inode

    def put_link(self, inode: InodeId, parent: InodeId, name: bytes) -> None:
        """Let a name stand for a file that has another name; what it stood for is removed.

        Raises IsADirectory, NotFound when the file has no name any more, what the policy raises,
        DocumentInvalid.
        """
        self._guard.require_room()
        with self._names.changes.begin() as change:
            dirent = self._names.directories.find_to_change(change, parent, name)
            former = None if dirent is None else change.inode(InodeId(dirent.inode)).content
            if dirent is not None:
                self._names.links.unlink(change, parent, name)
            self._names.links.link(change, inode, parent, name)
            self._names.file_named(change, parent, name, former)
        self._outside.tell(parent, name)

    def _model(self, parent: InodeId, name: bytes, owner: Creator) -> Original:
        """An empty file as it would be, put in place of the one there is."""
        dirent = self._names.directories.find(parent, name)
        if dirent is None:
            return new_file(owner)
        if dirent.kind == DIRECTORY:
            raise IsADirectory(f"{name.decode(errors='backslashreplace')} is a directory")
        if dirent.kind != REGULAR:
            raise InvalidArgument(f"{name.decode(errors='backslashreplace')} is no regular file")
        return emptied(self._live.original(InodeId(dirent.inode)))

    def clear_leftovers(self) -> Steps[None]:
        """Remove copies that were begun and given up, by this process or a killed one."""
        return self._replacing.clear_leftovers(self._in_progress)

    def _copy(
        self,
        source: Originals,
        original: Original,
        parent: InodeId,
        name: bytes,
        *,
        replace: bool = False,
    ) -> Steps[InodeId]:
        self._guard.require_room()
        self._replacing.check(parent, name, original.mode >> 12)
        yield from self.clear_leftovers()
        copied = self._copier.begin(original)
        self._in_progress.add(copied.name)
        try:
            yield from self._complete(source, original, copied)
            if replace:
                yield from self._replacing.replace(copied, parent, name)
            else:
                self._replacing.put(copied, parent, name)
        except CairnError:
            yield from self._replacing.discard(copied.name)
            raise
        finally:
            self._in_progress.discard(copied.name)
        self._outside.tell(parent, name)
        return copied.inode

    def _complete(self, source: Originals, original: Original, copied: Copied) -> Steps[None]:
        """Copy all that is below, and chunk what was in no content."""
        yield from self._copier.fill(source, original, copied)
        for inode in copied.unsettled:
            yield from self._contents.settle_beside(inode)

    def _require_free(self, parent: InodeId, name: bytes) -> None:
        """Refuse before anything is copied what would be refused in the end."""
        if self._names.directories.find(parent, name) is not None:
            raise AlreadyExists(f"{name.decode(errors='backslashreplace')} exists there already")
