"""Extended attributes and access control lists on inodes."""

import stat

import pytest

from fsmodel.errors import (
    AccessDenied,
    AlreadyExists,
    AttributeTooBig,
    InvalidArgument,
    NoSpace,
    NoSuchAttribute,
    NotPermitted,
    NotSupported,
)
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.acls import (
    ACCESS_ACL,
    DEFAULT_ACL,
    GROUP_OBJ,
    MASK,
    OTHER,
    USER_OBJ,
    AclEntry,
    decode_acl,
    encode_acl,
)
from fsmodel.namespace.acls import USER as USER_ENTRY
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.xattrs import XattrFlag
from lmdb_index.records import InodeFlag
from tests.support.namespace_store import USER, ManualClock

MINIMAL = encode_acl((AclEntry(USER_OBJ, 6), AclEntry(GROUP_OBJ, 4), AclEntry(OTHER, 4)))
EXTENDED = encode_acl(
    (
        AclEntry(USER_OBJ, 7),
        AclEntry(USER_ENTRY, 6, 1234),
        AclEntry(GROUP_OBJ, 5),
        AclEntry(MASK, 6),
        AclEntry(OTHER, 1),
    )
)


@pytest.fixture
def file(tree: Namespace) -> InodeId:
    """A file /f."""
    return tree.make_node(ROOT_INODE, b"f", 0o640, 0, USER)


@pytest.fixture
def directory(tree: Namespace) -> InodeId:
    """A directory /d."""
    return tree.make_directory(ROOT_INODE, b"d", 0o755, USER)


@pytest.fixture
def symlink(tree: Namespace) -> InodeId:
    """A symbolic link /l."""
    return tree.make_symlink(ROOT_INODE, b"l", b"x", USER)


@pytest.mark.parametrize("name", [b"user.a", b"trusted.a", b"security.a", b"user." + b"n" * 250])
@pytest.mark.parametrize("value", [b"", b"value", bytes(64 << 10)])
def test_what_is_set_can_be_read(tree: Namespace, file: InodeId, name: bytes, value: bytes) -> None:
    tree.set_xattr(file, name, value)
    assert tree.get_xattr(file, name) == value
    assert tree.list_xattrs(file) == [name]


def test_setting_changes_the_change_time_only(
    tree: Namespace, clock: ManualClock, file: InodeId
) -> None:
    made, now = clock.now_ns(), clock.advance()
    tree.set_xattr(file, b"user.a", b"1")
    assert (tree.record(file).mtime_ns, tree.record(file).ctime_ns) == (made, now)
    now = clock.advance()
    tree.remove_xattr(file, b"user.a")
    assert (tree.record(file).mtime_ns, tree.record(file).ctime_ns) == (made, now)


def test_names_are_listed_in_order(tree: Namespace, file: InodeId) -> None:
    for name in (b"user.b", b"trusted.c", b"user.a"):
        tree.set_xattr(file, name, b"")
    assert tree.list_xattrs(file) == [b"trusted.c", b"user.a", b"user.b"]
    assert tree.list_xattrs(file, with_trusted=False) == [b"user.a", b"user.b"]


def test_the_last_removal_leaves_no_trace(tree: Namespace, file: InodeId) -> None:
    tree.set_xattr(file, b"user.a", b"1")
    tree.set_xattr(file, b"user.b", b"2")
    tree.remove_xattr(file, b"user.a")
    assert tree.record(file).flags & InodeFlag.HAS_XATTRS
    tree.remove_xattr(file, b"user.b")
    assert not tree.record(file).flags & InodeFlag.HAS_XATTRS
    assert tree.list_xattrs(file) == []


@pytest.mark.parametrize("others", [True, False])
def test_absent_attributes(tree: Namespace, file: InodeId, others: bool) -> None:
    if others:
        tree.set_xattr(file, b"user.other", b"")
    with pytest.raises(NoSuchAttribute):
        tree.get_xattr(file, b"user.a")
    with pytest.raises(NoSuchAttribute):
        tree.remove_xattr(file, b"user.a")
    with pytest.raises(NoSuchAttribute):
        tree.set_xattr(file, b"user.a", b"", XattrFlag.REPLACE)


def test_create_and_replace(tree: Namespace, file: InodeId) -> None:
    tree.set_xattr(file, b"user.a", b"1", XattrFlag.CREATE)
    with pytest.raises(AlreadyExists):
        tree.set_xattr(file, b"user.a", b"2", XattrFlag.CREATE)
    tree.set_xattr(file, b"user.a", b"3", XattrFlag.REPLACE)
    assert tree.get_xattr(file, b"user.a") == b"3"


