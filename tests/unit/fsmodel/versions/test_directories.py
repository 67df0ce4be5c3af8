"""Versions and the directories they are found in: removed, made again, moved, of other owners."""

import pytest

from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.inodes import AttributeChange, Creator
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import run_inline
from fsmodel.versions.version_folders import GENERATIONS_MAX
from fsmodel.views.nodes import ViewDirectory
from tests.support.versioned import VersionedVolume

OTHER = Creator(1000, 100)


def fill(kept: VersionedVolume, data: bytes) -> None:
    kept.mkdir("/out")
    kept.mkdir("/out/below")
    kept.write("/out/file", data)
    kept.write("/out/below/file", data)


def remove(kept: VersionedVolume, path: str = "/out") -> None:
    kept.unlink(f"{path}/below/file")
    kept.unlink(f"{path}/file")
    kept.rmdir(f"{path}/below")
    kept.rmdir(path)


def test_a_directory_made_again_has_its_versions_back(kept: VersionedVolume) -> None:
    for number in range(3):
        fill(kept, b"%d" % number)
        assert kept.versions("/out/file") == [b"%d" % each for each in range(number)]
        assert kept.versions("/out/below/file") == [b"%d" % each for each in range(number)]
        remove(kept)


def test_a_directory_that_is_moved_keeps_its_versions(kept: VersionedVolume) -> None:
    fill(kept, b"1")
    kept.unlink("/out/below/file")
    kept.mkdir("/elsewhere")
    kept.rename("/out", "/elsewhere/out")
    assert kept.versions("/elsewhere/out/below/file") == [b"1"]
    fill(kept, b"2")
    assert kept.versions("/out/below/file") == []


def test_a_directory_without_versions_has_those_of_the_place_it_comes_to(
    kept: VersionedVolume,
) -> None:
    kept.mkdir("/place")
    kept.write("/place/file", b"former")
    kept.unlink("/place/file")
    kept.rmdir("/place")
    kept.mkdir("/new")
    assert kept.versions("/new/file") == []
    kept.rename("/new", "/place")
    assert kept.versions("/place/file") == [b"former"]


def test_a_directory_moved_in_the_place_of_a_former_one_shows_both(kept: VersionedVolume) -> None:
    """As of a tool that builds in a folder beside, and swaps."""
    for number in range(3):
        fill(kept, b"%d" % number)
        kept.write("/out/file", b"%d'" % number)
        kept.unlink("/out/file")
        kept.write("/out/file", b"last %d" % number)
        kept.rename("/out", "/old")
        kept.wait(1)
        remove(kept, "/old")
        kept.wait(1)
    kept.mkdir("/old")
    kept.mkdir("/old/below")
    found = [data for number in range(3) for data in (b"%d'" % number, b"last %d" % number)]
    assert kept.versions("/old/file") == found
    assert kept.versions("/old/below/file") == [b"0", b"1", b"2"]


def test_what_finds_no_generation_is_dropped_in_time(kept: VersionedVolume) -> None:
    for number in range(GENERATIONS_MAX + 2):
        kept.mkdir("/out")
        kept.write("/out/file", b"%d" % number)
        kept.unlink("/out/file")
        kept.rename("/out", "/old")
        kept.rmdir("/old")
    kept.mkdir("/old")
    assert len(kept.versions("/old/file")) == GENERATIONS_MAX
    assert kept.counts[0] == GENERATIONS_MAX + 2
    assert run_inline(kept.volume.tidy_versions()) == 2
    assert kept.counts[0] == GENERATIONS_MAX


def test_directories_that_are_exchanged_exchange_their_versions(kept: VersionedVolume) -> None:
    fill(kept, b"1")
    kept.unlink("/out/file")
    kept.mkdir("/other")
    kept.write("/other/file", b"2")
    kept.unlink("/other/file")
    kept.write("/plain", b"3")
    kept.rename("/out", "/other", RenameFlag.EXCHANGE)
    assert kept.versions("/other/file") == [b"1"]
    assert kept.versions("/out/file") == [b"2"]
    kept.rename("/out", "/plain", RenameFlag.EXCHANGE)
    assert kept.versions("/plain/file") == [b"2"]


