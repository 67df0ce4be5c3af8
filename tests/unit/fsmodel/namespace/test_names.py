"""Which bytes can be a name."""

import pytest

from fsmodel.errors import NameTooLong, PathRefused
from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.inodes import REGULAR
from fsmodel.namespace.names import OrdinaryNames, check_name, is_name


@pytest.mark.parametrize("name", [b"a", b"...", b" ", b"\xff\n", b"n" * 255, "ä".encode()])
def test_linux_names_are_names(name: bytes) -> None:
    assert is_name(name)
    check_name(name)
    OrdinaryNames().check_entry(ROOT_INODE, name, REGULAR)


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/", b"a\0"])
def test_what_is_no_name_is_refused(name: bytes) -> None:
    assert not is_name(name)
    with pytest.raises(PathRefused):
        OrdinaryNames().check_entry(ROOT_INODE, name, REGULAR)


def test_a_name_has_at_most_255_bytes() -> None:
    assert not is_name(b"n" * 256)
    with pytest.raises(NameTooLong):
        OrdinaryNames().check_entry(ROOT_INODE, b"n" * 256, REGULAR)
