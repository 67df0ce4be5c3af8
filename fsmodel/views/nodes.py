"""What a view is made of: directories, files and links that have no inode row.

A view is a tree of nodes made on demand. A node says by its `identity` what it is, in bytes that
are the same in every mount; its inode number is derived from that, so it is stable although
nothing is stored. Methods that may have to read or compute much return Steps. Every change is
refused unless a node overrides it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import checksum64
from fsmodel.errors import NoSuchAttribute, ReadOnly
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import AttributeChange, Creator
from fsmodel.steps import Steps

VIEW_BIT: Final = 1 << 62  # set in the inode numbers of view nodes, and in no stored one
_HASH_MASK: Final = VIEW_BIT - 1


class ViewAttributes(NamedTuple):
    """What stat shows of a view node."""

    mode: int  # type and permission bits, as in st_mode
    uid: int
    gid: int
    size: int  # bytes that reading yields; of directories their number of entries
    mtime_ns: int
    ctime_ns: int
    nlink: int = 1
    rdev: int = 0
    atime_ns: int | None = None  # None: the same as the modification time


class ViewNode:
    """Anything in a view."""

    cache_seconds: float = 0.0  # for how long the kernel may trust name and attributes

    def __init__(self, identity: bytes) -> None:
        self.identity = identity
        self.inode = view_inode(identity)

    def attributes(self) -> Steps[ViewAttributes]:
        """What stat shows, as of now. Raises NotFound when the node is gone."""
        raise NotImplementedError

    def set_attributes(self, wanted: AttributeChange) -> Steps[None]:
        """chmod, chown, utimens. Raises ReadOnly.

        What can be written has to put up with this, as tools that copy into it set everything.
        """
        raise self._read_only()

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """An extended attribute. Raises NoSuchAttribute."""
        raise NoSuchAttribute(f"a view has no attribute {name!r}")

    def list_xattrs(self) -> Steps[Sequence[bytes]]:
        """Names of the extended attributes that copies take along."""
        return ()
        yield  # a generator, as its overrides are

    def _read_only(self) -> ReadOnly:
        return ReadOnly("this view cannot be written")


class ViewLink(ViewNode):
    """A symbolic link of a view."""

    def target(self) -> bytes:
        """Where it points."""
        raise NotImplementedError


class ViewFile(ViewNode):
    """A file of a view.

    The daemon calls `open`, then any of the others, then `flush` for each descriptor that is
    closed and `close` once. Bytes of a `direct` file bypass the kernel's page cache: for what may
    change behind its back, and for what is written (each write then arrives as it is made).
    """

    direct: bool = True

    def open(self, *, writing: bool) -> Steps[None]:
        """Somebody opens the file. Raises ReadOnly."""
        if writing:
            raise self._read_only()
        return
        yield  # a generator, as its overrides are

    def read(self, offset: int, size: int) -> Steps[Buffer]:
        """Some bytes, fewer only at the end. Raises DataError."""
        raise NotImplementedError

    def write(self, offset: int, data: bytes) -> Steps[None]:
        """Put bytes into a file opened for writing. Raises ReadOnly, TooBig."""
        raise self._read_only()

    def truncate(self, size: int) -> Steps[None]:
        """Give the file another size. Raises ReadOnly, TooBig."""
        raise self._read_only()

    def flush(self) -> Steps[None]:
        """A descriptor is closed: what was written takes effect. Raises DocumentInvalid."""
        return
        yield  # a generator, as its overrides are

    def close(self) -> None:
        """The file is no longer open."""


class ViewDirectory(ViewNode):
    """A directory of a view. What it holds are nodes, or stored inodes."""

    def __init__(self, identity: bytes, parent: InodeId) -> None:
        """`parent` is the inode number of the directory it is found in."""
        super().__init__(identity)
        self.parent = parent

    def lookup(self, name: bytes) -> "Steps[ViewNode | InodeId]":
        """What a name stands for. Raises NotFound."""
        raise NotImplementedError

    def entries(self) -> "Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]":
        """All entries but '.' and '..', in an order that does not change without reason."""
        raise NotImplementedError

    def make_directory(self, name: bytes, mode: int, creator: Creator) -> "Steps[ViewDirectory]":
        """mkdir(2). Raises ReadOnly, AlreadyExists."""
        raise self._read_only()

    def create(self, name: bytes, mode: int, creator: Creator) -> Steps[ViewFile]:
        """Create a regular file; the daemon opens it next. Raises ReadOnly, AlreadyExists."""
        raise self._read_only()

    def unlink(self, name: bytes) -> Steps[None]:
        """unlink(2). Raises ReadOnly, NotFound."""
        raise self._read_only()

    def rmdir(self, name: bytes) -> Steps[None]:
        """rmdir(2). Raises ReadOnly, NotFound."""
        raise self._read_only()

    def rename(self, name: bytes, directory: "ViewDirectory", new_name: bytes) -> Steps[None]:
        """rename(2) within views. Raises ReadOnly, NotFound, CrossesDevice."""
        raise self._read_only()


def view_inode(identity: bytes) -> InodeId:
    """The inode number of a view node: a hash of what it is."""
    return InodeId(VIEW_BIT | checksum64(identity) & _HASH_MASK)


def is_view(inode: int) -> bool:
    """Whether an inode number belongs to a view node."""
    return bool(inode & VIEW_BIT)
