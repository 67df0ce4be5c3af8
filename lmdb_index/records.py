"""The values of the tables, as typed records.

A record is a MessagePack array of its fields in this order. A later version may append fields
with defaults: an older row then decodes with the default, so adding a field needs no migration.
Fields are never removed, reordered or given another meaning without a new table version.

Of those that are many in memory Python's collector of cycles takes no note: what they hold are
numbers and bytes.
"""

import msgspec


class InodeRecord(msgspec.Struct, array_like=True, gc=False):
    """One filesystem object. The key is its number.

    The bytes of a regular file are, in this order: `content` cut to its first `content_size`
    bytes, followed by zeros up to `size`, overlaid by the rows of the `extent` table. A file is
    settled when `content` has `content_size == size` bytes and there are no extent rows: only then
    does `content` name the file's bytes.
    """

    mode: int  # type and permission bits, as in st_mode
    uid: int
    gid: int
    nlink: int  # directories: 2 + subdirectories
    size: int  # bytes; directories: number of entries
    rdev: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int
    birth_ns: int
    parent: int  # directory of the first link; 0 for the root and for orphans
    cookie: int  # that link's number in its directory
    content: bytes = b""  # content ref: empty, b"\x01" + chunk id, or b"\x02" + manifest id
    content_size: int = 0
    next_cookie: int = 0  # directories: number for the next entry; never reused
    flags: int = 0  # InodeFlag bits
    target: bytes = b""  # symlinks: where it points
    tree: bytes = b""  # directories: id of the tree object that equals it, empty once it changed


class InodeFlag:
    """Bits of `InodeRecord.flags`."""

    HAS_XATTRS = 1  # at least one row in the xattr table
    LOCKED = 2  # `cairnfs lock`: nothing about it may change
    UNSETTLED = 4  # has a row in the `unsettled` table
    HIDDEN = 8  # lies below the hidden directory of the root
    VERSION = 16  # hidden, too: what a file held earlier


class DirentRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A name in a directory. The key is (directory, name)."""

    inode: int
    cookie: int
    kind: int  # file type: st_mode >> 12


class DirentOrderRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The same entry in listing order. The key is (directory, cookie)."""

    inode: int
    kind: int
    name: bytes


class ExtentRecord(msgspec.Struct, array_like=True, frozen=True):
    """Bytes an application has fsynced into a file and nobody has chunked yet.

    The key is (inode, sequence number): later rows win where they overlap.
    """

    offset: int
    data: bytes


class ObjectRecord(msgspec.Struct, array_like=True, gc=False):
    """Where an immutable object lies. The key is its BLAKE3-256 id."""

    kind: int  # ObjectKind
    codec: int  # Codec
    pack: int
    offset: int  # of the frame's first byte in the pack
    stored: int  # bytes of the whole frame, header included; in a group, the object's share of them
    plain: int  # bytes of the decoded object
    references: int = 0  # rows and objects that name it; 0 has a row in `unreferenced`
    depth: int = 0  # of the delta chain below it: 0 when it needs no base
    base: bytes = b""  # id of the delta base, empty without one
    saved: int = 0  # bytes a delta saves over a frame without a base; 0 after rebuild-index
    frame: int = 0  # bytes of the frame of the group the object lies in; 0 when it is in none
    member: int = 0  # its number in that group


class PackRecord(msgspec.Struct, array_like=True):
    """One append-only pack file. The key is its number."""

    state: int  # PackState
    size: int = 0  # bytes, once sealed
    dead: int = 0  # bytes of frames whose object row is gone or points elsewhere


class PackState:
    """Values of `PackRecord.state`."""

    OPEN = 1
    SEALED = 2
    RETIRED = 3  # nothing points here; the file goes after the next checkpoint


class DigestRecord(msgspec.Struct, array_like=True, frozen=True):
    """Whole-file hashes of a content, taken once. The key is the content ref."""

    blake3: bytes
    sha256: bytes


class DamagedRecord(msgspec.Struct, array_like=True, frozen=True):
    """An object that could not be read. The key is its id."""

    reason: str
    found_ns: int
    kept: str = ""  # name of the damaged frame's copy in quarantine/; none when its base is damaged
    uncounted: bool = False  # what it names got no references from it: whoever heals it gives them


class ScrubRecord(msgspec.Struct, array_like=True, frozen=True):
    """A scrub: every object whose id is below `next` was looked at; empty when it has ended."""

    next: bytes
    objects: int
    size_bytes: int  # of their frames
    started_ns: int
    ended_ns: int = 0


class JobRecord(msgspec.Struct, array_like=True, frozen=True):
    """Long work that was asked for and has not ended. The key is its number."""

    command: str  # of the control socket
    arguments: bytes  # of it, as JSON
    started_ns: int


class SnapshotRecord(msgspec.Struct, array_like=True, frozen=True):
    """A named snapshot. The key is its name; all but the root's id is taken from the root."""

    root: bytes  # id
    created_ns: int
    logical_bytes: int  # sizes of all regular files
    files: int


class UserIndexRecord(msgspec.Struct, array_like=True, frozen=True):
    """How far a user-defined index is. The key is the inode that holds its definition."""

    state: int  # UserIndexState
    cursor: int = 0  # while it is built: every inode up to this one has been looked at


class UserIndexState:
    """Values of `UserIndexRecord.state`."""

    BUILDING = 1
    READY = 2
    DROPPING = 3  # its definition is gone; its rows go bit by bit


class IndexedRecord(msgspec.Struct, array_like=True, frozen=True):
    """What a document has in a user-defined index. The key is (index, inode)."""

    content: bytes  # content ref the values were read from
    entries: tuple[tuple[bytes, bytes], ...] = ()  # value key, and the values as JSON
    shown: bool = True  # False: its series is deleted, and it has no rows in `index_entry`
    problem: str = ""  # why it has no entries, if it should have some


class RawRecord(msgspec.Struct, array_like=True, frozen=True):
    """A row that holds plain bytes: an attribute's value, or nothing at all."""

    value: bytes = b""
