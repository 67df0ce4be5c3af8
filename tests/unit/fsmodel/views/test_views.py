"""The registry of views, without a mount."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.errors import (
    AlreadyExists,
    CrossesDevice,
    DirectoryNotEmpty,
    InvalidArgument,
    NotADirectory,
    NotFound,
    NotPermitted,
    ReadOnly,
    Stale,
)
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange, Creator
from fsmodel.namespace.renames import NO_RENAME_FLAGS, RenameFlag
from fsmodel.steps import Steps, run_inline
from fsmodel.views.nodes import (
    VIEW_BIT,
    ViewDirectory,
    ViewFile,
    ViewNode,
    is_view,
    view_inode,
)
from fsmodel.views.views import ViewProvider
from fsmodel.volume import Volume
from tests.support.sample_view import VIEW, SampleDirectory, SampleFile, SampleProvider

ROOT = Creator(0, 0)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    Volume.create(tmp_path / "store", plain=True)
    volume = Volume.open(tmp_path / "store")
    volume.views.register(VIEW, SampleProvider(volume))
    yield volume
    volume.close()


@pytest.fixture
def view(volume: Volume) -> ViewDirectory:
    """The view of the root, known outside."""
    view = run_inline(volume.views.view_of(ROOT_INODE, VIEW))
    assert view is not None
    volume.views.hold(view)
    return view


def test_a_view_is_found_under_its_reserved_name_only(volume: Volume) -> None:
    volume.views.register(b"ordinary", SampleProvider(volume))
    assert run_inline(volume.views.view_of(ROOT_INODE, b"ordinary")) is None
    assert run_inline(volume.views.view_of(ROOT_INODE, VIEW)) is not None
    assert run_inline(volume.views.view_of(ROOT_INODE, b".unheard")) is None


def test_a_view_of_the_root_is_in_no_other_directory(volume: Volume) -> None:
    volume.views.register(b".snapshots", SampleProvider(volume))
    folder = volume.make_directory(ROOT_INODE, b"listed", 0o755, ROOT)
    assert run_inline(volume.views.view_of(ROOT_INODE, b".snapshots")) is not None
    assert run_inline(volume.views.view_of(folder, b".snapshots")) is None
    assert volume.views.listed(folder) == [VIEW]
    assert volume.views.listed(ROOT_INODE) == []


def test_numbers_come_from_identities_and_are_no_numbers_of_stored_inodes() -> None:
    one, other = view_inode(b"one"), view_inode(b"other")
    assert one == view_inode(b"one") != other
    assert is_view(one)
    assert is_view(other)
    assert one < 1 << 63
    assert not is_view(VIEW_BIT - 1)


def test_a_node_is_known_until_all_holds_are_given_back(volume: Volume) -> None:
    views, node = volume.views, SampleFile(b"node")
    with pytest.raises(Stale):
        views.node(node.inode)
    views.hold(node)
    views.hold(node)
    with pytest.raises(NotADirectory):
        views.directory(node.inode)
    assert not views.give_back(node.inode, 1)
    assert views.node(node.inode) is node
    assert views.give_back(node.inode, 1)
    with pytest.raises(Stale):
        views.node(node.inode)


def test_the_node_told_last_counts(volume: Volume) -> None:
    former, latter = SampleFile(b"node"), SampleFile(b"node")
    volume.views.hold(former)
    volume.views.hold(latter)
    assert volume.views.node(former.inode) is latter
    assert volume.views.give_back(former.inode, 2)


def test_a_view_is_removed_only_as_its_provider_likes(volume: Volume, view: ViewDirectory) -> None:
    run_inline(view.create(b"file", 0o644, ROOT))
    with pytest.raises(DirectoryNotEmpty):
        run_inline(volume.views.remove(ROOT_INODE, VIEW))
    run_inline(view.unlink(b"file"))
    run_inline(volume.views.remove(ROOT_INODE, VIEW))

    class Stubborn(ViewProvider):
        def view_in(self, directory: InodeId) -> Steps[ViewDirectory | None]:
            return SampleDirectory(b"stubborn", directory)
            yield

    volume.views.register(VIEW, Stubborn())
    with pytest.raises(NotPermitted):
        run_inline(volume.views.remove(ROOT_INODE, VIEW))
    with pytest.raises(NotFound):
        run_inline(volume.views.remove(ROOT_INODE, b".unheard"))


def rename(
    volume: Volume, parent: InodeId, new_parent: InodeId, flags: RenameFlag = NO_RENAME_FLAGS
) -> None:
    run_inline(volume.views.rename(parent, b"old", new_parent, b"new", flags))


def test_a_rename_stays_within_views(volume: Volume, view: ViewDirectory) -> None:
    run_inline(view.create(b"old", 0o644, ROOT))
    for parent, new_parent in ((view.inode, ROOT_INODE), (ROOT_INODE, view.inode)):
        with pytest.raises(CrossesDevice):
            rename(volume, parent, new_parent)
    rename(volume, view.inode, view.inode)
    assert [name for name, _ in run_inline(view.entries())] == [b"new"]


def test_flags_of_rename(volume: Volume, view: ViewDirectory) -> None:
    for name in (b"old", b"new"):
        run_inline(view.create(name, 0o644, ROOT))
    with pytest.raises(AlreadyExists):
        rename(volume, view.inode, view.inode, RenameFlag.NOREPLACE)
    with pytest.raises(InvalidArgument):
        rename(volume, view.inode, view.inode, RenameFlag.EXCHANGE)
    run_inline(view.unlink(b"new"))
    rename(volume, view.inode, view.inode, RenameFlag.NOREPLACE)


def test_a_node_refuses_every_change_unless_it_says_otherwise(volume: Volume) -> None:
    file, directory = ViewFile(b"file"), ViewDirectory(b"directory", ROOT_INODE)
    node: ViewNode = file
    for change in (
        lambda: file.open(writing=True),
        lambda: file.write(0, b"bytes"),
        lambda: file.truncate(0),
        lambda: node.set_attributes(AttributeChange(mode=0)),
        lambda: directory.make_directory(b"name", 0o755, ROOT),
        lambda: directory.create(b"name", 0o644, ROOT),
        lambda: directory.unlink(b"name"),
        lambda: directory.rmdir(b"name"),
        lambda: directory.rename(b"name", directory, b"other"),
    ):
        with pytest.raises(ReadOnly):
            run_inline(change())
    run_inline(file.open(writing=False))
    run_inline(file.flush())
    file.close()
