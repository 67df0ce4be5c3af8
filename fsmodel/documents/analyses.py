"""Analyses: what people and programs have found out about contents, kept by SHA-256.

An analysis is a file in the hidden tree, so that it is counted, checked, collected and rebuilt as
all files are: `documents/<first two digits>/<sha256>`. Its bytes are what is kept of a document
(metadata_document.py). When it was replaced or reset, what it was stays beside it for a while, as
`<sha256>.<when it was set, microseconds since the epoch, 14 hexadecimal digits>`.

Which content has the hash is remembered as an attribute of the file: an index made again knows the
hashes of contents only when they are asked for, but must not take an analysis for unused meanwhile.
"""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from fsmodel.change import Change
from fsmodel.content.digests import Digests
from fsmodel.content.whole import WholeContents
from fsmodel.documents.bounded_json import Members, check_value, members_of, parse_object
from fsmodel.documents.metadata_document import DOCUMENT_BYTES_MAX, NOTHING_KEPT, kept_members
from fsmodel.errors import DocumentInvalid
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import AttributeChange, Creator
from fsmodel.namespace.namespace import Namespace
from fsmodel.steps import Steps
from lmdb_index.index import Index
from lmdb_index.keys import name_of, named_key
from lmdb_index.records import InodeRecord
from lmdb_index.schema import DIRENT

DOCUMENTS: Final = b"documents"  # folder of the hidden tree
CONTENT_ATTRIBUTE: Final = b"cairnfs.content"  # the ref of the content that has the hash
WAITING: Final = stat.S_ISVTX  # among the mode bits: written where no file had its content
UNUSED: Final = stat.S_ISGID  # no content has the hash, since the time of last access
SHA256_DIGITS: Final = 64
FORMER_MAX: Final = 10  # kept of each analysis
SHARED_NS: Final = 60 * 10**9  # an analysis replaced sooner than this leaves no former one
_PERMISSIONS: Final = 0o666


@dataclass(frozen=True, slots=True)
class Analysis:
    """A stored analysis, as of now."""

    sha256: str
    inode: InodeId
    record: InodeRecord  # to be read only

    @property
    def waits(self) -> bool:
        """Whether it was written where no file had its content, and none has been seen since."""
        return bool(self.record.mode & WAITING)


