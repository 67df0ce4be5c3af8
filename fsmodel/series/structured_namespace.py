"""The namespace of a store with structured folders: some names mean more there.

    mkdir output/NAME               makes series/NAME.json as well; rmdir deletes the series
    rm series/NAME.json             moves it to series/deleted/, and hides the output
    rm series/deleted/NAME.json     is final
    mv of documents and of output   takes the other half of the series along
    a name for a JSON document      commits it: it is checked, and those who follow it are told

Each is one change, as every method of Namespace.
"""

from typing import Final

from fsmodel.change import Change
from fsmodel.documents.commits import Commits, Committed
from fsmodel.errors import AlreadyExists, DocumentInvalid, InvalidArgument, NotPermitted
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.former_names import FormerNames
from fsmodel.namespace.inodes import DIRECTORY, REGULAR, Creator, kind_of
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import NO_RENAME_FLAGS, ROOT_CREATOR, RenameFlag
from fsmodel.series.artifact_names import DOCUMENT_SUFFIX, document_name, series_of_document
from fsmodel.series.default_document import DefaultDocument, Put
from fsmodel.series.layout import StructuredFolders
from fsmodel.series.lifecycle import Lifecycle
from fsmodel.series.places import Places
from fsmodel.series.tree_moves import TreeMoves
from fsmodel.series.unchecked_names import UncheckedNames
from lmdb_index.records import InodeFlag

DOCUMENT_MODE: Final = 0o644