@pytest.mark.parametrize(
    ("name", "value", "flags", "error"),
    [
        (b"user.a", bytes((64 << 10) + 1), 0, AttributeTooBig),
        (b"user." + b"n" * 251, b"", 0, AttributeTooBig),
        (b"user.", b"", 0, InvalidArgument),
        (b"user.a\0b", b"", 0, InvalidArgument),
        (b"user.a", b"", 4, InvalidArgument),
        (b"other.a", b"", 0, NotSupported),
        (b"system.other", b"", 0, NotSupported),
        (b"user", b"", 0, NotSupported),
    ],
)
def test_what_cannot_be_set(
    tree: Namespace,
    file: InodeId,
    name: bytes,
    value: bytes,
    flags: int,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        tree.set_xattr(file, name, value, XattrFlag(flags))
    assert tree.list_xattrs(file) == []


def test_unknown_namespaces_cannot_be_read(tree: Namespace, file: InodeId) -> None:
    with pytest.raises(NotSupported):
        tree.get_xattr(file, b"other.a")


def test_only_files_and_directories_have_user_attributes(
    tree: Namespace, directory: InodeId, symlink: InodeId
) -> None:
    pipe = tree.make_node(ROOT_INODE, b"p", stat.S_IFIFO | 0o600, 0, USER)
    tree.set_xattr(directory, b"user.a", b"")
    for inode in (symlink, pipe):
        tree.set_xattr(inode, b"trusted.a", b"")
        with pytest.raises(NotPermitted):
            tree.set_xattr(inode, b"user.a", b"")
        with pytest.raises(NotPermitted):
            tree.remove_xattr(inode, b"user.a")
        with pytest.raises(NoSuchAttribute):
            tree.get_xattr(inode, b"user.a")


def test_the_names_of_an_inode_fit_a_listing(tree: Namespace, file: InodeId) -> None:
    with tree.changes.begin() as change:
        for number in range(256):
            tree.xattrs.set(change, file, b"user.%0250d" % number, b"")
    with pytest.raises(NoSpace):
        tree.set_xattr(file, b"user.a", b"")
    tree.set_xattr(file, b"user.%0250d" % 0, b"new value of an old name")
    assert sum(len(name) + 1 for name in tree.list_xattrs(file)) == 64 << 10


def test_an_access_list_sets_the_mode(tree: Namespace, file: InodeId) -> None:
    tree.set_xattr(file, ACCESS_ACL, EXTENDED)
    assert tree.record(file).mode == stat.S_IFREG | 0o761
    assert tree.get_xattr(file, ACCESS_ACL) == EXTENDED


def test_a_list_that_equals_a_mode_is_not_stored(tree: Namespace, file: InodeId) -> None:
    tree.set_xattr(file, ACCESS_ACL, EXTENDED)
    tree.set_xattr(file, ACCESS_ACL, MINIMAL)
    assert tree.record(file).mode == stat.S_IFREG | 0o644
    assert tree.list_xattrs(file) == []


@pytest.mark.parametrize("value", [b"", EXTENDED[:4]])
def test_an_empty_list_removes_it(tree: Namespace, file: InodeId, value: bytes) -> None:
    tree.set_xattr(file, ACCESS_ACL, EXTENDED)
    tree.set_xattr(file, ACCESS_ACL, value)
    assert tree.record(file).mode == stat.S_IFREG | 0o761
    assert tree.list_xattrs(file) == []


def test_chmod_changes_the_mask(tree: Namespace, file: InodeId) -> None:
    tree.set_xattr(file, ACCESS_ACL, EXTENDED)
    tree.set_attributes(file, AttributeChange(mode=0o4620))
    acl = {entry.tag: entry.permissions for entry in decode_acl(tree.get_xattr(file, ACCESS_ACL))}
    assert acl == {USER_OBJ: 6, USER_ENTRY: 6, GROUP_OBJ: 5, MASK: 2, OTHER: 0}
    assert tree.record(file).mode == stat.S_IFREG | 0o4620


@pytest.mark.parametrize("name", [ACCESS_ACL, DEFAULT_ACL])
def test_removing_lists(tree: Namespace, directory: InodeId, name: bytes) -> None:
    tree.set_xattr(directory, name, EXTENDED)
    tree.remove_xattr(directory, name)
    assert tree.list_xattrs(directory) == []
    tree.remove_xattr(directory, name)


def test_a_default_list_leaves_the_mode(tree: Namespace, directory: InodeId) -> None:
    tree.set_xattr(directory, DEFAULT_ACL, MINIMAL)
    assert tree.get_xattr(directory, DEFAULT_ACL) == MINIMAL
    assert tree.record(directory).mode == stat.S_IFDIR | 0o755


def test_only_directories_have_default_lists(tree: Namespace, file: InodeId) -> None:
    with pytest.raises(AccessDenied):
        tree.set_xattr(file, DEFAULT_ACL, MINIMAL)
    tree.set_xattr(file, DEFAULT_ACL, b"")
    tree.remove_xattr(file, DEFAULT_ACL)


@pytest.mark.parametrize("name", [ACCESS_ACL, DEFAULT_ACL])
def test_malformed_lists(tree: Namespace, directory: InodeId, name: bytes) -> None:
    with pytest.raises(InvalidArgument):
        tree.set_xattr(directory, name, EXTENDED[:-1])


def test_symlinks_have_no_lists(tree: Namespace, symlink: InodeId) -> None:
    with pytest.raises(NotSupported):
        tree.set_xattr(symlink, ACCESS_ACL, MINIMAL)
    with pytest.raises(NotSupported):
        tree.get_xattr(symlink, ACCESS_ACL)
