"""The series of a store, for commands: what there is, and what can be done about it."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from fsmodel.change import Change, Changes
from fsmodel.content.whole import WholeContents
from fsmodel.documents.commits import Commits, Committed
from fsmodel.errors import AlreadyExists, DataError, NotFound
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import NO_RENAME_FLAGS
from fsmodel.outside_changes import EntryChanged
from fsmodel.series.artifact_names import (
    check_address,
    check_series_name,
    document_name,
    series_of_document,
)
from fsmodel.series.artifacts import Artifact, Artifacts
from fsmodel.series.layout import StructuredFolders
from fsmodel.series.lifecycle import Lifecycle
from fsmodel.series.series_document import (
    DEFAULT_DOCUMENT,
    SeriesConfig,
    description_of,
    parse_series,
)
from fsmodel.series.unchecked_names import UncheckedNames
from fsmodel.steps import Steps

DOCUMENT_MODE: Final = 0o644
NOTHING_KNOWN: Final = SeriesConfig(kinds={})


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """One series."""

    name: bytes
    deleted: bool
    description: str
    kinds: tuple[str, ...]
    artifacts: int


class AddressStatus(NamedTuple):
    """Which kinds of artifacts an address has."""

    address: bytes
    kinds: tuple[bytes, ...]


class AllSeries:
    """Answers and acts. Owner: the thread that owns the index."""

    def __init__(
        self,
        changes: Changes,
        namespace: Namespace,
        names: UncheckedNames,
        folders: StructuredFolders,
        lifecycle: Lifecycle,
        artifacts: Artifacts,
        whole: WholeContents,
        commits: Commits,
    ) -> None:
        self._changes = changes
        self._namespace = namespace
        self._names = names
        self._folders = folders
        self._lifecycle = lifecycle
        self._artifacts = artifacts
        self._whole = whole
        self._commits = commits
        self.entry_changed: EntryChanged = lambda directory, name: None

    def describe(self) -> Steps[list[SeriesInfo]]:
        """All series, the active ones first, each by name."""
        found = []
        for folder, deleted in ((self._folders.series, False), (self._folders.deleted, True)):
            for name, inode in sorted(self._documents(folder)):
                with suppress(NotFound):  # it has gone meanwhile
                    found.append((yield from self._info(name, inode, deleted=deleted)))
        return found

    def create(self, series: bytes, document: bytes | None, owner: Creator) -> Steps[None]:
        """Make a series with this document, or with the default one.

        Raises AlreadyExists, NameInvalid, DocumentInvalid, NoSpace.
        """
        check_series_name(series)
        name, data = document_name(series), DEFAULT_DOCUMENT if document is None else document
        self._commits.check(self._folders.series, name, data)
        file = yield from self._whole.store(data)
        with self._changes.begin() as change:
            folder = self._folders.series
            if self._names.find(folder, name) is not None:
                raise AlreadyExists(f"there is a series {series.decode()!a} already")
            inode = self._names.make_file(change, folder, name, DOCUMENT_MODE, owner)
            self._whole.put(change, change.edit(inode), file)
            content = change.inode(inode).content
            self._commits.tell(
                change, Committed(folder, name, None, content, data, (owner.uid, owner.gid))
            )
            self._lifecycle.note_changed(change, folder)

    def delete(self, series: bytes) -> None:
        """Delete a series so that it can be restored. Raises NotFound."""
        self._require(self._folders.series, series)
        self._namespace.unlink(self._folders.series, document_name(series))

    def restore(self, series: bytes, new_name: bytes | None = None) -> None:
        """Take back the deletion of a series. Raises NotFound, AlreadyExists, NameInvalid."""
        self._require(self._folders.deleted, series)
        wanted = series if new_name is None else new_name
        check_series_name(wanted)
        self._namespace.rename(
            self._folders.deleted,
            document_name(series),
            self._folders.series,
            document_name(wanted),
            NO_RENAME_FLAGS,
        )

    def clean(self, series: bytes, address: bytes) -> list[bytes]:
        """Remove the artifacts of an address, of all kinds, in one change.

        Returns their paths from the root. Raises NotFound for an unknown series, NameInvalid.
        """
        check_address(address)
        output = self._output(series)
        found = list(self._artifacts.of(output, address))
        gone: list[tuple[InodeId, bytes]] = []
        with self._changes.begin() as change:
            for artifact in found:
                folder = self._names.find(output, artifact.kind)
                assert folder is not None
                self._unlink(change, folder, artifact)
                gone.append((folder, artifact.name))
        for folder, name in gone:
            self.entry_changed(folder, name)
        return [b"/".join((b"output", series, each.kind, each.name)) for each in found]

    def status(self, series: bytes, address: bytes | None = None) -> Iterator[AddressStatus]:
        """Which kinds of artifacts each address has; of one, if one is given.

        Raises NotFound, NameInvalid.
        """
        if address is not None:
            check_address(address)
        output = self._output(series)
        return _by_address(self._artifacts.of(output, address))

    def _unlink(self, change: Change, folder: InodeId, artifact: Artifact) -> None:
        former = change.inode(self._namespace.directories.lookup(folder, artifact.name)).content
        is_document = self._commits.is_document(folder, artifact.name)
        self._namespace.links.unlink(change, folder, artifact.name)
        if is_document:
            self._commits.tell(change, Committed(folder, artifact.name, former, None, None))

    def _documents(self, folder: InodeId) -> Iterator[tuple[bytes, InodeId]]:
        for entry in self._namespace.list_entries(folder):
            series = series_of_document(entry.name)
            if series is not None:
                yield series, entry.inode

    def _info(self, name: bytes, inode: InodeId, *, deleted: bool) -> Steps[SeriesInfo]:
        record = self._namespace.record(inode)
        output = (
            self._lifecycle.hidden_output_of(name) if deleted else self._lifecycle.output_of(name)
        )
        try:
            data = yield from self._whole.read(record.content)
            description, config = description_of(data), parse_series(data)
        except DataError as error:  # the others are told all the same
            description, config = f"its document cannot be read: {error}", NOTHING_KNOWN
        return SeriesInfo(
            name=name,
            deleted=deleted,
            description=description,
            kinds=tuple(config.kinds),
            artifacts=0 if output is None else sum(1 for _ in self._artifacts.of(output)),
        )

    def _output(self, series: bytes) -> InodeId:
        output = self._lifecycle.output_of(series)
        if output is None:
            raise NotFound(_unknown(series))
        return output

    def _require(self, folder: InodeId, series: bytes) -> None:
        if self._names.find(folder, document_name(series)) is None:
            raise NotFound(_unknown(series))


def _by_address(artifacts: Iterator[Artifact]) -> Iterator[AddressStatus]:
    for address, group in groupby(artifacts, key=lambda artifact: artifact.address):
        yield AddressStatus(address, tuple(dict.fromkeys(each.kind for each in group)))


def _unknown(series: bytes) -> str:
    return f"there is no series {series.decode(errors='backslashreplace')!a} here"