class StructuredNamespace(Namespace):
    """Names and attributes. Owner: the thread that owns the index."""

    def structure(
        self,
        folders: StructuredFolders,
        lifecycle: Lifecycle,
        commits: Commits,
        unchecked: UncheckedNames,
        default_document: DefaultDocument,
        places: Places,
        tree_moves: TreeMoves,
    ) -> None:
        """Told once, when the parts that need a namespace themselves have been made."""
        self._folders = folders
        self._ruled = frozenset((ROOT_INODE, folders.series, folders.deleted, folders.output))
        self._lifecycle = lifecycle
        self._commits = commits
        self._unchecked = unchecked
        self._default_document = default_document
        self._places = places
        self._tree_moves = tree_moves

    def keep_former(self, former: FormerNames) -> None:
        """From now on somebody keeps files whose last name goes."""
        super().keep_former(former)
        self._unchecked.keep_former(former)

    def make_directory(self, parent: InodeId, name: bytes, mode: int, creator: Creator) -> InodeId:
        """mkdir(2); in `output/`, a series. Raises as Namespace.make_directory."""
        if parent != self._folders.output:
            return super().make_directory(parent, name, mode, creator)
        put_default = self._default_document.prepared()
        with self.changes.begin() as change:
            made = self.creation.make_directory(change, parent, name, mode, creator)
            self._make_document(change, name, creator, put_default)
            return made

    def make_node(
        self, parent: InodeId, name: bytes, mode: int, rdev: int, creator: Creator
    ) -> InodeId:
        """mknod(2). No empty file is a document. Raises DocumentInvalid."""
        if self._commits.is_document(parent, name):
            raise DocumentInvalid(f"{name!r}: an empty file is no JSON document")
        return super().make_node(parent, name, mode, rdev, creator)

    def file_named(
        self, change: Change, parent: InodeId, name: bytes, former: bytes | None
    ) -> None:
        """A name for a document commits it. Raises DocumentInvalid."""
        if self._commits.is_document(parent, name):
            self._commit(change, parent, name, former)

    def unlink(self, parent: InodeId, name: bytes) -> InodeId:
        """unlink(2); of a series' document, a deletion. Raises as Namespace.unlink."""
        series = series_of_document(name)
        if parent == self._folders.series and series is not None:
            return self._delete_series(name, series)
        if not self._commits.is_document(parent, name):
            return super().unlink(parent, name)
        with self.changes.begin() as change:
            former = self._content(change, parent, name)
            unlinked = self.links.unlink(change, parent, name)
            if parent == self._folders.deleted and series is not None:
                self._lifecycle.remove_output(change, series)
            self._commits.tell(change, Committed(parent, name, former, None, None))
            return unlinked

    def rmdir(self, parent: InodeId, name: bytes) -> InodeId:
        """rmdir(2); in `output/`, the deletion of a series without artifacts."""
        self._require_removable(parent, name)
        if parent != self._folders.output:
            return super().rmdir(parent, name)
        with self.changes.begin() as change:
            removed = self.links.rmdir(change, parent, name)
            if self._unchecked.find(self._folders.series, document_name(name)) is not None:
                self._lifecycle.delete(change, name)
            return removed

    def rename(
        self,
        parent: InodeId,
        name: bytes,
        new_parent: InodeId,
        new_name: bytes,
        flags: RenameFlag = NO_RENAME_FLAGS,
        creator: Creator = ROOT_CREATOR,
    ) -> None:
        """renameat2(2), with what it means for series and documents. Raises as Renames.rename."""
        if self._is_mere_name(parent, name) and self._is_mere_name(new_parent, new_name):
            return super().rename(parent, name, new_parent, new_name, flags, creator)
        self._require_removable(parent, name)
        self._require_removable(new_parent, new_name)
        put_default = self._default_for(parent, new_parent)
        if parent == new_parent and name == new_name:
            return super().rename(parent, name, new_parent, new_name, flags, creator)
        with self.changes.begin() as change:
            if self._is_series(parent, name) and self._is_series(new_parent, new_name):
                self._rename_series(change, parent, name, new_parent, new_name, flags)
                return None
            former = self._documents_at(change, (parent, name), (new_parent, new_name))
            trees = self._trees_at(parent, name, new_parent, new_name)
            for tree in trees:
                self._tree_moves.leaves(change, tree)
            if parent == new_parent == self._folders.output:
                self._check_output_rename(new_name, flags)
            self.renames.rename(change, parent, name, new_parent, new_name, flags, creator)
            for tree in trees:
                self._adopt(change, tree, put_default)
                self._tree_moves.arrived(change, tree)
            self._commit_ends(change, former)
            if parent == new_parent == self._folders.output:
                self._rename_document_of(change, name, new_name)
        return None

    # Series

    def _make_document(
        self, change: Change, series: bytes, creator: Creator, put_default: Put
    ) -> None:
        """The default document of a series whose folder has just been made."""
        folder, name = self._folders.series, document_name(series)
        inode = self._unchecked.find(folder, name)
        if inode is None:
            inode = self._unchecked.make_file(change, folder, name, DOCUMENT_MODE, creator)
            put_default(change, inode)
            self._lifecycle.note_changed(change, folder)
        self._commit(change, folder, name, None)

    def _delete_series(self, name: bytes, series: bytes) -> InodeId:
        with self.changes.begin() as change:
            dirent = self.directories.require(change, self._folders.series, name)
            deleted_name = self._lifecycle.delete(change, series)
            self._commit(change, self._folders.deleted, document_name(deleted_name), None)
            return InodeId(dirent.inode)

    def _rename_series(
        self,
        change: Change,
        parent: InodeId,
        name: bytes,
        new_parent: InodeId,
        new_name: bytes,
        flags: RenameFlag,
    ) -> None:
        """One document gets the name of another: the output goes with it."""
        if flags & ~RenameFlag.NOREPLACE:
            raise InvalidArgument("documents of series cannot be exchanged: write them instead")
        series, new_series = series_of_document(name), series_of_document(new_name)
        assert series is not None and new_series is not None
        dirent = self.directories.require(change, parent, name)
        self.policy.check_entry(new_parent, new_name, dirent.kind)
        former = self._content(change, new_parent, new_name)
        if former is not None:
            self._require_replaceable(parent, new_parent, new_series, flags)
            self._lifecycle.drop_empty_output(change, series)
        elif parent == new_parent == self._folders.series:
            self._lifecycle.move_output(change, series, new_series)
        elif parent == self._folders.series:
            self._lifecycle.hide_output(change, series, new_series)
        elif new_parent == self._folders.series:
            self._lifecycle.show_output(change, series, new_series)
        else:
            self._lifecycle.move_hidden_output(change, series, new_series)
        self._lifecycle.move_document(change, parent, series, new_parent, new_series)
        self._commit(change, new_parent, new_name, former)

    def _require_replaceable(
        self, parent: InodeId, new_parent: InodeId, series: bytes, flags: RenameFlag
    ) -> None:
        """A document replaces another one only where both are those of active series."""
        if not parent == new_parent == self._folders.series or flags & RenameFlag.NOREPLACE:
            raise AlreadyExists(f"there is a series {series.decode()!a} already")

    def _check_output_rename(self, new_name: bytes, flags: RenameFlag) -> None:
        """Raises AlreadyExists, InvalidArgument."""
        if flags & ~RenameFlag.NOREPLACE:
            raise InvalidArgument("the output of series cannot be exchanged")
        if self._unchecked.find(self._folders.series, document_name(new_name)) is not None:
            raise AlreadyExists(f"there is a series {new_name!r} already")

    def _rename_document_of(self, change: Change, name: bytes, new_name: bytes) -> None:
        """The folder of a series' output has got another name: so does its document."""
        series = self._folders.series
        if self._unchecked.find(series, document_name(name)) is not None:
            self._lifecycle.move_document(change, series, name, series, new_name)
            self._commit(change, series, document_name(new_name), None)

    def _trees_at(
        self, parent: InodeId, name: bytes, new_parent: InodeId, new_name: bytes
    ) -> list[InodeId]:
        """The directories of a rename that gives a copy its place: it, and what it replaces."""
        if not self._places.are_aside(parent, new_parent):
            return []
        ends = (parent, name), (new_parent, new_name)
        found = [self.directories.find(*end) for end in ends]
        return [InodeId(dirent.inode) for dirent in found if dirent and dirent.kind == DIRECTORY]

    def _default_for(self, parent: InodeId, new_parent: InodeId) -> Put | None:
        """What a new series begins with, if a copy may become one."""
        if new_parent == self._folders.output and self._places.are_aside(parent):
            return self._default_document.prepared()
        return None

    def _adopt(self, change: Change, tree: InodeId, put_default: Put | None) -> None:
        """A copy that lies in `output/` now is the output of a series, which has a document."""
        record = change.inode(tree)
        if record.parent == self._folders.output and put_default is not None:
            name = self.directories.name_of(change, tree)
            self._make_document(change, name, Creator(record.uid, record.gid), put_default)

    def _is_mere_name(self, directory: InodeId, name: bytes) -> bool:
        """Whether nothing follows from what is done to a name, as of most: nothing is looked up.

        It is no document's, no structured folder's and none of their folders', and not hidden.
        """
        if name.endswith(DOCUMENT_SUFFIX) or directory in self._ruled:
            return False
        return not self._inodes.get(directory).flags & InodeFlag.HIDDEN

    def _is_series(self, directory: InodeId, name: bytes) -> bool:
        is_folder = directory in (self._folders.series, self._folders.deleted)
        return is_folder and series_of_document(name) is not None

    def _require_removable(self, directory: InodeId, name: bytes) -> None:
        if directory not in (ROOT_INODE, self._folders.series):
            return  # nothing is looked up for most names
        dirent = self.directories.find(directory, name)
        if dirent is not None and dirent.inode in self._folders:
            raise NotPermitted("series/, series/deleted/ and output/ are always there")

    # Documents

    def _commit(
        self, change: Change, directory: InodeId, name: bytes, former: bytes | None
    ) -> None:
        """What has this name now is a document. Raises DocumentInvalid."""
        dirent = self.directories.find(directory, name)
        if dirent is None:
            return
        record = change.inode(InodeId(dirent.inode))
        if kind_of(record) != REGULAR:
            return
        if record.flags & InodeFlag.UNSETTLED:
            raise DocumentInvalid(f"{name!r}: still being written: close it first")
        data = self._commits.read(name, record.content, record.size)
        self._commits.check(directory, name, data)
        owner = (record.uid, record.gid)
        self._commits.tell(change, Committed(directory, name, former, record.content, data, owner))

    def _content(self, change: Change, directory: InodeId, name: bytes) -> bytes | None:
        dirent = self.directories.find(directory, name)
        return None if dirent is None else change.inode(InodeId(dirent.inode)).content

    def _documents_at(
        self, change: Change, *ends: tuple[InodeId, bytes]
    ) -> dict[tuple[InodeId, bytes], bytes | None]:
        """Of the ends of a rename those that are documents, and their contents before it."""
        return {end: self._content(change, *end) for end in ends if self._commits.is_document(*end)}

    def _commit_ends(
        self, change: Change, former: dict[tuple[InodeId, bytes], bytes | None]
    ) -> None:
        """After a rename: commit what has a document's name now. Raises DocumentInvalid."""
        for (directory, name), content in former.items():
            if self.directories.find(directory, name) is not None:
                self._commit(change, directory, name, content)
            elif content is not None:
                self._commits.tell(change, Committed(directory, name, content, None, None))
