"""Tree pages: a directory at a moment, as immutable objects.

A leaf lists entries in the order of their names, each with all there is to know of its inode, so
that the index can be made again from trees. A node lists the pages below it. Where a page ends is
told by the names alone: a changed file then changes its leaf and the nodes above, and no other.

Layout of a page (little-endian); a leaf goes on with the columns of LEAF_COLUMNS, so that like
lies beside like and compresses well:

    version u8 | level u8 | zero u16 | count u32 | entries below u64
    leaf: the columns | refs | names | targets | xattrs
    node: count ids of 32 bytes | count entries u64 | count lengths u8 | last names
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from struct import Struct, calcsize, pack, unpack_from
from typing import Final, NamedTuple

from fsmodel.content.content_ref import EMPTY, chunk_ref, is_manifest, manifest_ref
from fsmodel.encoding.hashing import checksum64
from fsmodel.errors import FrameCorrupt
from fsmodel.ids import OBJECT_ID_BYTES, ContentRef, ObjectId
from fsmodel.limits import (
    NAME_BYTES_MAX,
    SYMLINK_TARGET_BYTES_MAX,
    XATTR_NAME_BYTES_MAX,
    XATTR_VALUE_BYTES_MAX,
)

TREE_HEADER: Final = Struct("<BBHIQ")
assert TREE_HEADER.size == 16  # docs/on-disk-format.md says the same, and a test compares them
TREE_VERSION: Final = 1
TREE_LEVEL_MAX: Final = 8

TREE_ITEMS_MIN: Final = 64  # a page that ends because of a name has at least so many items
TREE_ITEMS_MAX: Final = 512
TREE_PAGE_BYTES: Final = 256 << 10  # of targets and attributes: a page ends behind the entry
BOUNDARY_BITS: Final = 7  # one name in 128 ends a page

VALUE_INLINE_MAX: Final = 256  # bytes; a longer value of an attribute is an object of its own
FIRST_PLACE: Final = 1 << 31  # in flags: the inode's row remembers this of all its names

# Every entry has one value in each column. A column called "-x" holds what is to be added to "x",
# and one called "+x" what is to be added to the entry before, both modulo the column's size.
LEAF_COLUMNS: Final[tuple[tuple[str, str], ...]] = (
    ("+inode", "Q"),
    ("+cookie", "Q"),
    ("mode", "I"),
    ("uid", "I"),
    ("gid", "I"),
    ("nlink", "I"),
    ("flags", "I"),
    ("rdev", "Q"),
    ("size", "Q"),
    ("unsettled", "Q"),
    ("next cookie", "Q"),
    ("+mtime seconds", "Q"),
    ("mtime nanoseconds", "I"),
    ("-ctime seconds", "Q"),
    ("-ctime nanoseconds", "I"),
    ("-atime seconds", "Q"),
    ("-atime nanoseconds", "I"),
    ("-birth seconds", "Q"),
    ("-birth nanoseconds", "I"),
    ("ref kind", "B"),
    ("name bytes", "B"),
    ("target bytes", "H"),
    ("xattrs", "H"),
)
_ENTRY_BYTES: Final = sum(calcsize(f"<{code}") for _, code in LEAF_COLUMNS)
_XATTR: Final = Struct("<BI")
_U32: Final = (1 << 32) - 1
_U64: Final = (1 << 64) - 1
_SECOND_NS: Final = 10**9

NO_REF, CHUNK_REF, MANIFEST_REF, TREE_REF = range(4)


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
    tree: bytes = b""  # of a directory: id of its first page
    target: bytes = b""
    xattrs: tuple[TreeXattr, ...] = ()


class TreeChild(NamedTuple):
    """A page of the level below."""

    id: ObjectId
    entries: int
    last: bytes  # the last name in it


def ends_tree_page(name: bytes, level: int, items: int) -> bool:
    """Whether a page of so many items ends behind the one with this (last) name."""
    if items < TREE_ITEMS_MIN:
        return False
    boundary = checksum64(name) >> BOUNDARY_BITS * level & (1 << BOUNDARY_BITS) - 1
    return boundary == 0 or items >= TREE_ITEMS_MAX


def heaviness(entry: TreeEntry) -> int:
    """Bytes of an entry that count against TREE_PAGE_BYTES."""
    values = sum(min(xattr.size, VALUE_INLINE_MAX) + len(xattr.name) for xattr in entry.xattrs)
    return len(entry.target) + values


def split_into_nodes(children: Sequence[TreeChild], level: int) -> Iterator[Sequence[TreeChild]]:
    """Cut the pages below a level into the pages of this level."""
    start = 0
    for end, child in enumerate(children, 1):
        if ends_tree_page(child.last, level, end - start) or end == len(children):
            yield children[start:end]
            start = end


def encode_tree_leaf(entries: Sequence[TreeEntry]) -> bytes:
    """The bytes of a leaf."""
    count = len(entries)
    values = zip(*_facts(entries), strict=True) if entries else [()] * len(LEAF_COLUMNS)
    columns = [
        pack(f"<{count}{code}", *column)
        for (_, code), column in zip(LEAF_COLUMNS, values, strict=True)
    ]
    return b"".join(
        (
            TREE_HEADER.pack(TREE_VERSION, 0, 0, count, count),
            *columns,
            *(entry.tree or entry.content[1:] for entry in entries),
            *(entry.name for entry in entries),
            *(entry.target for entry in entries),
            *(part for entry in entries for part in _encode_xattrs(entry.xattrs)),
        )
    )


def encode_tree_node(level: int, children: Sequence[TreeChild]) -> bytes:
    """The bytes of a page that lists pages of the level below."""
    assert 0 < level <= TREE_LEVEL_MAX
    count = len(children)
    total = sum(child.entries for child in children)
    return b"".join(
        (
            TREE_HEADER.pack(TREE_VERSION, level, 0, count, total),
            *(child.id for child in children),
            pack(f"<{count}Q", *(child.entries for child in children)),
            bytes(len(child.last) for child in children),
            *(child.last for child in children),
        )
    )


def tree_level_of(page: bytes) -> int:
    """The level of a page: 0 for a leaf. Raises FrameCorrupt."""
    return _header(page)[0]


def decode_tree_node(page: bytes) -> list[TreeChild]:
    """The pages a node lists, verified. Raises FrameCorrupt."""
    level, count, total = _header(page)
    if not 0 < level <= TREE_LEVEL_MAX or not count:
        raise _corrupt(f"level {level} with {count} pages")
    cut = _Cutter(page)
    ids = [ObjectId(cut.take(OBJECT_ID_BYTES)) for _ in range(count)]
    entries = unpack_from(f"<{count}Q", cut.take(8 * count))
    names = [cut.take(length) for length in cut.take(count)]
    cut.finish()
    if sum(entries) != total or not _rises(names):
        raise _corrupt(f"its pages do not cover the {total} entries it says, in order")
    return list(map(TreeChild, ids, entries, names))


def decode_tree_leaf(page: bytes) -> list[TreeEntry]:
    """The entries of a leaf, verified. Raises FrameCorrupt."""
    cut = _Cutter(page)
    entries = _take_leaf(cut, page)
    cut.finish()
    names = [entry.name for entry in entries]
    if not _rises(names) or not all(map(_is_name, names)):
        raise _corrupt("its names are not in order, or no names")
    return entries


def decode_lone_entry(page: bytes) -> TreeEntry:
    """The entry of a leaf that has one, without a name, as in a root. Raises FrameCorrupt."""
    cut = _Cutter(page)
    entries = _take_leaf(cut, page)
    cut.finish()
    if len(entries) != 1 or entries[0].name:
        raise _corrupt("a root has one entry, which has no name")
    return entries[0]


def objects_of_entry(entry: TreeEntry) -> Iterator[ObjectId]:
    """Every object an entry counts as a reference to, once for each reference."""
    if entry.tree:
        yield ObjectId(entry.tree)
    elif entry.content:
        yield ObjectId(entry.content[1:])
    for xattr in entry.xattrs:
        if xattr.size > VALUE_INLINE_MAX:
            yield ObjectId(xattr.value)


def objects_of_tree(page: bytes) -> list[ObjectId]:
    """Every object a page counts as a reference to. Raises FrameCorrupt."""
    if tree_level_of(page):
        return [child.id for child in decode_tree_node(page)]
    return [named for entry in decode_tree_leaf(page) for named in objects_of_entry(entry)]


class _Cutter:
    """Takes a page apart from its start, behind the header."""

    def __init__(self, page: bytes) -> None:
        self._page = page
        self._at = TREE_HEADER.size

    def take(self, size: int) -> bytes:
        """The next bytes. Raises FrameCorrupt when there are not so many."""
        taken = self._page[self._at : self._at + size]
        if len(taken) != size:
            raise _corrupt(f"{len(self._page)} bytes cannot hold what it lists")
        self._at += size
        return taken

    def finish(self) -> None:
        """Raises FrameCorrupt when anything is left."""
        if self._at != len(self._page):
            raise _corrupt(f"{len(self._page) - self._at} bytes too many")


def _take_leaf(cut: _Cutter, page: bytes) -> list[TreeEntry]:
    """The entries of a leaf. Raises FrameCorrupt."""
    level, count, total = _header(page)
    if level or total != count:
        raise _corrupt(f"level {level}, {count} of {total} entries in a leaf")
    read: dict[str, Sequence[int]] = {}
    for name, code in LEAF_COLUMNS:
        size = calcsize(f"<{code}")
        column: Sequence[int] = unpack_from(f"<{count}{code}", cut.take(count * size))
        read[name.lstrip("+-")] = _undone(name, column, read)
    refs = [cut.take(OBJECT_ID_BYTES if kind else 0) for kind in read["ref kind"]]
    names = [cut.take(length) for length in read["name bytes"]]
    targets = [
        cut.take(_at_most(length, SYMLINK_TARGET_BYTES_MAX)) for length in read["target bytes"]
    ]
    xattrs = [_take_xattrs(cut, number) for number in read["xattrs"]]
    return [
        _entry(names[at], refs[at], targets[at], xattrs[at], {k: read[k][at] for k in read})
        for at in range(count)
    ]


def _facts(entries: Iterable[TreeEntry]) -> Iterator[tuple[int, ...]]:
    """The numbers of each entry, in the order of LEAF_COLUMNS."""
    inode = cookie = seconds = 0
    for entry in entries:
        mtime, mtime_part = divmod(entry.mtime_ns, _SECOND_NS)
        ctime, ctime_part = divmod(entry.ctime_ns, _SECOND_NS)
        atime, atime_part = divmod(entry.atime_ns, _SECOND_NS)
        birth, birth_part = divmod(entry.birth_ns, _SECOND_NS)
        yield (
            entry.inode - inode & _U64,
            entry.cookie - cookie & _U64,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.nlink,
            entry.flags,
            entry.rdev,
            entry.size,
            entry.size - entry.content_size & _U64,
            entry.next_cookie,
            mtime - seconds & _U64,
            mtime_part,
            ctime - mtime & _U64,
            ctime_part - mtime_part & _U32,
            atime - mtime & _U64,
            atime_part - mtime_part & _U32,
            birth - mtime & _U64,
            birth_part - mtime_part & _U32,
            _ref_kind(entry),
            len(entry.name),
            len(entry.target),
            len(entry.xattrs),
        )
        inode, cookie, seconds = entry.inode, entry.cookie, mtime


def _undone(name: str, column: Sequence[int], read: dict[str, Sequence[int]]) -> Sequence[int]:
    """A column's values from its differences."""
    if name.startswith("+"):
        return [value & _U64 for value in accumulate(column)]
    if name.startswith("-"):
        unit = name.split()[1]
        mask = _U64 if unit == "seconds" else _U32
        return [a + b & mask for a, b in zip(column, read[f"mtime {unit}"], strict=True)]
    return column


