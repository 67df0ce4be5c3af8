"""What becomes of a series: made, configured, renamed, deleted, restored, removed.

A series is its document in `series/` and the folder of its output, which have the same name. What
is done to one of them is done to the other in the same change. The output of a deleted series lies
in the hidden tree, under the name that its document has in `series/deleted/`; that of a removed one
waits there to be deleted bit by bit.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from fsmodel.change import Change
from fsmodel.documents.commits import Commits, Committed
from fsmodel.errors import AlreadyExists, NotFound
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.series.artifact_names import (
    DOCUMENT_SUFFIX,
    SERIES_NAME_BYTES_MAX,
    document_name,
    series_of_document,
)
from fsmodel.series.artifacts import Artifacts
from fsmodel.series.configs import SeriesConfigs
from fsmodel.series.layout import DELETED, REMOVED, StructuredFolders
from fsmodel.series.series_document import parse_series
from fsmodel.series.unchecked_names import UncheckedNames

KIND_FOLDER_MODE: Final = 0o755

# Told of a directory with other entries than before. Names in it are volatile (assembly.py).
DirectoryChanged = Callable[[InodeId], None]
Forget = Callable[[], None]


class Lifecycle:
    """Keeps documents and output in step. Owner: the thread that owns the index."""

    def __init__(
        self,
        names: UncheckedNames,
        folders: StructuredFolders,
        configs: SeriesConfigs,
        artifacts: Artifacts,
        commits: Commits,
        forget_policies: Forget,
    ) -> None:
        self._names = names
        self._folders = folders
        self._configs = configs
        self._artifacts = artifacts
        self._commits = commits
        self._forget_policies = forget_policies
        self.directory_changed: DirectoryChanged = lambda directory: None
        commits.validators.append(self._validate)
        commits.on_commit.append(self._committed)

    def output_of(self, series: bytes) -> InodeId | None:
        """The folder of an active series' output."""
        return self._names.find(self._folders.output, series)

    def hidden_output_of(self, series: bytes) -> InodeId | None:
        """The folder of a deleted series' output."""
        hidden = self._names.system.find(DELETED)
        return None if hidden is None else self._names.find(hidden, series)

    def configure(self, change: Change, series: bytes, data: bytes, owner: Creator) -> InodeId:
        """Let a series be what its document says; make what is missing of its output."""
        config, output = parse_series(data), self.output_of(series)
        if output is None:
            output = self._names.make_directory(
                change, self._folders.output, series, KIND_FOLDER_MODE, owner
            )
            self.note_changed(change, self._folders.output)
            former = frozenset[str]()
        else:
            former = frozenset(self._configs.of(output).kinds)
        self._configs.set(change, output, config)
        for kind in config.kinds:
            self._make_kind(change, output, kind.encode(), owner)
        for kind in former.difference(config.kinds):
            self._drop_kind(change, output, kind.encode())
        change.when_applied(self._forget_policies)
        return output

    def move_output(self, change: Change, series: bytes, new_name: bytes) -> None:
        """The output of an active series gets another name, if there is any."""
        if self.output_of(series) is None:
            return
        output = self._folders.output
        self._names.rename(change, output, series, output, new_name)
        self.note_changed(change, output)

    def hide_output(self, change: Change, series: bytes, deleted_name: bytes) -> None:
        """The output of a series is no longer shown, but kept."""
        if self.output_of(series) is None:
            return
        hidden = self._names.system.folder(change, DELETED)
        self._names.rename(change, self._folders.output, series, hidden, deleted_name)
        self.note_changed(change, self._folders.output)

    def show_output(self, change: Change, deleted_name: bytes, series: bytes) -> None:
        """The output of a deleted series is back, if it had any."""
        if self.hidden_output_of(deleted_name) is None:
            return
        hidden = self._names.system.folder(change, DELETED)
        self._names.rename(change, hidden, deleted_name, self._folders.output, series)
        self.note_changed(change, self._folders.output)

    def move_hidden_output(self, change: Change, deleted_name: bytes, new_name: bytes) -> None:
        """The document of a deleted series has got another name."""
        if self.hidden_output_of(deleted_name) is not None:
            hidden = self._names.system.folder(change, DELETED)
            self._names.rename(change, hidden, deleted_name, hidden, new_name)

    def remove_output(self, change: Change, deleted_name: bytes) -> None:
        """The output of a deleted series is needed no more; it goes bit by bit.

        Raises NotPermitted when anything in it is locked.
        """
        output = self.hidden_output_of(deleted_name)
        if output is not None:
            self._names.require_unlocked_below(output)
            hidden = self._names.system.folder(change, DELETED)
            removed = self._names.system.folder(change, REMOVED)
            self._names.rename(change, hidden, deleted_name, removed, b"%d" % output)

    def drop_empty_output(self, change: Change, series: bytes) -> None:
        """Remove the output of a series that has none. Raises AlreadyExists if it has some."""
        output = self.output_of(series)
        if output is None:
            return
        if next(self._artifacts.of(output), None) is not None:
            raise AlreadyExists(f"series {series.decode()!a} has output: delete it first")
        for kind in self._configs.of(output).kinds:
            self._drop_kind(change, output, kind.encode())
        self._names.rmdir(change, self._folders.output, series)
        self.note_changed(change, self._folders.output)

    def delete(self, change: Change, series: bytes) -> bytes:
        """Soft delete: the document goes to `deleted/`, the output is hidden.

        Returns the name the document has there. Raises NotFound.
        """
        self._require(self._folders.series, series)
        deleted_name = self._free_name(series)
        self.hide_output(change, series, deleted_name)
        self.move_document(
            change, self._folders.series, series, self._folders.deleted, deleted_name
        )
        return deleted_name

    def move_document(
        self, change: Change, folder: InodeId, series: bytes, new_folder: InodeId, new_name: bytes
    ) -> None:
        """Give a document another place, and tell those who need to know."""
        old, new = document_name(series), document_name(new_name)
        former = self._ref(change, folder, old)
        self._names.rename(change, folder, old, new_folder, new)
        self._commits.tell(change, Committed(folder, old, former, None, None))
        self.note_changed(change, folder)
        self.note_changed(change, new_folder)

    def _validate(self, directory: InodeId, name: bytes, data: bytes) -> None:
        """Raises DocumentInvalid for what is no series' document but should be."""
        if directory in (self._folders.series, self._folders.deleted):
            parse_series(data)

    def _committed(self, change: Change, committed: Committed) -> None:
        series = series_of_document(committed.name)
        if committed.directory == self._folders.series and series and committed.data is not None:
            self.configure(change, series, committed.data, Creator(*committed.owner))

    def _make_kind(self, change: Change, output: InodeId, kind: bytes, owner: Creator) -> None:
        if self._names.find(output, kind) is None:
            self._names.make_directory(change, output, kind, KIND_FOLDER_MODE, owner)
            self.note_changed(change, output)

    def _drop_kind(self, change: Change, output: InodeId, kind: bytes) -> None:
        """Remove the folder of a kind if nothing is in it."""
        folder = self._names.find(output, kind)
        if folder is not None and change.inode(folder).size == 0:
            self._names.rmdir(change, output, kind)
            self.note_changed(change, output)

    def _free_name(self, series: bytes) -> bytes:
        """A name for a deleted series that no other deleted one has."""
        name, number = series, 0
        while self._is_taken(name):
            number += 1
            suffix = b".~%d~" % number
            kept = series[: SERIES_NAME_BYTES_MAX - len(suffix)]
            name = kept.decode(errors="ignore").rstrip().encode() + suffix
        return name

    def _is_taken(self, name: bytes) -> bool:
        document = self._names.find(self._folders.deleted, name + DOCUMENT_SUFFIX)
        return document is not None or self.hidden_output_of(name) is not None

    def _require(self, folder: InodeId, series: bytes) -> None:
        if self._names.find(folder, document_name(series)) is None:
            raise NotFound(f"there is no series {series.decode(errors='backslashreplace')!a}")

    def _ref(self, change: Change, folder: InodeId, name: bytes) -> bytes | None:
        inode = self._names.find(folder, name)
        return None if inode is None else change.inode(inode).content

    def note_changed(self, change: Change, directory: InodeId) -> None:
        """Have the kernel told, once the change is certain."""
        change.when_applied(partial(self._tell_changed, directory))

    def _tell_changed(self, directory: InodeId) -> None:
        self.directory_changed(directory)
