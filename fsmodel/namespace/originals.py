"""What is copied when a tree is cloned or restored: originals, and where they come from."""

from typing import Final, NamedTuple, Protocol

from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.namespace.xattrs import Xattrs
from fsmodel.steps import Steps
from lmdb_index.index import Index
from lmdb_index.keys import number_key, pair_key, pair_of
from lmdb_index.records import ExtentRecord, InodeFlag, InodeRecord
from lmdb_index.schema import DIRENT_ORDER, EXTENT

BATCH_ENTRIES: Final = 128
NEW_FILE_MODE: Final = 0o100644


class Original(NamedTuple):
    """A file, directory or other inode that is to have a copy, under one of its names."""

    name: bytes
    inode: int  # the same for all names of one file
    mode: int
    uid: int
    gid: int
    nlink: int
    rdev: int
    size: int
    content: bytes
    content_size: int
    atime_ns: int
    mtime_ns: int
    target: bytes
    xattrs: tuple[tuple[bytes, bytes], ...]
    extents: tuple[ExtentRecord, ...]  # bytes that are in no content yet
    position: object  # in its directory: what `children` goes on behind
    place: object  # what a source finds its children by
    unsettled: bool = False  # of a file: its bytes are not those of its content, all of them


def new_file(owner: Creator) -> Original:
    """An empty file as nobody has made it yet."""
    return Original(
        name=b"",
        inode=0,
        mode=NEW_FILE_MODE,
        uid=owner.uid,
        gid=owner.gid,
        nlink=1,
        rdev=0,
        size=0,
        content=b"",
        content_size=0,
        atime_ns=0,
        mtime_ns=0,
        target=b"",
        xattrs=(),
        extents=(),
        position=0,
        place=0,
    )


def emptied(file: Original) -> Original:
    """A file with mode, owner and attributes of another, and without its bytes."""
    return file._replace(nlink=1, size=0, content=b"", content_size=0, extents=(), unsettled=False)


class Originals(Protocol):
    """A tree to copy from."""

    def children(self, directory: Original, after: object) -> Steps[list[Original]]:
        """Some entries of a directory behind a position (None: the start); none at the end."""
        ...


class LiveOriginals:
    """The tree as it is now. Owner: the thread that owns the index."""

    def __init__(self, index: Index, inodes: InodeTable, xattrs: Xattrs) -> None:
        self._index = index
        self._inodes = inodes
        self._xattrs = xattrs

    def original(self, inode: InodeId, name: bytes = b"", position: int = 0) -> Original:
        """An inode as it is now. Raises Stale."""
        record = self._inodes.get(inode)
        return Original(
            name=name,
            inode=inode,
            mode=record.mode,
            uid=record.uid,
            gid=record.gid,
            nlink=record.nlink,
            rdev=record.rdev,
            size=record.size,
            content=record.content,
            content_size=record.content_size,
            atime_ns=record.atime_ns,
            mtime_ns=record.mtime_ns,
            target=record.target,
            xattrs=self._xattrs_of(inode, record),
            extents=self._extents_of(inode, record),
            position=position,
            place=inode,
            unsettled=bool(record.flags & InodeFlag.UNSETTLED),
        )

    def children(self, directory: Original, after: object) -> Steps[list[Original]]:
        """Entries in the order they were made. Entries that come meanwhile may be left out."""
        start = pair_key(directory.inode, after + 1 if isinstance(after, int) else 0)
        stop = number_key(directory.inode + 1)
        found = []
        for key, row in self._index.scan(DIRENT_ORDER, start, stop):
            if directory.inode == ROOT_INODE and row.name == SYSTEM_NAME:
                continue
            found.append(self.original(InodeId(row.inode), row.name, pair_of(key)[1]))
            if len(found) == BATCH_ENTRIES:
                break
        return found
        yield  # a generator, as the protocol wants

    def _xattrs_of(self, inode: InodeId, record: InodeRecord) -> tuple[tuple[bytes, bytes], ...]:
        names = self._xattrs.names(inode, record)
        return tuple((name, self._xattrs.find(inode, record, name) or b"") for name in names)

    def _extents_of(self, inode: InodeId, record: InodeRecord) -> tuple[ExtentRecord, ...]:
        if not record.flags & InodeFlag.UNSETTLED:
            return ()
        return tuple(row for _, row in self._index.scan_prefix(EXTENT, number_key(inode)))
