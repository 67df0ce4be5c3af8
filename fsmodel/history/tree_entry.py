"""What a tree says of one name: everything about the inode it stands for."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Optional

from fsmodel.content.content_ref import EMPTY
from fsmodel.ids import ContentRef, ObjectId

DIRECTORY: Final = 0o040000 >> 12
REGULAR: Final = 0o100000 >> 12

VALUE_INLINE_MAX: Final = 256  # bytes; a longer value of an attribute is an object of its own
FIRST_PLACE: Final = 1 << 31  # in flags: the inode's row remembers this of all its names

# A directory with fewer entries than this, those of directories in it included, and not more bytes
# of targets and attributes has no page of its own: its entries stand behind its own entry.
INLINE_ENTRIES: Final = 64
INLINE_BYTES_MAX: Final = 4096


class TreeXattr(NamedTuple):
    """An attribute: its value, or the id of a chunk that is its value when that is long."""

    name: bytes
    size: int  # bytes of the value
    value: bytes


class TreeEntry(NamedTuple):
    """A name, and everything about the inode it stands for."""

    name: bytes  # empty in a root only
    inode: int
    cookie: int
    mode: int
    uid: int
    gid: int
    nlink: int
    flags: int  # InodeFlag bits that no other field implies, and FIRST_PLACE
    rdev: int
    size: int
    content_size: int
    next_cookie: int
    mtime_ns: int
    ctime_ns: int
    atime_ns: int
    birth_ns: int
    content: ContentRef = EMPTY  # of a file
    tree: bytes = b""  # of a directory with pages of its own: id of its first page
    target: bytes = b""
    xattrs: tuple[TreeXattr, ...] = ()
    # Of a directory without pages of its own: its entries in the order of names.
    below: Optional[tuple["TreeEntry", ...]] = None  # noqa: UP045  # a quoted name has no "|"


NO_ENTRY: Final = TreeEntry(b"", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


class Placed(NamedTuple):
    """An entry, and where it stands."""

    entry: TreeEntry
    directory: int  # inode of the directory it is below in the page; 0 when it is below none
    position: int  # among the entries of its directory in the page


def placed(entries: Sequence[TreeEntry]) -> list[Placed]:
    """Entries, each followed by those below it."""
    found: list[Placed] = []
    _place(entries, 0, found)
    return found


def _place(entries: Sequence[TreeEntry], directory: int, found: list[Placed]) -> None:
    for position, entry in enumerate(entries):
        found.append(Placed(entry, directory, position))
        if entry.below:
            _place(entry.below, entry.inode, found)


def heaviness(entry: TreeEntry) -> int:
    """Bytes of target and attributes that an entry, without those below it, adds to a page."""
    values = sum(min(xattr.size, VALUE_INLINE_MAX) + len(xattr.name) for xattr in entry.xattrs)
    return len(entry.target) + values


def is_inlined(entries: int, heavy_bytes: int) -> bool:
    """Whether a directory with all this below it has no page of its own."""
    return entries < INLINE_ENTRIES and heavy_bytes <= INLINE_BYTES_MAX


def objects_of_entry(entry: TreeEntry) -> Iterator[ObjectId]:
    """Every object an entry, without those below it, counts as a reference to, each time."""
    if entry.tree:
        yield ObjectId(entry.tree)
    elif entry.content:
        yield ObjectId(entry.content[1:])
    for xattr in entry.xattrs:
        if xattr.size > VALUE_INLINE_MAX:
            yield ObjectId(xattr.value)
