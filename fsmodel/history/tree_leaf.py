"""Leaves of trees: entries as columns, each entry followed by those inlined below it.

Layout behind the header of a page:

    the columns of LEAF_COLUMNS (tree_columns.py)
    object ids of all refs to objects | names, a zero byte behind each | targets
    for each attribute: length of its name u8 | size of its value u32 | name | value
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from struct import Struct
from typing import Final

from fsmodel.content.content_ref import EMPTY, chunk_ref, is_manifest, manifest_ref
from fsmodel.history.tree_columns import NUMBER_BITS, Column, decode_column, encode_column
from fsmodel.history.tree_entry import (
    DIRECTORY,
    INLINE_ENTRIES,
    REGULAR,
    VALUE_INLINE_MAX,
    TreeEntry,
    TreeXattr,
    objects_of_entry,
    placed,
)
from fsmodel.history.tree_format import (
    TREE_HEADER,
    TREE_VERSION,
    PageCutter,
    corrupt_tree,
    decode_tree_header,
    decode_tree_node,
    in_order,
    is_tree_name,
    tree_level_of,
)
from fsmodel.ids import OBJECT_ID_BYTES, ContentRef, ObjectId
from fsmodel.limits import (
    SYMLINK_TARGET_BYTES_MAX,
    XATTR_NAME_BYTES_MAX,
    XATTR_VALUE_BYTES_MAX,
)

LEAF_COLUMNS: Final = (
    Column("inode", 64),
    Column("cookie", 64),
    Column("mode", 32),
    Column("uid", 32),
    Column("gid", 32),
    Column("nlink", 32),
    Column("flags", 32),
    Column("rdev", 64),
    Column("size", 64),
    Column("unsettled", 64),
    Column("next cookie", 64),
    Column("birth seconds", 64),
    Column("birth nanoseconds", 32),
    Column("ctime seconds", 64, "birth seconds"),
    Column("ctime nanoseconds", 32, "birth nanoseconds"),
    Column("mtime seconds", 64, "ctime seconds"),
    Column("mtime nanoseconds", 32, "ctime nanoseconds"),
    Column("atime seconds", 64, "mtime seconds"),
    Column("atime nanoseconds", 32, "mtime nanoseconds"),
    Column("ref kind", 8),
    Column("target bytes", 16),
    Column("xattrs", 16),
)
NO_REF, CHUNK_REF, MANIFEST_REF, TREE_REF, INLINED = range(5)
_OBJECT_REFS: Final = (CHUNK_REF, MANIFEST_REF, TREE_REF)

_XATTR: Final = Struct("<BI")
_U64: Final = (1 << 64) - 1
_SECOND_NS: Final = 10**9

_Columns = dict[str, Sequence[int]]
_AS_IN_ENTRIES: Final = ("inode", "mode", "uid", "gid", "nlink", "flags", "rdev", "size")
_TIMES: Final = ("birth", "ctime", "mtime", "atime")


def encode_tree_leaf(entries: Sequence[TreeEntry]) -> bytes:
    """The bytes of a leaf of a directory that lists these entries."""
    all_entries = placed(entries)
    listed = [each.entry for each in all_entries]
    columns = _columns_of(listed, [each.position for each in all_entries])
    return b"".join(
        (
            TREE_HEADER.pack(TREE_VERSION, 0, 0, len(listed), len(entries)),
            *(
                encode_column(columns[column.name], columns.get(column.beside))
                for column in LEAF_COLUMNS
            ),
            *(entry.tree or entry.content[1:] for entry in listed),
            *(entry.name + b"\0" for entry in listed),
            *(entry.target for entry in listed),
            *(part for entry in listed for part in _encode_xattrs(entry.xattrs)),
        )
    )


def decode_tree_leaf(page: bytes) -> list[TreeEntry]:
    """The entries of a leaf, verified. Raises FrameCorrupt."""
    entries = _take_leaf(page)
    _check_names(entries)
    return entries


def decode_lone_entry(page: bytes) -> TreeEntry:
    """The entry of a leaf that has one, without a name, as in a root. Raises FrameCorrupt."""
    entries = _take_leaf(page)
    if len(entries) != 1 or entries[0].name or entries[0].below is not None:
        raise corrupt_tree("a root has one entry, which has no name")
    return entries[0]


def objects_of_tree(page: bytes) -> list[ObjectId]:
    """Every object a page counts as a reference to. Raises FrameCorrupt."""
    if tree_level_of(page):
        return [child.id for child in decode_tree_node(page)]
    return objects_of_entries(decode_tree_leaf(page))


def objects_of_entries(entries: Sequence[TreeEntry]) -> list[ObjectId]:
    """Every object that entries and those below them count as a reference to."""
    return [named for each in placed(entries) for named in objects_of_entry(each.entry)]


def _columns_of(entries: Sequence[TreeEntry], positions: Sequence[int]) -> _Columns:
    """The numbers of all entries, by the column they are in."""
    columns: _Columns = {name: list(map(attrgetter(name), entries)) for name in _AS_IN_ENTRIES}
    cookies = map(attrgetter("cookie"), entries)
    columns["cookie"] = [
        at - position & _U64 for at, position in zip(cookies, positions, strict=True)
    ]
    columns["unsettled"] = [
        (each.size - each.content_size if each.mode >> 12 == REGULAR else each.content_size) & _U64
        for each in entries
    ]
    columns["next cookie"] = [
        (each.next_cookie - each.size if each.mode >> 12 == DIRECTORY else each.next_cookie) & _U64
        for each in entries
    ]
    for name in _TIMES:
        times = list(map(attrgetter(f"{name}_ns"), entries))
        columns[f"{name} seconds"] = [time // _SECOND_NS & _U64 for time in times]
        columns[f"{name} nanoseconds"] = [time % _SECOND_NS for time in times]
    columns["ref kind"] = list(map(_ref_kind, entries))
    columns["target bytes"] = [len(each.target) for each in entries]
    columns["xattrs"] = [len(each.xattrs) for each in entries]
    return columns


def _take_leaf(page: bytes) -> list[TreeEntry]:
    level, count, total = decode_tree_header(page)
    if level or total > count:
        raise corrupt_tree(f"level {level}, {count} of {total} entries in a leaf")
    read, at = _read_columns(page, count)
    kinds = read["ref kind"]
    cut = PageCutter(page, at)
    refs = _take_refs(cut, kinds)
    names = cut.take_up_to(b"\0", count)
    lengths = read["target bytes"]
    targets = [cut.take(_up_to(n, SYMLINK_TARGET_BYTES_MAX)) if n else b"" for n in lengths]
    xattrs = [_take_xattrs(cut, number) if number else () for number in read["xattrs"]]
    cut.finish()
    positions = _positions(kinds, read["size"], total)
    return _nested(_entries(read, names, refs, targets, xattrs, positions), kinds)


def _take_refs(cut: PageCutter, kinds: Sequence[int]) -> list[bytes]:
    """The id of each entry; empty where it has none. Raises FrameCorrupt."""
    if max(kinds, default=0) > INLINED:
        raise corrupt_tree(f"a ref of kind {max(kinds)}")
    joined = cut.take(OBJECT_ID_BYTES * sum(kind in _OBJECT_REFS for kind in kinds))
    ids = iter(range(0, len(joined), OBJECT_ID_BYTES))
    return [
        joined[(at := next(ids)) : at + OBJECT_ID_BYTES] if kind in _OBJECT_REFS else b""
        for kind in kinds
    ]


def _read_columns(page: bytes, count: int) -> tuple[dict[str, Sequence[int]], int]:
    """The values of each column, and where the last one ends. Raises FrameCorrupt."""
    read: dict[str, Sequence[int]] = {}
    at = TREE_HEADER.size
    for column in LEAF_COLUMNS:
        values, at = decode_column(page, at, count, read.get(column.beside))
        if column.bits < NUMBER_BITS and values and max(values) >> column.bits:
            raise corrupt_tree(f"a {column.name} of {max(values)}")
        read[column.name] = values
    return read, at


def _positions(kinds: Sequence[int], sizes: Sequence[int], total: int) -> Sequence[int]:
    """Where each entry stands in its directory, from 0. Raises FrameCorrupt."""
    if INLINED not in kinds and total == len(kinds):
        return range(total)
    positions: list[int] = []
    open_directories = [[total, 0]]  # entries, and how many of them were met
    for kind, size in zip(kinds, sizes, strict=True):
        _close_full(open_directories)
        if not open_directories:
            raise corrupt_tree(f"more entries than the {total} it says")
        positions.append(open_directories[-1][1])
        open_directories[-1][1] += 1
        if kind == INLINED:
            open_directories.append([size, 0])
    _close_full(open_directories)
    if open_directories:
        raise corrupt_tree(f"fewer entries than the {total} it says, or than one below it")
    return positions


def _close_full(open_directories: list[list[int]]) -> None:
    while open_directories and open_directories[-1][0] == open_directories[-1][1]:
        open_directories.pop()


def _nested(entries: list[TreeEntry], kinds: Sequence[int]) -> list[TreeEntry]:
    """Put entries below those they belong to, from the last to the first. Raises FrameCorrupt."""
    if INLINED not in kinds:
        return entries
    waiting: list[tuple[TreeEntry, int]] = []  # not yet below anything, the first one last
    for listed, kind in zip(reversed(entries), reversed(kinds), strict=True):
        entry, brought = listed, 1
        if kind == INLINED:
            taken = [waiting.pop() for _ in range(entry.size)]
            brought += sum(number for _, number in taken)
            if brought > INLINE_ENTRIES:
                raise corrupt_tree(f"{brought - 1} entries below {entry.name!r}")
            entry = entry._replace(below=tuple(each for each, _ in taken))
        waiting.append((entry, brought))
    return [entry for entry, _ in reversed(waiting)]


def _entries(
    read: _Columns,
    names: Sequence[bytes],
    refs: Sequence[bytes],
    targets: Sequence[bytes],
    xattrs: Sequence[tuple[TreeXattr, ...]],
    positions: Sequence[int],
) -> list[TreeEntry]:
    """All entries, without what is below them. Raises FrameCorrupt."""
    types = [mode >> 12 for mode in read["mode"]]
    kinds, sizes = read["ref kind"], read["size"]
    unsettled = zip(types, sizes, read["unsettled"], strict=True)
    next_cookies = zip(types, sizes, read["next cookie"], strict=True)
    cookies = zip(read["cookie"], positions, strict=True)
    referring = list(zip(kinds, refs, strict=True))
    columns: list[Iterable[object]] = [
        names,
        read["inode"],
        [cookie + position & _U64 for cookie, position in cookies],
        *(read[name] for name in ("mode", "uid", "gid", "nlink", "flags", "rdev")),
        sizes,
        [size - left & _U64 if kind == REGULAR else left for kind, size, left in unsettled],
        [at + size & _U64 if kind == DIRECTORY else at for kind, size, at in next_cookies],
        *(_times(read, name) for name in ("mtime", "ctime", "atime", "birth")),
        [_content(kind, ref) for kind, ref in referring],
        [ref if kind == TREE_REF else b"" for kind, ref in referring],
        targets,
        xattrs,
    ]
    return list(map(TreeEntry, *columns))


def _content(kind: int, ref: bytes) -> ContentRef:
    if kind == CHUNK_REF:
        return chunk_ref(ObjectId(ref))
    return manifest_ref(ObjectId(ref)) if kind == MANIFEST_REF else EMPTY


def _times(read: _Columns, name: str) -> list[int]:
    """The times of a name of all entries. Raises FrameCorrupt."""
    parts = read[f"{name} nanoseconds"]
    if max(parts, default=0) >= _SECOND_NS:
        raise corrupt_tree(f"a time of {max(parts)} nanoseconds")
    return [
        (seconds - ((seconds >> 63) << 64)) * _SECOND_NS + part
        for seconds, part in zip(read[f"{name} seconds"], parts, strict=True)
    ]


def _ref_kind(entry: TreeEntry) -> int:
    if entry.tree:
        return TREE_REF
    if entry.below is not None:
        return INLINED
    if not entry.content:
        return NO_REF
    return MANIFEST_REF if is_manifest(entry.content) else CHUNK_REF


def _encode_xattrs(xattrs: Iterable[TreeXattr]) -> Iterator[bytes]:
    for xattr in xattrs:
        yield _XATTR.pack(len(xattr.name), xattr.size)
        yield xattr.name
        yield xattr.value


def _take_xattrs(cut: PageCutter, number: int) -> tuple[TreeXattr, ...]:
    found = []
    for _ in range(number):
        length, size = _XATTR.unpack(cut.take(_XATTR.size))
        name = cut.take(_up_to(length, XATTR_NAME_BYTES_MAX))
        _up_to(size, XATTR_VALUE_BYTES_MAX)
        value = cut.take(size if size <= VALUE_INLINE_MAX else OBJECT_ID_BYTES)
        found.append(TreeXattr(name, size, value))
    return tuple(found)


def _up_to(value: int, limit: int) -> int:
    if value > limit:
        raise corrupt_tree(f"a length of {value}, the limit is {limit}")
    return value


def _check_names(entries: Sequence[TreeEntry]) -> None:
    """Raises FrameCorrupt."""
    names = [entry.name for entry in entries]
    if not in_order(names) or not all(map(is_tree_name, names)):
        raise corrupt_tree("its names are not in order, or no names")
    for entry in entries:
        if entry.below:
            _check_names(entry.below)