def _entry(
    name: bytes,
    ref: bytes,
    target: bytes,
    xattrs: tuple[TreeXattr, ...],
    facts: dict[str, int],
) -> TreeEntry:
    kind = facts["ref kind"]
    if kind > TREE_REF:
        raise _corrupt(f"a ref of kind {kind}")
    refs = (EMPTY, chunk_ref, manifest_ref, EMPTY)[kind]
    return TreeEntry(
        name=name,
        inode=facts["inode"],
        cookie=facts["cookie"],
        mode=facts["mode"],
        uid=facts["uid"],
        gid=facts["gid"],
        nlink=facts["nlink"],
        flags=facts["flags"],
        rdev=facts["rdev"],
        size=facts["size"],
        content_size=facts["size"] - facts["unsettled"] & _U64,
        next_cookie=facts["next cookie"],
        mtime_ns=_time(facts, "mtime"),
        ctime_ns=_time(facts, "ctime"),
        atime_ns=_time(facts, "atime"),
        birth_ns=_time(facts, "birth"),
        content=refs(ObjectId(ref)) if callable(refs) else refs,
        tree=ref if kind == TREE_REF else b"",
        target=target,
        xattrs=xattrs,
    )


def _time(facts: dict[str, int], name: str) -> int:
    seconds, part = facts[f"{name} seconds"], facts[f"{name} nanoseconds"]
    if part >= _SECOND_NS:
        raise _corrupt(f"a time of {part} nanoseconds")
    return (seconds - ((seconds >> 63) << 64)) * _SECOND_NS + part


