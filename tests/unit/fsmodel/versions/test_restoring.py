"""Versions that come back, by the command and through the view."""

import pytest

from fsmodel.errors import AlreadyExists, IsADirectory, NotFound, PathRefused, ReadOnly
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.steps import run_inline
from fsmodel.versions.version_names import stamp_from_text, stamp_text
from fsmodel.views.nodes import ViewDirectory, ViewFile
from tests.support.versioned import VersionedVolume


def restore(kept: VersionedVolume, path: str, stamp_us: int | None = None) -> None:
    run_inline(kept.volume.restore_version(path.encode(), stamp_us))


def test_a_deleted_file_comes_back(kept: VersionedVolume) -> None:
    inode = kept.write("/file", b"first", 0o640)
    kept.volume.set_xattr(inode, b"user.name", b"value")
    kept.unlink("/file")
    restore(kept, "/file")
    assert kept.read("/file") == b"first"
    record, _ = kept.volume.attributes(kept.at("/file"))
    assert (record.mode & 0o7777, record.nlink, record.flags & ~1) == (0o640, 1, 0)
    assert run_inline(kept.volume.get_xattr(kept.at("/file"), b"user.name")) == b"value"
    assert kept.versions("/file") == [b"first"]
    kept.change("/file", 0, b"other")
    assert kept.versions("/file") == [b"first"]


def test_what_is_there_becomes_a_version(kept: VersionedVolume) -> None:
    for number in range(3):
        kept.write("/file", b"%d" % number)
        kept.unlink("/file")
        kept.wait(1)
    now = kept.write("/file", b"now")
    kept.volume.set_attributes(now, AttributeChange(mode=0o600, uid=7, gid=8))
    told: list[tuple[InodeId, bytes]] = []
    kept.volume.entry_changed = lambda *entry: told.append(entry)
    stamp = kept.volume.versions.at((), b"file")[1].stamp_us
    restore(kept, "/file", stamp)
    assert kept.read("/file") == b"1"
    assert kept.versions("/file") == [b"0", b"1", b"2", b"now"]
    record, _ = kept.volume.attributes(kept.at("/file"))
    assert (record.mode & 0o7777, record.uid, record.gid) == (0o600, 7, 8)
    assert told == [(ROOT_INODE, b"file")]


def test_what_cannot_be_restored(kept: VersionedVolume) -> None:
    with pytest.raises(NotFound):
        restore(kept, "/file")
    kept.mkdir("/a")
    kept.write("/a/file", b"1")
    kept.unlink("/a/file")
    with pytest.raises(NotFound):
        restore(kept, "/a/file", 5)
    kept.mkdir("/a/file")
    with pytest.raises(AlreadyExists):
        restore(kept, "/a/file")
    kept.rmdir("/a/file")
    kept.rmdir("/a")
    with pytest.raises(NotFound):
        restore(kept, "/a/file")
    with pytest.raises(IsADirectory):
        restore(kept, "/")
    with pytest.raises(PathRefused):
        restore(kept, "/a/../file")
    kept.mkdir("/a")
    restore(kept, "/a/file")
    assert kept.read("/a/file") == b"1"


def test_a_restored_file_is_whole_after_a_kill(kept: VersionedVolume) -> None:
    kept.write("/file", b"first")
    kept.unlink("/file")
    restore(kept, "/file")
    kept.kill()
    assert kept.read("/file") == b"first"


def test_versions_are_listed_by_path_also_where_nothing_is(kept: VersionedVolume) -> None:
    kept.mkdir("/a")
    for path in ("/a/one", "/a/two"):
        kept.write(path, path.encode())
        kept.unlink(path)
    kept.rmdir("/a")
    found = run_inline(kept.volume.list_versions(b"/a"))
    assert [(each.name, each.size) for each in found] == [(b"one", 6), (b"two", 6)]
    assert run_inline(kept.volume.list_versions(b"a/two")) == found[1:]
    assert run_inline(kept.volume.list_versions(b"/")) == []
    kept.write("/a", b"a file by now")
    kept.unlink("/a")
    assert [each.name for each in run_inline(kept.volume.list_versions(b"/a/"))] == [b"one", b"two"]
    kept.mkdir("/a")
    assert [each.name for each in run_inline(kept.volume.list_versions(b"/a"))] == [b"one", b"two"]
    assert [each.name for each in run_inline(kept.volume.list_versions(b"/"))] == [b"a"]


def test_the_view_shows_names_and_times_and_bytes(kept: VersionedVolume) -> None:
    kept.write("/file", b"first", 0o751)
    kept.unlink("/file")
    view = kept.view()
    assert isinstance(view, ViewDirectory)
    ((name, times),) = run_inline(view.entries())
    assert name == b"file"
    assert isinstance(times, ViewDirectory)
    ((time, file),) = run_inline(times.entries())
    assert time == b"2023-11-14T22-13-20.000000Z"
    assert isinstance(file, ViewFile)
    found = run_inline(view.lookup(b"file"))
    assert isinstance(found, ViewDirectory)
    again = run_inline(found.lookup(time))
    assert isinstance(again, ViewFile)
    assert (found.inode, again.inode) == (times.inode, file.inode)
    attributes = run_inline(file.attributes())
    assert (attributes.mode, attributes.size) == (0o100555 & 0o100751, 5)
    run_inline(file.open(writing=False))
    assert bytes(run_inline(file.read(1, 100))) == b"irst"
    file.close()
    with pytest.raises(ReadOnly):
        run_inline(file.open(writing=True))
    for directory, absent in ((view, b"other"), (found, b"2023-11-14T22-13-20Z")):
        with pytest.raises(NotFound):
            run_inline(directory.lookup(absent))


def test_a_node_whose_version_has_gone(kept: VersionedVolume) -> None:
    kept.write("/file", b"first")
    kept.unlink("/file")
    view = kept.view()
    assert isinstance(view, ViewDirectory)
    times = run_inline(view.lookup(b"file"))
    assert isinstance(times, ViewDirectory)
    ((_, file),) = run_inline(times.entries())
    assert isinstance(file, ViewFile)
    run_inline(file.open(writing=False))
    run_inline(kept.volume.prune_versions(None))
    assert bytes(run_inline(file.read(0, 5))) == b"first"
    file.close()
    for node in (times, file):
        with pytest.raises(NotFound):
            run_inline(node.attributes())


def test_times_are_written_in_one_way_only() -> None:
    for stamp in (0, 1, 1_700_000_000_123_456, 253402300799_999999):
        assert stamp_from_text(stamp_text(stamp)) == stamp
    for text in (b"2023-11-14T22-13-20Z", b"2023-11-14T22-13-20.5Z", b"\xff", b"", b"1960-01-01T"):
        assert stamp_from_text(text) is None
