"""Tree pages and roots: what is written is read again, and what cannot be right is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.content.content_ref import chunk_ref, manifest_ref
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import FrameCorrupt
from fsmodel.history.naming import named_by
from fsmodel.history.root_format import Label, Root, decode_root, encode_root
from fsmodel.history.tree_entry import (
    INLINE_BYTES_MAX,
    INLINE_ENTRIES,
    VALUE_INLINE_MAX,
    TreeEntry,
    TreeXattr,
    heaviness,
    is_inlined,
    placed,
)
from fsmodel.history.tree_format import (
    TREE_HEADER,
    TREE_ITEMS_MAX,
    TREE_ITEMS_MIN,
    TreeChild,
    decode_tree_node,
    encode_tree_node,
    ends_tree_page,
    split_into_nodes,
)
from fsmodel.history.tree_leaf import decode_tree_leaf, encode_tree_leaf
from fsmodel.ids import ObjectId
from fsmodel.store.pack_format import ObjectKind

U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
TIMES = st.integers(-(2**63) * 10**9, (2**63) * 10**9 - 1)
IDS = st.binary(min_size=32, max_size=32).map(ObjectId)
NAMES = st.binary(min_size=1, max_size=255).filter(
    lambda name: name not in (b".", b"..") and not set(name) & set(b"/\0")
)
XATTRS = st.one_of(
    st.builds(
        lambda name, value: TreeXattr(name, len(value), value),
        st.binary(min_size=1, max_size=255),
        st.binary(max_size=VALUE_INLINE_MAX),
    ),
    st.builds(TreeXattr, st.binary(min_size=1, max_size=255), st.integers(257, 65536), IDS),
)
REFS: Any = st.one_of(
    st.just({}),
    IDS.map(lambda each: {"content": chunk_ref(each)}),
    IDS.map(lambda each: {"content": manifest_ref(each)}),
    IDS.map(lambda each: {"tree": each}),
)
ENTRIES = st.builds(
    lambda refs, **fields: TreeEntry(**fields, **refs),
    refs=REFS,
    name=NAMES,
    inode=U64,
    cookie=U64,
    mode=U32,
    uid=U32,
    gid=U32,
    nlink=U32,
    flags=U32,
    rdev=U64,
    size=U64,
    content_size=U64,
    next_cookie=U64,
    mtime_ns=TIMES,
    ctime_ns=TIMES,
    atime_ns=TIMES,
    birth_ns=TIMES,
    target=st.binary(max_size=300),
    xattrs=st.lists(XATTRS, max_size=3).map(tuple),
)


def directories_of(entries: st.SearchStrategy[TreeEntry]) -> st.SearchStrategy[TreeEntry]:
    """Directories with a few such entries below them."""
    below = st.lists(entries, max_size=4, unique_by=lambda entry: entry.name)
    return st.builds(
        lambda entry, inside: entry._replace(
            content=b"",
            tree=b"",
            size=len(inside),
            below=tuple(sorted(inside, key=lambda each: each.name)),
        ),
        ENTRIES,
        below,
    )


NESTED = st.recursive(ENTRIES, directories_of, max_leaves=10)
LEAVES = st.lists(NESTED, max_size=5, unique_by=lambda entry: entry.name).map(
    lambda entries: sorted(entries, key=lambda entry: entry.name)
)
IDLE = ObjectId(b"i" * 32)
A_TIME = 1_700_000_000_123_456_789
PLAIN = TreeEntry(b"name", 7, 3, 0o100644, 1, 2, 1, 0, 0, 10, 10, 0, A_TIME, A_TIME, A_TIME, A_TIME)


@given(LEAVES)
def test_a_leaf_is_read_as_it_was_written(entries: list[TreeEntry]) -> None:
    page = encode_tree_leaf(entries)
    assert decode_tree_leaf(page) == entries
    assert encode_tree_leaf(decode_tree_leaf(page)) == page


@given(LEAVES, st.data())
def test_a_leaf_that_was_cut_or_has_grown_is_refused(
    entries: list[TreeEntry], data: st.DataObject
) -> None:
    page = encode_tree_leaf(entries)
    with pytest.raises(FrameCorrupt):
        decode_tree_leaf(page[: data.draw(st.integers(0, len(page) - 1))])
    with pytest.raises(FrameCorrupt):
        decode_tree_leaf(page + b"\0")


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    leaf = TREE_HEADER.pack(1, 0, 0, 2, 1)
    for prefix in (b"", leaf, leaf + b"\0\1" * 22, TREE_HEADER.pack(1, 1, 0, 1, 1)):
        for decode in (decode_tree_leaf, decode_tree_node, decode_root):
            try:
                decode(prefix + data)
            except FrameCorrupt:
                continue


@pytest.mark.parametrize(
    "names", [[b"b", b"a"], [b"a", b"a"], [b""], [b"."], [b".."], [b"a/b"], [b"a\0b"]]
)
def test_names_out_of_order_and_what_is_no_name_are_refused(names: list[bytes]) -> None:
    entries = tuple(PLAIN._replace(name=name) for name in names)
    inlined = PLAIN._replace(name=b"d", size=len(entries), below=entries)
    for listed in (entries, [inlined]):
        with pytest.raises(FrameCorrupt, match=r"name|too many"):
            decode_tree_leaf(encode_tree_leaf(listed))


def chain_of(depth: int) -> TreeEntry:
    """A directory with so many directories in each other below it."""
    entry = PLAIN._replace(name=b"d", size=0, below=())
    for _ in range(depth):
        entry = PLAIN._replace(name=b"d", size=1, below=(entry,))
    return entry


def test_what_is_below_an_entry_is_bounded() -> None:
    deepest = chain_of(INLINE_ENTRIES - 1)
    assert len(placed([deepest])) == INLINE_ENTRIES
    assert decode_tree_leaf(encode_tree_leaf([deepest])) == [deepest]
    with pytest.raises(FrameCorrupt, match="64 entries below"):
        decode_tree_leaf(encode_tree_leaf([chain_of(INLINE_ENTRIES)]))


@pytest.mark.parametrize("size", [0, 2, 2**40])
def test_numbers_of_entries_that_do_not_add_up_are_refused(size: int) -> None:
    inlined = PLAIN._replace(name=b"d", size=size, below=(PLAIN,))
    with pytest.raises(FrameCorrupt, match="entries"):
        decode_tree_leaf(encode_tree_leaf([inlined]))


def test_what_is_inlined() -> None:
    heavy = PLAIN._replace(target=b"t" * 4000, xattrs=(TreeXattr(b"user.long", 300, b"i" * 32),))
    assert heaviness(heavy) == 4000 + 9 + 256
    assert heaviness(PLAIN._replace(below=(heavy,))) == 0
    assert is_inlined(INLINE_ENTRIES - 1, INLINE_BYTES_MAX)
    assert not is_inlined(INLINE_ENTRIES, 0)
    assert not is_inlined(0, INLINE_BYTES_MAX + 1)


def test_entries_are_placed_behind_what_they_are_below() -> None:
    inner = PLAIN._replace(name=b"b", inode=8, below=(PLAIN,))
    outer = PLAIN._replace(name=b"a", inode=9, below=(inner, PLAIN))
    assert [(each.entry.name, *each[1:]) for each in placed([PLAIN, outer])] == [
        (b"name", 0, 0),
        (b"a", 0, 1),
        (b"b", 9, 0),
        (b"name", 8, 0),
        (b"name", 9, 1),
    ]


def test_a_copied_tree_takes_few_bytes_besides_names_and_ids() -> None:
    entries = [
        PLAIN._replace(name=b"%03d" % n, inode=1000 + n, cookie=3 + n, ctime_ns=A_TIME + n // 50)
        for n in range(200)
    ]
    page = encode_tree_leaf(entries)
    assert len(page) - 200 * len(b"000\0") < 500


def test_a_leaf_names_contents_trees_and_long_values() -> None:
    ids = [ObjectId(bytes([number]) * 32) for number in range(4)]
    entries = [
        PLAIN._replace(name=b"a", content=chunk_ref(ids[0])),
        PLAIN._replace(name=b"b", content=manifest_ref(ids[1])),
        PLAIN._replace(name=b"c", tree=ids[2]),
        PLAIN._replace(name=b"d", xattrs=(TreeXattr(b"user.x", 257, ids[3]),)),
        PLAIN._replace(name=b"e", xattrs=(TreeXattr(b"user.x", 5, b"short"),)),
    ]
    entries[3] = entries[3]._replace(size=1, below=(entries[0],))
    assert named_by(ObjectKind.TREE, encode_tree_leaf(entries)) == [*ids, ids[0]]
    assert named_by(ObjectKind.CHUNK, b"bytes of a file") == []


def test_a_node_is_read_as_it_was_written() -> None:
    children = [TreeChild(ObjectId(bytes([n]) * 32), n + 1, b"n%d" % n) for n in range(9)]
    page = encode_tree_node(1, children)
    assert decode_tree_node(page) == children
    assert named_by(ObjectKind.TREE, page) == [child.id for child in children]
    for end in range(len(page)):
        with pytest.raises(FrameCorrupt):
            decode_tree_node(page[:end])
    with pytest.raises(FrameCorrupt):
        decode_tree_node(encode_tree_node(1, children[::-1]))


def test_where_a_page_ends_depends_on_names_alone() -> None:
    names = [b"%06d" % number for number in range(20_000)]
    ends = [name for name in names if ends_tree_page(name, 0, TREE_ITEMS_MIN)]
    assert 100 < len(ends) < 220  # 1 of 128
    assert not any(ends_tree_page(name, 0, TREE_ITEMS_MIN - 1) for name in names)
    assert all(ends_tree_page(name, 0, TREE_ITEMS_MAX) for name in names)
    heavy = [name for name in names if ends_tree_page(name, 0, TREE_ITEMS_MIN, 64)]
    assert 9_500 < len(heavy) < 10_500  # 64 of 128
    children = [TreeChild(ObjectId(bytes(32)), 1, name) for name in names]
    for level in range(1, 9):
        nodes = list(split_into_nodes(children, level))
        assert [child for node in nodes for child in node] == children
        assert max(map(len, nodes)) <= TREE_ITEMS_MAX
        assert len(nodes) < len(children) / TREE_ITEMS_MIN + 1


def test_a_root_is_read_as_it_was_written() -> None:
    directory = PLAIN._replace(name=b"", tree=bytes(range(32)), mode=0o40755)
    labels = (Label(b"a label", ObjectId(b"l" * 32)), Label(b"", ObjectId(b"m" * 32)))
    root = Root(A_TIME, 12, 34, 56, 78, b"p" * 32, directory, labels, b"a name")
    data = encode_root(root)
    assert decode_root(data) == root
    assert decode_root(encode_root(root._replace(parent=b""))).parent == b""
    assert named_by(ObjectKind.ROOT, data) == [bytes(range(32)), b"l" * 32, b"m" * 32]
    for end in range(len(data)):
        with pytest.raises(FrameCorrupt):
            decode_root(data[:end])
    for wrong in (directory._replace(name=b"x"), directory._replace(tree=b"")):
        with pytest.raises(FrameCorrupt):
            decode_root(encode_root(root._replace(directory=wrong)))


def test_stored_bytes_do_not_change_unnoticed() -> None:
    """Another id here takes another version of the page: stored trees have the old one."""
    entries = [
        PLAIN._replace(name=b"a", content=chunk_ref(ObjectId(b"c" * 32)), atime_ns=-1),
        PLAIN._replace(name=b"b", inode=9, target=b"a", birth_ns=A_TIME - 10**12 - 1),
        PLAIN._replace(name=b"c", xattrs=(TreeXattr(b"user.x", 1, b"v"),), content_size=4),
    ]
    entries.append(PLAIN._replace(name=b"d", mode=0o40755, size=3, below=tuple(entries)))
    leaf, node = encode_tree_leaf(entries), encode_tree_node(1, [TreeChild(IDLE, 3, b"c")])
    root = Root(A_TIME, 1, 2, 3, 4, b"", PLAIN._replace(name=b"", tree=IDLE), (Label(b"l", IDLE),))
    found = [object_id(data).hex()[:16] for data in (leaf, node, encode_root(root))]
    assert found == ["7714f90337a5c894", "f11a33bdd6de2e38", "8f5d76216d625791"]
