"""What new inodes are like, and when none is made."""

import stat

import pytest

from fsmodel.errors import (
    AlreadyExists,
    InvalidArgument,
    NameTooLong,
    NotADirectory,
    NotFound,
    NotPermitted,
    PathRefused,
)
from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.acls import (
    ACCESS_ACL,
    DEFAULT_ACL,
    GROUP_OBJ,
    MASK,
    OTHER,
    USER,
    USER_OBJ,
    AclEntry,
    decode_acl,
    encode_acl,
)
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.namespace import Namespace
from tests.support.namespace_store import USER as CREATOR
from tests.support.namespace_store import ManualClock, NamespaceStore

MINIMAL_DEFAULT = encode_acl((AclEntry(USER_OBJ, 7), AclEntry(GROUP_OBJ, 5), AclEntry(OTHER, 0)))
EXTENDED_DEFAULT = encode_acl(
    (
        AclEntry(USER_OBJ, 7),
        AclEntry(USER, 6, 1234),
        AclEntry(GROUP_OBJ, 5),
        AclEntry(MASK, 7),
        AclEntry(OTHER, 4),
    )
)


def test_the_root_is_an_empty_directory(tree: Namespace, clock: ManualClock) -> None:
    root = tree.record(ROOT_INODE)
    assert root.mode == stat.S_IFDIR | 0o755
    assert (root.nlink, root.size, root.parent) == (2, 0, 0)
    assert root.birth_ns == root.ctime_ns == clock.now_ns()


def test_there_is_one_root(tree: Namespace) -> None:
    with pytest.raises(AlreadyExists):
        tree.make_root(0o755, 0, 0)


def test_a_file_belongs_to_its_creator(tree: Namespace, clock: ManualClock) -> None:
    now = clock.advance()
    file = tree.record(tree.make_node(ROOT_INODE, b"f", stat.S_IFREG | 0o4640, 5, CREATOR))
    assert file.mode == stat.S_IFREG | 0o4640
    assert (file.uid, file.gid, file.nlink, file.size) == (CREATOR.uid, CREATOR.gid, 1, 0)
    assert file.rdev == 0
    assert {file.atime_ns, file.mtime_ns, file.ctime_ns, file.birth_ns} == {now}


def test_a_mode_without_a_type_is_a_file(tree: Namespace) -> None:
    file = tree.make_node(ROOT_INODE, b"f", 0o600, 0, CREATOR)
    assert stat.S_ISREG(tree.record(file).mode)


@pytest.mark.parametrize(
    ("file_type", "rdev"),
    [(stat.S_IFIFO, 0), (stat.S_IFSOCK, 0), (stat.S_IFCHR, 0x103), (stat.S_IFBLK, 0x103)],
)
def test_special_files(tree: Namespace, file_type: int, rdev: int) -> None:
    record = tree.record(tree.make_node(ROOT_INODE, b"n", file_type | 0o600, 0x103, CREATOR))
    assert (record.mode, record.rdev) == (file_type | 0o600, rdev)


@pytest.mark.parametrize(
    ("file_type", "error"),
    [(stat.S_IFDIR, NotPermitted), (stat.S_IFLNK, InvalidArgument), (0o130000, InvalidArgument)],
)
def test_other_types_are_no_nodes(tree: Namespace, file_type: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        tree.make_node(ROOT_INODE, b"n", file_type | 0o600, 0, CREATOR)


def test_a_directory_counts_in_its_parent(tree: Namespace, clock: ManualClock) -> None:
    now = clock.advance()
    inode = tree.make_directory(ROOT_INODE, b"d", 0o7777, CREATOR)
    made, root = tree.record(inode), tree.record(ROOT_INODE)
    assert made.mode == stat.S_IFDIR | 0o1777
    assert (made.nlink, made.parent) == (2, ROOT_INODE)
    assert (root.nlink, root.size) == (3, 1)
    assert root.mtime_ns == root.ctime_ns == now


def test_a_symlink_has_the_size_of_its_target(tree: Namespace) -> None:
    link = tree.record(tree.make_symlink(ROOT_INODE, b"l", b"x" * 4095, CREATOR))
    assert (link.mode, link.size, link.target) == (stat.S_IFLNK | 0o777, 4095, b"x" * 4095)


@pytest.mark.parametrize(
    ("target", "error"),
    [(b"", NotFound), (b"x" * 4096, NameTooLong), (b"a\0b", InvalidArgument)],
)
def test_targets_that_cannot_be(tree: Namespace, target: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        tree.make_symlink(ROOT_INODE, b"l", target, CREATOR)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (b"taken", AlreadyExists),
        (b".", AlreadyExists),
        (b"..", AlreadyExists),
        (b"n" * 256, NameTooLong),
        (b"", PathRefused),
        (b"a/b", PathRefused),
    ],
)
def test_names_that_cannot_be_given(tree: Namespace, name: bytes, error: type[Exception]) -> None:
    tree.make_node(ROOT_INODE, b"taken", 0o600, 0, CREATOR)
    with pytest.raises(error):
        tree.make_directory(ROOT_INODE, name, 0o755, CREATOR)