def _ref_kind(entry: TreeEntry) -> int:
    if entry.tree:
        return TREE_REF
    if not entry.content:
        return NO_REF
    return MANIFEST_REF if is_manifest(entry.content) else CHUNK_REF


def _encode_xattrs(xattrs: Iterable[TreeXattr]) -> Iterator[bytes]:
    for xattr in xattrs:
        yield _XATTR.pack(len(xattr.name), xattr.size)
        yield xattr.name
        yield xattr.value


def _take_xattrs(cut: _Cutter, number: int) -> tuple[TreeXattr, ...]:
    found = []
    for _ in range(number):
        length, size = _XATTR.unpack(cut.take(_XATTR.size))
        name = cut.take(_at_most(length, XATTR_NAME_BYTES_MAX))
        _at_most(size, XATTR_VALUE_BYTES_MAX)
        value = cut.take(size if size <= VALUE_INLINE_MAX else OBJECT_ID_BYTES)
        found.append(TreeXattr(name, size, value))
    return tuple(found)


def _header(page: bytes) -> tuple[int, int, int]:
    if len(page) < TREE_HEADER.size:
        raise _corrupt(f"{len(page)} bytes cannot hold a page")
    version, level, zero, count, total = TREE_HEADER.unpack_from(page)
    if (version, zero) != (TREE_VERSION, 0) or count > TREE_ITEMS_MAX:
        raise _corrupt(f"version {version} with {count} items")
    return level, count, total


def _at_most(value: int, limit: int) -> int:
    if value > limit:
        raise _corrupt(f"a length of {value}, the limit is {limit}")
    return value


def _rises(names: Sequence[bytes]) -> bool:
    return all(first < second for first, second in pairwise(names))


def _is_name(name: bytes) -> bool:
    ordinary = name not in (b"", b".", b"..") and b"/" not in name and b"\0" not in name
    return ordinary and len(name) <= NAME_BYTES_MAX


def _corrupt(reason: str) -> FrameCorrupt:
    return FrameCorrupt("tree page", reason)
