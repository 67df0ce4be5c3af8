"""Access control lists as values: their bytes, and how they and the mode follow each other."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.errors import InvalidArgument
from fsmodel.namespace.acls import (
    GROUP,
    GROUP_OBJ,
    MASK,
    NO_ID,
    OTHER,
    USER,
    USER_OBJ,
    Acl,
    AclEntry,
    decode_acl,
    encode_acl,
    inherited,
    is_minimal,
    mode_of,
    with_mode,
)

MINIMAL: Acl = (AclEntry(USER_OBJ, 6), AclEntry(GROUP_OBJ, 4), AclEntry(OTHER, 0))
EXTENDED: Acl = (
    AclEntry(USER_OBJ, 7),
    AclEntry(USER, 6, 1000),
    AclEntry(GROUP_OBJ, 5),
    AclEntry(GROUP, 7, 50),
    AclEntry(MASK, 4),
    AclEntry(OTHER, 1),
)

permissions = st.integers(0, 7)


@st.composite
def valid_acls(draw: st.DrawFn) -> Acl:
    """Any list that Linux takes."""
    users = draw(st.lists(st.builds(AclEntry, st.just(USER), permissions, st.integers(0, 9))))
    groups = draw(st.lists(st.builds(AclEntry, st.just(GROUP), permissions, st.integers(0, 9))))
    masked = bool(users or groups) or draw(st.booleans())
    mask = [AclEntry(MASK, draw(permissions))] if masked else []
    owner, group, other = (AclEntry(tag, draw(permissions)) for tag in (USER_OBJ, GROUP_OBJ, OTHER))
    return (owner, *users, group, *groups, *mask, other)


def test_the_bytes_are_those_of_linux() -> None:
    expected = pack("<I", 2) + pack("<HHI", 1, 6, NO_ID) + pack("<HHI", 4, 4, NO_ID)
    assert encode_acl(MINIMAL) == expected + pack("<HHI", 0x20, 0, NO_ID)


@given(valid_acls())
def test_decoding_reverses_encoding(acl: Acl) -> None:
    assert decode_acl(encode_acl(acl)) == acl


@pytest.mark.parametrize("value", [b"", pack("<I", 2)])
def test_no_entries_are_no_list(value: bytes) -> None:
    assert decode_acl(value) == ()


@pytest.mark.parametrize(
    "value",
    [
        b"\x02",
        encode_acl(MINIMAL)[:-1],
        pack("<I", 1) + encode_acl(MINIMAL)[4:],
        encode_acl((*MINIMAL[:2], AclEntry(OTHER, 8))),
        encode_acl((*MINIMAL[:2], AclEntry(0x40, 0), MINIMAL[2])),
        encode_acl(MINIMAL[:2]),
        encode_acl((MINIMAL[1], MINIMAL[0], MINIMAL[2])),
        encode_acl((*MINIMAL, MINIMAL[2])),
        encode_acl((MINIMAL[0], AclEntry(USER, 6, NO_ID), *EXTENDED[2:])),
        encode_acl((MINIMAL[0], AclEntry(USER, 6, 5), *MINIMAL[1:])),
        encode_acl((*EXTENDED[:5], EXTENDED[4], EXTENDED[5])),
    ],
    ids=[
        "short header",
        "cut entry",
        "version",
        "permissions",
        "tag",
        "no entry for others",
        "order",
        "twice",
        "user without id",
        "user without mask",
        "two masks",
    ],
)
def test_what_linux_refuses_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidArgument):
        decode_acl(value)


def test_a_mask_stands_for_the_group_in_the_mode() -> None:
    assert (mode_of(MINIMAL), mode_of(EXTENDED)) == (0o640, 0o741)
    assert (is_minimal(MINIMAL), is_minimal(EXTENDED)) == (True, False)


def test_chmod_sets_the_mask_and_leaves_the_group() -> None:
    changed = {entry.tag: entry.permissions for entry in with_mode(EXTENDED, 0o4620)}
    assert changed == {USER_OBJ: 6, USER: 6, GROUP_OBJ: 5, GROUP: 7, MASK: 2, OTHER: 0}


def test_chmod_sets_the_group_without_a_mask() -> None:
    assert mode_of(with_mode(MINIMAL, 0o751)) == 0o751


@given(valid_acls(), st.integers(0, 0o777))
def test_the_mode_shows_what_chmod_set(acl: Acl, mode: int) -> None:
    assert mode_of(with_mode(acl, mode)) == mode


@given(valid_acls(), st.integers(0, 0o777))
def test_inheriting_allows_what_both_allow(acl: Acl, mode: int) -> None:
    access, result = inherited(acl, 0o100000 | mode)
    assert result == 0o100000 | (mode & mode_of(acl))
    assert mode_of(access) == mode & mode_of(acl)
    named = [entry for entry in acl if entry.tag in (USER, GROUP)]
    assert [entry for entry in access if entry.tag in (USER, GROUP)] == named