def test_a_directory_that_replaces_another_shows_the_versions_of_both(
    kept: VersionedVolume,
) -> None:
    for path, data in (("/one", b"1"), ("/two", b"2")):
        kept.mkdir(path)
        kept.write(f"{path}/file", data)
        kept.unlink(f"{path}/file")
    kept.rename("/one", "/two")
    assert sorted(kept.versions("/two/file")) == [b"1", b"2"]


def test_moves_survive_a_kill(kept: VersionedVolume) -> None:
    fill(kept, b"1")
    kept.unlink("/out/file")
    kept.rename("/out", "/moved")
    kept.kill()
    assert kept.versions("/moved/file") == [b"1"]


def test_a_move_that_is_refused_moves_no_versions(kept: VersionedVolume) -> None:
    fill(kept, b"1")
    kept.unlink("/out/file")
    kept.mkdir("/full")
    kept.write("/full/file", b"")
    with pytest.raises(Exception, match="not empty"):
        kept.rename("/out", "/full")
    assert kept.versions("/out/file") == [b"1"]


def mode_of(kept: VersionedVolume, path: str) -> int:
    view = kept.view(path)
    assert isinstance(view, ViewDirectory)
    return run_inline(view.attributes()).mode & 0o7777


def test_the_view_allows_no_more_than_the_directory_did(kept: VersionedVolume) -> None:
    directory = kept.mkdir("/secret", 0o700)
    assert mode_of(kept, "/secret") == 0o500
    kept.write("/secret/file", b"secret")
    kept.unlink("/secret/file")
    kept.volume.set_attributes(directory, AttributeChange(mode=0o755))
    assert mode_of(kept, "/secret") == 0o500
    kept.rmdir("/secret")
    kept.mkdir("/secret", 0o777)
    assert mode_of(kept, "/secret") == 0o500
    assert mode_of(kept, "/") == 0o555


def test_a_directory_of_another_owner_shows_only_what_was_his(kept: VersionedVolume) -> None:
    kept.mkdir("/shared")
    kept.write("/shared/file", b"of root")
    kept.unlink("/shared/file")
    kept.rmdir("/shared")
    kept.mkdir("/shared", creator=OTHER)
    assert kept.versions("/shared/file") == []
    kept.write("/shared/file", b"of another", creator=OTHER)
    kept.unlink("/shared/file")
    assert kept.versions("/shared/file") == [b"of another"]
    assert len(run_inline(kept.volume.list_versions(b"/shared/file"))) == 2


def test_a_folder_on_the_way_belongs_to_nobody_yet(kept: VersionedVolume) -> None:
    kept.mkdir("/a", creator=OTHER)
    kept.mkdir("/a/b")
    for path in ("/a/b/file", "/a/file"):
        kept.write(path, b"1")
        kept.unlink(path)
    assert kept.versions("/a/file") == kept.versions("/a/b/file") == [b"1"]
    folders = kept.volume.versions.folders_shown(kept.at("/a"))
    assert len(folders) == 1
    assert kept.volume.attributes(folders[0])[0].uid == OTHER.uid


def test_the_hidden_tree_stays_hidden(kept: VersionedVolume) -> None:
    kept.write("/file", b"1")
    kept.unlink("/file")
    assert list(kept.volume.list_entries(ROOT_INODE, 0, 1 << 60)) == []


def test_the_packs_alone_tell_of_versions(kept: VersionedVolume) -> None:
    fill(kept, b"1")
    remove(kept)
    kept.rebuild()
    kept.mkdir("/out")
    kept.mkdir("/out/below")
    assert kept.versions("/out/below/file") == [b"1"]
    assert kept.counts == (2, 2)
