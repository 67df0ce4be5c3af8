"""Listings of views: an entry that cannot be read keeps nobody from seeing the others."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyfuse3
import pytest

from daemon.view_entries import ViewEntries
from daemon.view_handles import Beliefs
from daemon.workers import Workers
from fsmodel.errors import DataError, NotFound
from fsmodel.ids import InodeId
from fsmodel.steps import Steps
from fsmodel.views.nodes import ViewAttributes, ViewDirectory, ViewFile, ViewLink, ViewNode
from fsmodel.volume import Volume
from tests.support.volumes import make_store, opened


class Damaged(ViewNode):
    """Something that cannot be read."""

    def attributes(self) -> Steps[ViewAttributes]:
        raise DataError("damaged")


class File(Damaged, ViewFile):
    """A file."""


class Folder(Damaged, ViewDirectory):
    """A folder."""


class Link(Damaged, ViewLink):
    """A link."""


class Gone(ViewFile):
    """A file that is gone."""

    def attributes(self) -> Steps[ViewAttributes]:
        raise NotFound("gone")


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    with opened(make_store(tmp_path / "store")) as found:
        yield found


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, pyfuse3.EntryAttributes]:
    """What the kernel is told of."""
    found: dict[bytes, pyfuse3.EntryAttributes] = {}

    def reply(token: object, name: bytes, entry: pyfuse3.EntryAttributes, next_id: int) -> bool:
        found[name] = entry
        return True

    monkeypatch.setattr(pyfuse3, "readdir_reply", reply)
    return found


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        (File(b"file"), stat.S_IFREG),
        (Folder(b"folder", InodeId(1)), stat.S_IFDIR),
        (Link(b"link"), stat.S_IFLNK),
    ],
)
async def test_what_cannot_be_read_is_listed_by_its_type(
    volume: Volume, told: dict[bytes, pyfuse3.EntryAttributes], node: ViewNode, kind: int
) -> None:
    entries, token = (
        ViewEntries(volume, Workers(), Beliefs()),
        cast("pyfuse3.ReaddirToken", object()),
    )
    assert await entries.reply(token, b"name", node, 3)
    assert (told[b"name"].st_mode, told[b"name"].st_ino) == (kind, node.inode)
    assert (told[b"name"].entry_timeout, told[b"name"].attr_timeout) == (0, 0)
    assert volume.views.give_back(node.inode, 1)


async def test_what_has_gone_is_left_out(
    volume: Volume, told: dict[bytes, pyfuse3.EntryAttributes]
) -> None:
    entries, token = (
        ViewEntries(volume, Workers(), Beliefs()),
        cast("pyfuse3.ReaddirToken", object()),
    )
    assert await entries.reply(token, b"name", Gone(b"gone"), 3)
    assert told == {}