def test_nothing_is_made_in_a_file(tree: Namespace) -> None:
    file = tree.make_node(ROOT_INODE, b"f", 0o600, 0, CREATOR)
    with pytest.raises(NotADirectory):
        tree.make_node(file, b"x", 0o600, 0, CREATOR)


def test_nothing_is_made_in_a_removed_directory(store: NamespaceStore, tree: Namespace) -> None:
    directory = tree.make_directory(ROOT_INODE, b"d", 0o755, CREATOR)
    store.opened.add(directory)
    tree.rmdir(ROOT_INODE, b"d")
    with pytest.raises(NotFound):
        tree.make_symlink(directory, b"x", b"y", CREATOR)


def test_a_set_gid_directory_passes_its_group_on(tree: Namespace) -> None:
    parent = tree.make_directory(ROOT_INODE, b"d", 0o755, CREATOR)
    tree.set_attributes(parent, AttributeChange(mode=0o2755, gid=55))
    child = tree.record(tree.make_directory(parent, b"d", 0o700, CREATOR))
    link = tree.record(tree.make_symlink(parent, b"l", b"x", CREATOR))
    assert (child.mode, child.gid) == (stat.S_IFDIR | 0o2700, 55)
    assert (link.mode, link.gid) == (stat.S_IFLNK | 0o777, 55)


def test_a_minimal_default_list_limits_the_mode(tree: Namespace) -> None:
    parent = tree.make_directory(ROOT_INODE, b"d", 0o755, CREATOR)
    tree.set_xattr(parent, DEFAULT_ACL, MINIMAL_DEFAULT)
    file = tree.make_node(parent, b"f", 0o666, 0, CREATOR)
    assert tree.record(file).mode == stat.S_IFREG | 0o640
    assert tree.list_xattrs(file) == []


def test_an_extended_default_list_becomes_the_access_list(tree: Namespace) -> None:
    parent = tree.make_directory(ROOT_INODE, b"d", 0o755, CREATOR)
    tree.set_xattr(parent, DEFAULT_ACL, EXTENDED_DEFAULT)
    file = tree.make_node(parent, b"f", 0o640, 0, CREATOR)
    assert tree.record(file).mode == stat.S_IFREG | 0o640
    assert tree.list_xattrs(file) == [ACCESS_ACL]
    access = {entry.tag: entry for entry in decode_acl(tree.get_xattr(file, ACCESS_ACL))}
    assert access[USER] == AclEntry(USER, 6, 1234)
    assert (access[GROUP_OBJ].permissions, access[MASK].permissions) == (5, 4)
    assert access[OTHER].permissions == 0


def test_directories_inherit_the_default_list_itself(tree: Namespace) -> None:
    parent = tree.make_directory(ROOT_INODE, b"d", 0o755, CREATOR)
    tree.set_xattr(parent, DEFAULT_ACL, MINIMAL_DEFAULT)
    child = tree.make_directory(parent, b"d", 0o777, CREATOR)
    assert tree.record(child).mode == stat.S_IFDIR | 0o750
    assert tree.get_xattr(child, DEFAULT_ACL) == MINIMAL_DEFAULT
    assert tree.list_xattrs(child) == [DEFAULT_ACL]


def test_symlinks_inherit_no_list(tree: Namespace) -> None:
    parent = tree.make_directory(ROOT_INODE, b"d", 0o755, CREATOR)
    tree.set_xattr(parent, DEFAULT_ACL, EXTENDED_DEFAULT)
    link = tree.make_symlink(parent, b"l", b"x", CREATOR)
    assert tree.record(link).mode == stat.S_IFLNK | 0o777
    assert tree.list_xattrs(link) == []


def test_counters_follow_what_is_made_and_removed(store: NamespaceStore, tree: Namespace) -> None:
    tree.make_node(ROOT_INODE, b"f", 0o600, 0, CREATOR)
    tree.make_node(ROOT_INODE, b"p", stat.S_IFIFO, 0, CREATOR)
    tree.make_symlink(ROOT_INODE, b"l", b"x", CREATOR)
    tree.make_directory(ROOT_INODE, b"d", 0o755, CREATOR)
    names = ("inodes", "files", "directories", "symlinks")
    assert [store.index.counter(name) for name in names] == [5, 1, 2, 1]
    tree.unlink(ROOT_INODE, b"f")
    tree.rmdir(ROOT_INODE, b"d")
    assert [store.index.counter(name) for name in names] == [3, 0, 1, 1]
