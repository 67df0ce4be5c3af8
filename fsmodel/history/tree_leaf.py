"""Leaves of trees: entries as columns, each entry followed by those inlined below it.

Layout behind the header of a page:

    the columns of LEAF_COLUMNS (tree_columns.py)
    object ids of all refs to objects | names, a zero byte behind each | targets
    for each attribute: length of its name u8 | size of its value u32 | name | value
"""

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import Final

from fsmodel.content.content_ref import EMPTY, chunk_ref, is_manifest, manifest_ref
from fsmodel.history.tree_columns import Column, decode_column, encode_column
from fsmodel.history.tree_entry import (
    DIRECTORY,
    INLINE_ENTRIES,
    REGULAR,
    VALUE_INLINE_MAX,
    Placed,
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
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId
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

Facts = dict[str, int]


def encode_tree_leaf(entries: Sequence[TreeEntry]) -> bytes:
    """The bytes of a leaf of a directory that lists these entries."""
    all_entries = placed(entries)
    rows = [_facts_of(each) for each in all_entries]
    columns = {
        column.name: values
        for column, values in zip(LEAF_COLUMNS, zip(*rows, strict=True), strict=bool(rows))
    }
    listed = [each.entry for each in all_entries]
    return b"".join(
        (
            TREE_HEADER.pack(TREE_VERSION, 0, 0, len(listed), len(entries)),
            *(
                encode_column(columns.get(column.name, ()), columns.get(column.beside))
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


def _facts_of(each: Placed) -> tuple[int, ...]:
    """The numbers of an entry, in the order of LEAF_COLUMNS."""
    entry = each.entry
    kind = entry.mode >> 12
    unsettled = entry.size - entry.content_size if kind == REGULAR else entry.content_size
    next_cookie = entry.next_cookie - entry.size if kind == DIRECTORY else entry.next_cookie
    times = (entry.birth_ns, entry.ctime_ns, entry.mtime_ns, entry.atime_ns)
    parts = (part for time in times for part in divmod(time, _SECOND_NS))
    return (
        entry.inode,
        entry.cookie - each.position & _U64,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.nlink,
        entry.flags,
        entry.rdev,
        entry.size,
        unsettled & _U64,
        next_cookie & _U64,
        *(part & _U64 for part in parts),
        _ref_kind(entry),
        len(entry.target),
        len(entry.xattrs),
    )


def _take_leaf(page: bytes) -> list[TreeEntry]:
    level, count, total = decode_tree_header(page)
    if level or total > count:
        raise corrupt_tree(f"level {level}, {count} of {total} entries in a leaf")
    read, at = _read_columns(page, count)
    cut = PageCutter(page, at)
    refs = [cut.take(OBJECT_ID_BYTES if k in _OBJECT_REFS else 0) for k in read["ref kind"]]
    names = [cut.take_up_to(b"\0") for _ in range(count)]
    targets = [cut.take(_up_to(n, SYMLINK_TARGET_BYTES_MAX)) for n in read["target bytes"]]
    xattrs = [_take_xattrs(cut, number) for number in read["xattrs"]]
    cut.finish()
    positions = _positions(read["ref kind"], read["size"], total)
    entries = [
        _entry(names[at], refs[at], targets[at], xattrs[at], positions[at], facts)
        for at, facts in enumerate(_rows(read, count))
    ]
    return _nested(entries, read["ref kind"])


def _rows(read: dict[str, Sequence[int]], count: int) -> Iterator[Facts]:
    """The numbers of each entry."""
    names = list(read)
    rows: Iterable[tuple[int, ...]] = zip(*read.values(), strict=True) if count else ()
    return (dict(zip(names, row, strict=True)) for row in rows)


def _read_columns(page: bytes, count: int) -> tuple[dict[str, Sequence[int]], int]:
    """The values of each column, and where the last one ends. Raises FrameCorrupt."""
    read: dict[str, Sequence[int]] = {}
    at = TREE_HEADER.size
    for column in LEAF_COLUMNS:
        values, at = decode_column(page, at, count, read.get(column.beside))
        if values and max(values) >> column.bits:
            raise corrupt_tree(f"a {column.name} of {max(values)}")
        read[column.name] = values
    return read, at


def _positions(kinds: Sequence[int], sizes: Sequence[int], total: int) -> list[int]:
    """Where each entry stands in its directory, from 0. Raises FrameCorrupt."""
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


def _entry(
    name: bytes,
    ref: bytes,
    target: bytes,
    xattrs: tuple[TreeXattr, ...],
    position: int,
    facts: Facts,
) -> TreeEntry:
    """An entry without what is below it. Raises FrameCorrupt."""
    ref_kind, kind, size = facts["ref kind"], facts["mode"] >> 12, facts["size"]
    if ref_kind > INLINED:
        raise corrupt_tree(f"a ref of kind {ref_kind}")
    refs = {CHUNK_REF: chunk_ref, MANIFEST_REF: manifest_ref}.get(ref_kind)
    unsettled, next_cookie = facts["unsettled"], facts["next cookie"]
    return TreeEntry(
        name=name,
        inode=facts["inode"],
        cookie=facts["cookie"] + position & _U64,
        mode=facts["mode"],
        uid=facts["uid"],
        gid=facts["gid"],
        nlink=facts["nlink"],
        flags=facts["flags"],
        rdev=facts["rdev"],
        size=size,
        content_size=size - unsettled & _U64 if kind == REGULAR else unsettled,
        next_cookie=next_cookie + size & _U64 if kind == DIRECTORY else next_cookie,
        mtime_ns=_time(facts, "mtime"),
        ctime_ns=_time(facts, "ctime"),
        atime_ns=_time(facts, "atime"),
        birth_ns=_time(facts, "birth"),
        content=refs(ObjectId(ref)) if refs is not None else EMPTY,
        tree=ref if ref_kind == TREE_REF else b"",
        target=target,
        xattrs=xattrs,
    )


def _time(facts: Facts, name: str) -> int:
    seconds, part = facts[f"{name} seconds"], facts[f"{name} nanoseconds"]
    if part >= _SECOND_NS:
        raise corrupt_tree(f"a time of {part} nanoseconds")
    return (seconds - ((seconds >> 63) << 64)) * _SECOND_NS + part


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
