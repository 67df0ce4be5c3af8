"""Contents that come piece by piece, from outside, and get a name at once when they are whole.

Until then they have no name, nobody sees them, and they are gone when the process ends. Whoever
begins one and never ends it is forgotten after a while, and its bytes are garbage.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from blake3 import blake3

from fsmodel.change import Change, Changes
from fsmodel.content.file_state import FileState
from fsmodel.content.whole import WholeContents
from fsmodel.copies import Copies
from fsmodel.errors import Busy, ChangedMeanwhile, InvalidArgument, NotFound
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import REGULAR, Creator
from fsmodel.namespace.namespace import Namespace
from fsmodel.steps import Steps
from lmdb_index.records import InodeFlag, InodeRecord

KEPT: Final = b"kept"  # folder of the hidden tree
DIGEST_DIGITS: Final = 64
UPLOADS_MAX: Final = 64
IDLE_NS_MAX: Final = 600 * 10**9  # without a piece; then others may have its place

# What a name may be expected to stand for, beside the content of a file.
ABSENT: Final = "absent"
_EMPTY_FILE: Final = "empty"


def version_of(ref: bytes) -> str:
    """A content as callers name it: equal for equal bytes."""
    return ref.hex() if ref else _EMPTY_FILE


@dataclass(eq=False, slots=True)
class _Upload:
    """A content on its way."""

    file: FileState
    touched_ns: int
    hasher: blake3 = field(default_factory=blake3)
    is_busy: bool = False


class Uploads:
    """Takes contents and gives them names. Owner: the thread that owns the index."""

    def __init__(
        self,
        changes: Changes,
        inodes: InodeTable,
        namespace: Namespace,
        whole: WholeContents,
        copies: Copies,
    ) -> None:
        self._changes = changes
        self._inodes = inodes
        self._names = namespace
        self._whole = whole
        self._copies = copies
        self._uploads: OrderedDict[int, _Upload] = OrderedDict()  # the longest idle first
        self._last = 0

    def begin(self) -> int:
        """A number for a new content, empty yet. Raises Busy when too many are under way."""
        if len(self._uploads) >= UPLOADS_MAX:
            self._drop_idle()
        self._last += 1
        self._uploads[self._last] = _Upload(self._whole.begin(), self._changes.now_ns())
        return self._last

    def append(self, number: int, data: bytes) -> Steps[None]:
        """Put bytes at the end of a content. Raises NotFound, Busy, NoSpace."""
        upload = self._taken(number)
        try:
            upload.hasher.update(data)
            yield from self._whole.extend(upload.file, data)
        finally:
            upload.is_busy = False

    def give_up(self, number: int) -> None:
        """Nobody wants this content any more."""
        upload = self._uploads.pop(number, None)
        if upload is not None:
            self._whole.forget(upload.file)

    def place(
        self, number: int, directory: InodeId, name: bytes, expected: str | None, owner: Creator
    ) -> Steps[str]:
        """Let a name stand for a whole content; returns that. It is an upload no more, either way.

        With `expected`, only if the name stands for that now: what `version_of` says of a content,
        or ABSENT. Raises ChangedMeanwhile when it does not, and as Copies.put_file.
        """
        upload = self._taken(number)
        try:
            yield from self._whole.complete(upload.file)
            self._require(directory, name, expected)
            finish = partial(self._finish, upload.file)
            inode = yield from self._copies.put_file(directory, name, owner, finish)
            return version_of(self._inodes.get(inode).content)
        finally:
            self.give_up(number)

    def keep(self, number: int, owner: Creator) -> Steps[str]:
        """Keep a whole content without a name, until `drop_kept`; returns its BLAKE3-256.

        It is an upload no more. One that is kept already stays as it is. Raises NotFound, NoSpace.
        """
        upload = self._taken(number)
        try:
            yield from self._whole.complete(upload.file)
            digest = upload.hasher.hexdigest()
            if self.kept(digest) is None:
                with self._changes.begin() as change:
                    folder = self._names.system.folder(change, KEPT, digest[:2].encode())
                    made = self._names.system.file(change, folder, digest.encode(), 0o600, owner)
                    self._whole.put(change, change.edit(made), upload.file)
            return digest
        finally:
            self.give_up(number)

    def kept(self, digest: str) -> InodeId | None:
        """The file of a kept content, if there is one. Raises InvalidArgument for no BLAKE3-256."""
        if len(digest) != DIGEST_DIGITS or not set(digest) <= set("0123456789abcdef"):
            raise InvalidArgument(f"{digest!r} is no BLAKE3-256: give {DIGEST_DIGITS} digits")
        return self._names.system.find(KEPT, digest[:2].encode(), digest.encode())

    def all_kept(self) -> Iterator[str]:
        """The BLAKE3-256 of every kept content; what comes meanwhile may be left out."""
        top = self._names.system.find(KEPT)
        for folder in [] if top is None else list(self._names.list_entries(top)):
            for entry in list(self._names.list_entries(folder.inode)):
                yield entry.name.decode()

    def drop_kept(self, digest: str) -> None:
        """Let a kept content go. Raises NotFound, InvalidArgument."""
        if self.kept(digest) is None:
            raise NotFound(f"no content {digest} is kept")
        folder = self._names.system.find(KEPT, digest[:2].encode())
        assert folder is not None
        with self._changes.begin() as change:
            self._names.links.unlink(change, folder, digest.encode())

    def version_at(self, directory: InodeId, name: bytes) -> str | None:
        """What a name stands for; None for a file that is being written, and what is no file."""
        dirent = self._names.directories.find(directory, name)
        if dirent is None:
            return ABSENT
        record = self._inodes.get(InodeId(dirent.inode))
        if dirent.kind != REGULAR or record.flags & InodeFlag.UNSETTLED:
            return None
        return version_of(record.content)

    def _require(self, directory: InodeId, name: bytes, expected: str | None) -> None:
        if expected is not None and self.version_at(directory, name) != expected:
            shown = name.decode(errors="backslashreplace")
            raise ChangedMeanwhile(f"{shown} has changed meanwhile: read it again, then write it")

    def _finish(self, file: FileState, change: Change, record: InodeRecord) -> None:
        self._whole.put(change, record, file)
        record.mtime_ns = record.atime_ns = change.now_ns

    def _taken(self, number: int) -> _Upload:
        upload = self._uploads.get(number)
        if upload is None:
            raise NotFound(f"no upload {number}: it has ended, or was idle for too long")
        if upload.is_busy:
            raise Busy(f"upload {number} is in use: send one piece after the other")
        upload.is_busy, upload.touched_ns = True, self._changes.now_ns()
        self._uploads.move_to_end(number)
        return upload

    def _drop_idle(self) -> None:
        number, upload = next(iter(self._uploads.items()))
        if upload.is_busy or self._changes.now_ns() - upload.touched_ns < IDLE_NS_MAX:
            raise Busy(f"{UPLOADS_MAX} contents are being written already: try again later")
        self.give_up(number)
