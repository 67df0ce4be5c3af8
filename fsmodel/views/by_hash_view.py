"""`.cairnfs/by-hash/<aa>/<sha256>`: every content whose SHA-256 is known, to be read.

As this leads past the permissions of the files that have a content, only the owner of the store's
root may enter. A content stays until it is collected, also when no file has it any more.
"""

import re
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.content.digests import Digests
from fsmodel.content.file_state import FileState
from fsmodel.content.frozen import frozen_file
from fsmodel.content.reader import Reader
from fsmodel.errors import NotFound, Stale
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.inode_table import InodeTable
from fsmodel.steps import Steps
from fsmodel.store.objects import ObjectStore
from fsmodel.views.nodes import ViewAttributes, ViewDirectory, ViewFile, ViewNode

BY_HASH: Final = b"by-hash"
_FOLDER: Final = re.compile(rb"[0-9a-f]{2}")
_NAME: Final = re.compile(rb"[0-9a-f]{64}")
_DIRECTORY_MODE: Final = stat.S_IFDIR | 0o700
_FILE_MODE: Final = stat.S_IFREG | 0o400


@dataclass(frozen=True, slots=True)
class ContentTools:
    """What the nodes work with."""

    inodes: InodeTable
    digests: Digests
    objects: ObjectStore

    def attributes(self, mode: int, size: int) -> ViewAttributes:
        """Those of a node that belongs to the root's owner. Contents have no time: the root's."""
        root = self.inodes.get(ROOT_INODE)
        return ViewAttributes(mode, root.uid, root.gid, size, root.birth_ns, root.birth_ns)


class ByHashFolder(ViewDirectory):
    """All known contents, by the first two digits of their hashes."""

    def __init__(self, tools: ContentTools, parent: InodeId) -> None:
        super().__init__(b"cairnfs/by-hash", parent)
        self._tools = tools

    def attributes(self) -> Steps[ViewAttributes]:
        """For the root's owner."""
        return self._tools.attributes(_DIRECTORY_MODE, 0)
        yield  # a generator, as its overrides are

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """The contents whose hashes begin so. Raises NotFound."""
        if not _FOLDER.fullmatch(name):
            raise NotFound(f"no folder {name!r} of contents")
        return _DigitsFolder(self._tools, name, self.inode)
        yield  # a generator, as its overrides are

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """The folders that hold any."""
        held = (b"%02x" % first for first in self._tools.digests.first_bytes())
        return [(name, _DigitsFolder(self._tools, name, self.inode)) for name in held]
        yield  # a generator, as its overrides are


class _DigitsFolder(ViewDirectory):
    """The contents whose hashes begin with the same two digits."""

    def __init__(self, tools: ContentTools, digits: bytes, parent: InodeId) -> None:
        super().__init__(b"cairnfs/by-hash/" + digits, parent)
        self._tools = tools
        self._digits = digits

    def attributes(self) -> Steps[ViewAttributes]:
        """For the root's owner."""
        return self._tools.attributes(_DIRECTORY_MODE, 0)
        yield  # a generator, as its overrides are

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """A content by its hash. Raises NotFound."""
        known = None
        if _NAME.fullmatch(name) and name.startswith(self._digits):
            known = self._tools.digests.content_of(bytes.fromhex(name.decode()))
        if known is None:
            raise NotFound(f"no content with SHA-256 {name!r} is known")
        return _ContentFile(self._tools, name)
        yield  # a generator, as its overrides are

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """The contents that are known."""
        found = yield from self._tools.digests.hashes_with(bytes.fromhex(self._digits.decode()))
        names = [sha256.hex().encode() for sha256 in found]
        return [(name, _ContentFile(self._tools, name)) for name in names]


class _ContentFile(ViewFile):
    """The bytes of a content, which never change."""

    direct = False

    def __init__(self, tools: ContentTools, name: bytes) -> None:
        super().__init__(b"cairnfs/by-hash/" + name)
        self._tools = tools
        self._sha256 = bytes.fromhex(name.decode())
        self._file: FileState | None = None
        self._opens = 0
        self._relied = ExitStack()  # while it is open, the content is not collected

    def attributes(self) -> Steps[ViewAttributes]:
        """The size is that of the content. Raises NotFound, DataError."""
        size = frozen_file(self._ref(), self._tools.objects).size
        return self._tools.attributes(_FILE_MODE, size)
        yield  # a generator, as its overrides are

    def open(self, *, writing: bool) -> Steps[None]:
        """Raises ReadOnly, NotFound, DataError."""
        yield from super().open(writing=writing)
        if self._file is None:
            ref = self._ref()
            self._file = frozen_file(ref, self._tools.objects)
            if ref:
                reliance = self._tools.objects.reliance
                self._relied.enter_context(reliance.on([ObjectId(ref[1:])]))
        self._opens += 1

    def read(self, offset: int, size: int) -> Steps[Buffer]:
        """Some bytes. Raises DataError, Stale."""
        if self._file is None:
            raise Stale("this content is no longer open")
        return (yield from Reader(self._tools.objects).read(self._file, offset, size))

    def close(self) -> None:
        """The last to close gives the content free."""
        self._opens -= 1
        if not self._opens:
            self._file = None
            self._relied.close()

    def _ref(self) -> bytes:
        ref = self._tools.digests.content_of(self._sha256)
        if ref is None:
            raise NotFound(f"content {self._sha256.hex()} has gone meanwhile")
        return ref
