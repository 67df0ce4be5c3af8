"""How many versions are kept, for how long, and who says so."""

import pytest

from fsmodel.errors import InvalidArgument, NoSuchAttribute, NotSupported, Stale
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import run_inline
from fsmodel.versions.policy import DEFAULT_POLICY, NO_VERSIONS, VersionPolicy, parse_policy
from fsmodel.views.nodes import ViewDirectory, ViewFile
from tests.support.versioned import VersionedVolume
from tests.support.volumes import collect_garbage, noise

DAY = 24 * 3600.0


def make_versions(kept: VersionedVolume, path: str, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        kept.write(path, b"%d" % number)
        kept.unlink(path)
        kept.wait(1)


def test_ten_versions_are_kept_by_default(kept: VersionedVolume) -> None:
    make_versions(kept, "/file", 13)
    assert kept.versions("/file") == [b"%d" % number for number in range(3, 13)]
    assert kept.counts[0] == 10


def test_a_version_goes_after_thirty_days(kept: VersionedVolume) -> None:
    make_versions(kept, "/file", 2)
    kept.wait(20 * DAY)
    make_versions(kept, "/file", 1, 2)
    kept.wait(11 * DAY)
    assert run_inline(kept.volume.tidy_versions()) == 2
    assert kept.versions("/file") == [b"2"]
    kept.wait(20 * DAY)
    make_versions(kept, "/file", 1, 3)
    assert kept.versions("/file") == [b"3"]


def test_folders_with_nothing_in_them_go(kept: VersionedVolume) -> None:
    kept.mkdir("/a")
    kept.mkdir("/a/b")
    make_versions(kept, "/a/b/file", 1)
    make_versions(kept, "/a/b/" + "n" * 250, 1)
    inodes = kept.volume.statistics().inodes
    kept.wait(31 * DAY)
    assert run_inline(kept.volume.tidy_versions()) == 2
    assert kept.volume.statistics().inodes == inodes - 2 - 2
    make_versions(kept, "/a/b/file", 1)
    assert kept.versions("/a/b/file") == [b"0"]


def test_a_directory_says_how_many_for_itself_and_below(kept: VersionedVolume) -> None:
    kept.mkdir("/a")
    kept.mkdir("/a/b")
    kept.set_policy("/a", "count=2")
    make_versions(kept, "/a/b/file", 4)
    assert kept.versions("/a/b/file") == [b"2", b"3"]
    kept.set_policy("/a/b", "count=3,days=1")
    make_versions(kept, "/a/b/file", 4, 4)
    assert kept.versions("/a/b/file") == [b"5", b"6", b"7"]
    kept.wait(2 * DAY)
    run_inline(kept.volume.tidy_versions())
    assert kept.versions("/a/b/file") == []
    kept.volume.remove_xattr(kept.at("/a/b"), b"cairnfs.versions")
    make_versions(kept, "/a/b/file", 4)
    assert len(kept.versions("/a/b/file")) == 2


def test_off_keeps_none_and_lets_those_there_are_go(kept: VersionedVolume) -> None:
    kept.mkdir("/a")
    make_versions(kept, "/a/file", 2)
    kept.set_policy("/a", "off")
    make_versions(kept, "/a/other", 1)
    kept.write("/a/file", b"1")
    kept.wait(100)
    kept.write("/a/file", b"2")
    assert kept.names("/a") == [b"file"]
    assert run_inline(kept.volume.tidy_versions()) == 2
    assert kept.names("/a") == []


def test_a_policy_is_an_attribute_that_is_not_listed(kept: VersionedVolume) -> None:
    inode = kept.mkdir("/a")
    kept.set_policy("/a", "count=2")
    assert run_inline(kept.volume.get_xattr(inode, b"cairnfs.versions")) == b"count=2"
    assert kept.volume.list_xattrs(inode) == []
    kept.volume.remove_xattr(inode, b"cairnfs.versions")
    with pytest.raises(NoSuchAttribute):
        run_inline(kept.volume.get_xattr(inode, b"cairnfs.versions"))
    with pytest.raises(NoSuchAttribute):
        kept.volume.remove_xattr(inode, b"cairnfs.versions")
    kept.write("/file", b"1")
    with pytest.raises(NotSupported):
        kept.set_policy("/file", "off")


@pytest.mark.parametrize(
    "text", ["", "on", "count", "count=", "count=-1", "count=1,count=2", "days=99999", "size=3"]
)
def test_a_policy_that_says_nothing_known_is_refused(kept: VersionedVolume, text: str) -> None:
    with pytest.raises(InvalidArgument):
        kept.set_policy("/", text)
    assert kept.volume.list_xattrs(ROOT_INODE) == []


def test_what_a_policy_does_not_say_is_as_usual() -> None:
    assert parse_policy(b"count=3", DEFAULT_POLICY) == VersionPolicy(3, 30)
    assert parse_policy(b"days=3", DEFAULT_POLICY) == VersionPolicy(10, 3)
    assert not parse_policy(b"off", DEFAULT_POLICY).keeps
    assert not parse_policy(b"count=0", DEFAULT_POLICY).keeps


def test_a_directory_that_is_moved_has_the_policy_of_its_new_place(kept: VersionedVolume) -> None:
    kept.mkdir("/off")
    kept.set_policy("/off", "off")
    kept.mkdir("/a")
    make_versions(kept, "/a/file", 1)
    kept.rename("/a", "/off/a")
    make_versions(kept, "/off/a/file", 1, 1)
    assert kept.versions("/off/a/file") == [b"0"]
    kept.mkdir("/other")
    kept.rename("/off/a", "/other", RenameFlag.EXCHANGE)
    make_versions(kept, "/other/file", 1, 2)
    assert kept.versions("/other/file") == [b"0", b"2"]


def test_directories_can_be_configured_from_elsewhere(kept: VersionedVolume) -> None:
    directory = kept.mkdir("/series")
    policies = kept.volume.versions.policies

    def configured(asked: InodeId) -> VersionPolicy | None:
        return NO_VERSIONS if asked == directory else None

    policies.configured = configured
    policies.forget()
    make_versions(kept, "/series/file", 1)
    make_versions(kept, "/file", 1)
    assert (kept.names("/series"), kept.names()) == ([], [b"file"])


def test_the_oldest_go_first_wherever_they_are(kept: VersionedVolume) -> None:
    kept.mkdir("/a")
    for number in range(8):
        make_versions(kept, ("/a/file", "/other")[number % 2], 1, number)
    assert run_inline(kept.volume.versions.retention.drop_oldest(4)) == 2
    assert kept.versions("/a/file") == [b"2", b"4", b"6"]
    assert kept.versions("/other") == [b"3", b"5", b"7"]
    for left in range(5, -1, -1):
        assert run_inline(kept.volume.versions.retention.drop_oldest(100)) == 1
        assert kept.counts[0] == left
    assert run_inline(kept.volume.versions.retention.drop_oldest(100)) == 0


def test_what_only_a_version_holds_is_no_garbage(kept: VersionedVolume) -> None:
    data = noise(10_000)
    kept.write("/file", data)
    kept.unlink("/file")
    collect_garbage(kept.volume)
    assert kept.versions("/file") == [data]
    assert run_inline(kept.volume.prune_versions(None)) == 1
    collect_garbage(kept.volume)
    figures = kept.volume.statistics()
    assert (kept.counts, figures.chunks, figures.garbage_bytes) == ((0, 0), 0, 0)


def test_pruning_a_file_or_a_tree(kept: VersionedVolume) -> None:
    kept.mkdir("/a")
    kept.mkdir("/a/b")
    for path in ("/a/b/file", "/a/file", "/a/other", "/file"):
        make_versions(kept, path, 2)
    assert run_inline(kept.volume.prune_versions(b"/a/file")) == 2
    assert kept.names("/a") == [b"other"]
    assert run_inline(kept.volume.prune_versions(b"/a")) == 4
    assert (kept.names("/a"), kept.names("/a/b"), kept.names()) == ([], [], [b"file"])
    assert run_inline(kept.volume.prune_versions(b"/")) == 2


def test_a_version_that_is_dropped_while_it_is_read(kept: VersionedVolume) -> None:
    kept.write("/file", b"first")
    kept.unlink("/file")
    (version,) = kept.volume.versions.shown(ROOT_INODE, b"file")
    kept.volume.open_file(version.inode, writing=False)
    run_inline(kept.volume.prune_versions(None))
    assert bytes(run_inline(kept.volume.contents.read(version.inode, 0, 9))) == b"first"
    kept.volume.close_file(version.inode)
    assert kept.counts == (0, 0)


def test_a_version_that_is_dropped_while_its_file_is_known_by_its_name(
    kept: VersionedVolume,
) -> None:
    inode = kept.write("/file", b"data")
    kept.volume.hold(inode)
    kept.unlink("/file")
    times = run_inline(as_directory(kept.view()).lookup(b"file"))
    ((_, version),) = run_inline(as_directory(times).entries())
    assert isinstance(version, ViewFile)
    run_inline(version.open(writing=False))
    assert run_inline(kept.volume.prune_versions(b"/file")) == 1
    version.close()
    assert kept.volume.is_orphan(inode)
    kept.volume.give_back([(inode, 1)])
    with pytest.raises(Stale):
        kept.volume.attributes(inode)


def as_directory(node: object) -> ViewDirectory:
    assert isinstance(node, ViewDirectory)
    return node
