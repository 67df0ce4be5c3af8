"""The sticky bit: in such a folder only owners remove and rename what is theirs."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import NOBODY, OTHER, USER, as_user, needs_root
from tests.support.nodes import KINDS, make, remove
from tests.support.syscalls import RENAME_EXCHANGE, refused, renameat2

pytestmark = needs_root

ACTIONS: Final[dict[str, Callable[[Path], None]]] = {
    "remove": remove,
    "rename": lambda path: os.rename(path, path.with_name("renamed")),
    "move out": lambda path: os.rename(path, path.parent.with_name("free") / "moved"),
}
ACTING: Final = pytest.mark.parametrize("action", ACTIONS)


@pytest.fixture
def sticky(root: Path) -> Path:
    """A folder of mode 1777 that belongs to OTHER; anyone may write the folder beside it."""
    for name, mode in (("free", 0o777), ("sticky", 0o1777)):
        make("directory", root / name)
        os.chown(root / name, OTHER, OTHER)
        os.chmod(root / name, mode)
    return root / "sticky"


def belonging_to(owner: int, kind: str, path: Path) -> Path:
    os.lchown(make(kind, path, 0o777), owner, owner)
    return path


@ACTING
@pytest.mark.parametrize("kind", KINDS)
def test_others_cannot(sticky: Path, action: str, kind: str) -> None:
    thing = belonging_to(NOBODY, kind, sticky / "thing")
    with as_user(USER), refused(errno.EPERM):
        ACTIONS[action](thing)
    assert os.listdir(sticky) == ["thing"]


@ACTING
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", ["owner of the thing", "owner of the folder", "root"])
def test_its_owner_and_the_folders_owner_and_root_can(
    sticky: Path, action: str, kind: str, who: str
) -> None:
    thing = belonging_to(USER, kind, sticky / "thing")
    uid = {"owner of the thing": USER, "owner of the folder": OTHER, "root": 0}[who]
    if kind == "directory" and action == "move out" and uid == OTHER:
        os.chmod(thing, 0o777)  # its `..` changes, which needs the right to write it
    with as_user(uid):
        ACTIONS[action](thing)
    assert "thing" not in os.listdir(sticky)


@pytest.mark.parametrize("kind", KINDS)
def test_others_cannot_replace_it(sticky: Path, kind: str) -> None:
    belonging_to(NOBODY, kind, sticky / "thing")
    with as_user(USER):
        make("directory" if kind == "directory" else "file", sticky / "mine")
        with refused(errno.EPERM):
            os.rename(sticky / "mine", sticky / "thing")
        with refused(errno.EPERM):
            renameat2(sticky / "mine", sticky / "thing", RENAME_EXCHANGE)
    assert sorted(os.listdir(sticky)) == ["mine", "thing"]


@pytest.mark.parametrize("kind", KINDS)
def test_others_cannot_move_theirs_over_it_from_outside(sticky: Path, kind: str) -> None:
    belonging_to(NOBODY, kind, sticky / "thing")
    with as_user(USER):
        make("directory" if kind == "directory" else "file", sticky.with_name("free") / "mine")
        with refused(errno.EPERM):
            os.rename(sticky.with_name("free") / "mine", sticky / "thing")


def test_anyone_adds_to_it(sticky: Path) -> None:
    os.chmod(belonging_to(NOBODY, "file", sticky / "thing"), 0o666)
    with as_user(USER):
        make("file", sticky / "mine")
        (sticky / "mine").write_bytes(b"1")
        os.link(sticky / "mine", sticky / "also mine")
        (sticky / "thing").write_bytes(b"the bit is about names")


def test_without_the_bit_anyone_who_may_write_can(sticky: Path) -> None:
    os.chmod(sticky, 0o777)
    thing = belonging_to(NOBODY, "file", sticky / "thing")
    with as_user(USER):
        os.unlink(thing)
    assert os.listdir(sticky) == []
