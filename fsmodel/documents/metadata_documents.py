"""Metadata documents of a directory: one for each content that its files have.

A document is what is known of the content, and the analysis that somebody has written. One whose
file is not there yet waits: it is found by its name, and shown with its file once that has come.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from fsmodel.content.digests import Digests
from fsmodel.documents.analyses import Analyses, Analysis
from fsmodel.documents.content_figures import ContentFigures
from fsmodel.documents.directory_hashes import DirectoryHashes, HashedFile
from fsmodel.documents.metadata_document import (
    NOTHING_KEPT,
    Facts,
    kept_of,
    shown,
    shown_waiting,
)
from fsmodel.documents.recent_resets import RecentResets
from fsmodel.errors import DocumentInvalid, NotFound, NotPermitted
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import AttributeChange, Creator
from fsmodel.steps import Steps, Work
from lmdb_index.records import InodeRecord

ROOT_UID: Final = 0

CountVersions = Callable[[InodeId, bytes], int]  # earlier contents of a name in a directory


class ShownDocument(NamedTuple):
    """A document as it is read, and what stat says of it. It follows its files."""

    text: bytes
    permissions: int
    uid: int
    gid: int
    mtime_ns: int  # of the file or the analysis, whichever changed later
    ctime_ns: int
    follows: InodeId | None  # the file that has these permissions; None of one that waits


class MetadataDocuments:
    """Shows and takes documents. Owner: the thread that owns the index."""

    def __init__(
        self,
        inodes: InodeTable,
        digests: Digests,
        hashes: DirectoryHashes,
        analyses: Analyses,
        resets: RecentResets,
        figures: ContentFigures,
        count_versions: CountVersions,
        paths_of: Callable[[InodeId], list[bytes]],
    ) -> None:
        self._inodes = inodes
        self._digests = digests
        self._hashes = hashes
        self._analyses = analyses
        self._resets = resets
        self._figures = figures
        self._count_versions = count_versions
        self._paths_of = paths_of

    def names(self, directory: InodeId, digits: str = "") -> Steps[list[str]]:
        """The hashes of the documents that are listed and begin so, in order.

        Raises NotFound, NoSpace.
        """
        hashes = yield from self._hashes.hashes(directory, bytes.fromhex(digits))
        return [sha256.hex() for sha256 in hashes]

    def has(self, directory: InodeId, sha256: str) -> Steps[bool]:
        """Whether a document is found by its name."""
        if (yield from self._hashes.files_with(directory, bytes.fromhex(sha256))):
            return True
        analysis = self._analyses.find(sha256)
        return analysis is not None and analysis.waits

    def shown(self, directory: InodeId, sha256: str) -> Steps[ShownDocument]:
        """A document as it is now. Raises NotFound, DataError."""
        files = yield from self._hashes.files_with(directory, bytes.fromhex(sha256))
        analysis = self._analyses.find(sha256)
        if not files and (analysis is None or not analysis.waits):
            raise NotFound(f"no document {sha256} in directory {directory}")
        kept = NOTHING_KEPT if analysis is None else (yield from self._analyses.read(analysis))
        if not files:
            assert analysis is not None
            return _stamped(shown_waiting(kept, sha256), [analysis.record], None)
        records = [self._inodes.get(file.inode) for file in files]
        facts = yield from self._facts(directory, sha256, files, records[0])
        stamping = records if analysis is None else [*records, analysis.record]
        return _stamped(shown(kept, facts), stamping, files[0].inode)

    def write(
        self,
        directory: InodeId,
        sha256: str,
        data: bytes,
        owner: Creator,
        mode: int,
        mtime_ns: int | None,
        writer: int,
    ) -> Steps[None]:
        """Take a document written under the name of a hash, by a user of this uid.

        What says nothing about a content that is there is not stored. Raises DocumentInvalid,
        NoSpace, NotPermitted.
        """
        try:
            kept: bytes = yield Work(partial(kept_of, data, sha256), len(data))
        except DocumentInvalid as error:
            reason = f"{self._path(directory, sha256)}: {error}: the document stays as it was"
            raise DocumentInvalid(reason) from error
        files = yield from self._hashes.files_with(directory, bytes.fromhex(sha256))
        if not files:
            self._require_own(sha256, writer)
        self._resets.forget(directory, sha256)
        if kept == NOTHING_KEPT and files:
            self._analyses.reset(sha256)
        else:
            yield from self._analyses.set(
                sha256, kept, owner, mode=mode, mtime_ns=mtime_ns, waits=not files
            )

    def is_analysed(self, sha256: str) -> bool:
        """Whether resetting the document would take something away."""
        return self._analyses.find(sha256) is not None

    def reset(self, directory: InodeId, sha256: str) -> Steps[None]:
        """Forget what was written into a document; it stays among the former analyses.

        If the directory goes soon, this has been no more than a part of that. One that waits, and
        so is found in every directory, is for its owner's and root's. Raises NotPermitted.
        """
        if self.is_analysed(sha256):
            if not (yield from self._hashes.files_with(directory, bytes.fromhex(sha256))):
                self._require_own(sha256, self._inodes.get(directory).uid)
            self._analyses.reset(sha256)
            self._resets.note(directory, sha256)

    def touch(self, sha256: str, wanted: AttributeChange) -> None:
        """Set the times of a document; what follows its file is left as it is."""
        analysis = self._analyses.find(sha256)
        if analysis is not None:
            self._analyses.touch(analysis, wanted)

    def former(self, sha256: str) -> list[tuple[int, Analysis]]:
        """Former analyses of a content; see Analyses.former."""
        return self._analyses.former(sha256)

    def shown_former(self, analysis: Analysis) -> Steps[bytes]:
        """A former analysis as a document. Raises DataError."""
        return shown_waiting((yield from self._analyses.read(analysis)), analysis.sha256)

    def _require_own(self, sha256: str, uid: int) -> None:
        """Who knows no more than the hash of a content must leave others' analyses alone."""
        analysis = self._analyses.find(sha256)
        if analysis is not None and uid not in (ROOT_UID, analysis.record.uid):
            raise NotPermitted(
                f"document {sha256} is another user's, and no file here has that content"
            )

    def _path(self, directory: InodeId, sha256: str) -> str:
        """Where a document is, as people read it."""
        folder = next(iter(self._paths_of(directory)), b"(removed)").rstrip(b"/")
        place = folder.decode(errors="backslashreplace")
        return f"{place}/.metadata/{sha256[:2]}/{sha256}.json"

    def _facts(
        self, directory: InodeId, sha256: str, files: Sequence[HashedFile], record: InodeRecord
    ) -> Steps[Facts]:
        ref = self._digests.content_of(bytes.fromhex(sha256))
        digest = None if ref is None else self._digests.known(ref)
        if ref is None or digest is None:
            raise NotFound(f"content {sha256} has gone meanwhile")
        names = [name for file in files for name in file.names]
        figures = yield from self._figures.of(ref)
        return Facts(
            sha256=sha256,
            blake3=digest.blake3.hex(),
            size_bytes=record.size,
            chunks=figures.chunks,
            stored_bytes=figures.stored_bytes,
            names=[name.decode(errors="backslashreplace") for name in names],
            versions=1 + sum(self._count_versions(directory, name) for name in names),
        )


def _stamped(text: bytes, records: Sequence[InodeRecord], follows: InodeId | None) -> ShownDocument:
    """A document with the permissions of the first, and the times of the last to change."""
    first = records[0]
    return ShownDocument(
        text,
        first.mode & 0o666,
        first.uid,
        first.gid,
        max(record.mtime_ns for record in records),
        max(record.ctime_ns for record in records),
        follows,
    )