class Analyses:
    """All analyses of a store. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        namespace: Namespace,
        digests: Digests,
        contents: WholeContents,
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._namespace = namespace
        self._digests = digests
        self._contents = contents

    def find(self, sha256: str) -> Analysis | None:
        """The analysis of a content, if there is one."""
        inode = self._namespace.system.find(DOCUMENTS, sha256[:2].encode(), sha256.encode())
        return Analysis(sha256, inode, self._inodes.get(inode)) if inode is not None else None

    def read(self, analysis: Analysis) -> Steps[bytes]:
        """What is kept of the document. Raises DataError."""
        return self._contents.read(analysis.record.content)

    def load(self, sha256: str) -> Steps[dict[str, Any] | None]:
        """The analysis of a content as values; None when there is none. Raises DataError."""
        analysis = self.find(sha256)
        if analysis is None:
            return None
        return (yield from self.values_of(analysis)) or None

    def values_of(self, analysis: Analysis) -> Steps[dict[str, Any]]:
        """A present or former analysis as values. Raises DataError."""
        found: dict[str, Any] = msgspec.json.decode((yield from self.read(analysis)))["analysis"]
        return found

    def save(self, sha256: str, analysis: Mapping[str, Any]) -> Steps[None]:
        """Store an analysis given as values; unknown keys of its document stay.

        An empty one resets the analysis. Raises DocumentInvalid, NoSpace, DataError.
        """
        former = self.find(sha256)
        if not analysis:
            self.reset(sha256)
            return
        members: Members = {}
        if former is not None:
            members = members_of((yield from self.read(former)))
        members["analysis"] = msgspec.Raw(_encoded(analysis))
        root = self._inodes.get(ROOT_INODE)
        waits = self._digests.content_of(bytes.fromhex(sha256)) is None
        yield from self.set(sha256, kept_members(members), Creator(root.uid, root.gid), waits=waits)

    def set(
        self,
        sha256: str,
        kept: bytes,
        owner: Creator,
        *,
        mode: int = 0o644,
        mtime_ns: int | None = None,
        waits: bool = False,
    ) -> Steps[None]:
        """Store an analysis in place of the one there may be. Raises NoSpace, DataError.

        Owner and mode matter while it `waits`, when there is no file to take them from.
        """
        former = self.find(sha256)
        is_kept = former is not None and (yield from self.read(former)) == kept
        if former is not None and is_kept and self._is_there(former):
            with self._namespace.changes.begin() as change:
                self._stamp(change, former.inode, mtime_ns, waits=waits)
            return
        file = yield from self._contents.store(kept, former.record.content if former else b"")
        with self._namespace.changes.begin() as change:
            inode = self._made(change, sha256, owner, mode & _PERMISSIONS)
            self._contents.put(change, change.edit(inode), file)
            self._stamp(change, inode, mtime_ns, waits=waits)
            self.note_content(change, sha256, inode)

    def reset(self, sha256: str) -> None:
        """Forget an analysis, if there is one; what it was stays among the former ones."""
        analysis = self.find(sha256)
        if analysis is None:
            return
        with self._namespace.changes.begin() as change:
            folder = InodeId(analysis.record.parent)
            self._keep_former(change, folder, sha256, analysis.record)
            self.remove(change, folder, sha256.encode())

    def revive(self, change: Change, sha256: str) -> None:
        """Take back a reset: what the analysis was last, it is again, unless there is a new one."""
        system, name = self._namespace.system, sha256.encode()
        folder = system.find(DOCUMENTS, name[:2])
        if folder is None or self.find(sha256) is not None:
            return
        entries = list(self._former_entries(folder, sha256))
        if entries:
            last, inode = entries[-1]
            self._copy(change, folder, name, change.inode(inode))
            self.remove(change, folder, last)

    def touch(self, analysis: Analysis, wanted: AttributeChange) -> None:
        """Set times, and of one that waits owner and permissions, too."""
        with self._namespace.changes.begin() as change:
            record = change.edit(analysis.inode)
            if wanted.mtime_ns is not None:
                record.mtime_ns = wanted.mtime_ns
            if wanted.mode is not None and analysis.waits:
                record.mode = record.mode & ~_PERMISSIONS | wanted.mode & _PERMISSIONS
            record.uid = record.uid if wanted.uid is None else wanted.uid
            record.gid = record.gid if wanted.gid is None else wanted.gid

    def former(self, sha256: str) -> list[tuple[int, Analysis]]:
        """What an analysis was: when each was set, in microseconds, and what it was; oldest first.

        Also of one that was reset since.
        """
        folder = self._namespace.system.find(DOCUMENTS, sha256[:2].encode())
        if folder is None:
            return []
        return [
            (int(name[-14:], 16), Analysis(sha256, inode, self._inodes.get(inode)))
            for name, inode in self._former_entries(folder, sha256)
        ]

    def note_content(self, change: Change, sha256: str, inode: InodeId) -> None:
        """Remember which content an analysis belongs to, if that is known."""
        ref = self._digests.content_of(bytes.fromhex(sha256))
        if ref:
            self._namespace.xattrs.put(change, inode, CONTENT_ATTRIBUTE, ref)

    def noted_content(self, analysis: Analysis) -> bytes | None:
        """The ref of the content an analysis belongs to, as far as that was ever known."""
        known = self._digests.content_of(bytes.fromhex(analysis.sha256))
        if known is not None:
            return known
        return self._namespace.xattrs.find(analysis.inode, analysis.record, CONTENT_ATTRIBUTE)

    def remove(self, change: Change, folder: InodeId, name: bytes) -> None:
        """Delete an analysis, present or former, by its name in the hidden tree."""
        self._namespace.links.unlink(change, folder, name)

    def _is_there(self, analysis: Analysis) -> bool:
        """Whether an analysis that was found some steps ago still says what it said."""
        found = self.find(analysis.sha256)
        return found is not None and (found.inode, found.record.content) == (
            analysis.inode,
            analysis.record.content,
        )

    def _made(self, change: Change, sha256: str, owner: Creator, mode: int) -> InodeId:
        """The file of an analysis: a new one, or the present one with what it was kept aside."""
        system, name = self._namespace.system, sha256.encode()
        folder = system.folder(change, DOCUMENTS, name[:2])
        dirent = self._namespace.directories.find(folder, name)
        if dirent is None:
            return system.file(change, folder, name, mode, owner)
        inode = InodeId(dirent.inode)
        record = change.inode(inode)
        if change.now_ns - record.ctime_ns >= SHARED_NS:
            self._keep_former(change, folder, sha256, record)
        return inode

    def _keep_former(
        self, change: Change, folder: InodeId, sha256: str, record: InodeRecord
    ) -> None:
        """Keep a copy of what an analysis is now, unless it is nothing."""
        if record.size == len(NOTHING_KEPT):
            return
        stamp = max(record.ctime_ns // 1000, 0)
        entries = list(self._former_entries(folder, sha256))
        if entries:
            stamp = max(stamp, int(entries[-1][0][-14:], 16) + 1)
        name = b"%s.%014x" % (sha256.encode(), stamp)
        self._copy(change, folder, name, record)
        for name, _ in entries[: max(len(entries) + 1 - FORMER_MAX, 0)]:
            self.remove(change, folder, name)

    def _copy(self, change: Change, folder: InodeId, name: bytes, record: InodeRecord) -> None:
        """An analysis like another one, times included."""
        owner = Creator(record.uid, record.gid)
        made = self._namespace.system.file(change, folder, name, record.mode & _PERMISSIONS, owner)
        copy = change.edit(made)
        self._contents.share(change, copy, record.content, record.size)
        copy.mtime_ns, copy.ctime_ns = record.mtime_ns, record.ctime_ns
        self.note_content(change, name[:SHA256_DIGITS].decode(), made)

    def _former_entries(self, folder: InodeId, sha256: str) -> Iterator[tuple[bytes, InodeId]]:
        prefix = named_key(folder, sha256.encode() + b".")
        for key, dirent in self._index.scan_prefix(DIRENT, prefix):
            yield name_of(key), InodeId(dirent.inode)

    def _stamp(self, change: Change, inode: InodeId, mtime_ns: int | None, *, waits: bool) -> None:
        """An analysis has been written just now: what it waits for, it waits for from now on."""
        record = change.edit(inode)
        record.mode = record.mode & ~(WAITING | UNUSED) | waits * (WAITING | UNUSED)
        record.atime_ns = change.now_ns
        record.mtime_ns = change.now_ns if mtime_ns is None else mtime_ns
        record.ctime_ns = change.now_ns


def _encoded(analysis: Mapping[str, Any]) -> bytes:
    """An analysis as JSON that may be kept. Raises DocumentInvalid."""
    try:
        check_value(analysis)
        data = msgspec.json.encode(analysis)
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentInvalid(f"this analysis cannot be written as JSON: {error}") from error
    if len(data) > DOCUMENT_BYTES_MAX:
        raise DocumentInvalid(f"an analysis of more than {DOCUMENT_BYTES_MAX} bytes")
    parse_object(data)
    return data
