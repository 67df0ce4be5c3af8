"""What leaves a version, and what does not."""

import pytest

from fsmodel.errors import NotPermitted
from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import run_inline
from fsmodel.versions.version_names import stored_name
from tests.support.versioned import ROOT, VersionedVolume

LONG = "n" * 255


def test_a_deleted_file_leaves_what_it_was(kept: VersionedVolume) -> None:
    inode = kept.write("/file", b"first", 0o640)
    kept.volume.set_attributes(inode, AttributeChange(mtime_ns=5))
    kept.unlink("/file")
    assert kept.versions("/file") == [b"first"]
    (version,) = kept.volume.versions.shown(ROOT_INODE, b"file")
    record, _ = kept.volume.attributes(version.inode)
    assert (record.mode & 0o7777, record.mtime_ns) == (0o640, 5)


def test_a_replaced_file_leaves_what_it_was(kept: VersionedVolume) -> None:
    kept.write("/file", b"first")
    for number in range(3):
        kept.write("/other", b"%d" % number)
        kept.rename("/other", "/file")
    assert kept.read("/file") == b"2"
    assert kept.versions("/file") == [b"first", b"0", b"1"]
    assert kept.names() == [b"file"]


def test_a_file_written_again_leaves_what_it_was(kept: VersionedVolume) -> None:
    kept.write("/file", b"first")
    kept.wait(60)
    kept.write("/file", b"second")
    kept.wait(60)
    kept.change("/file", 0, b"third!")
    kept.wait(60)
    kept.truncate("/file", 2)
    assert kept.read("/file") == b"th"
    assert kept.versions("/file") == [b"first", b"second", b"third!"]


def test_writes_within_a_minute_share_a_version(kept: VersionedVolume) -> None:
    kept.write("/file", b"made")
    kept.wait(30)
    kept.write("/file", b"soon after")
    assert kept.versions("/file") == []
    kept.wait(30)
    for number in range(6):
        kept.write("/file", b"%d" % number)
        kept.wait(15)
    assert kept.versions("/file") == [b"soon after", b"3"]


def test_a_file_deleted_or_replaced_leaves_a_version_however_soon(kept: VersionedVolume) -> None:
    for number in range(3):
        kept.write("/file", b"%d" % number)
        kept.unlink("/file")
    assert kept.versions("/file") == [b"0", b"1", b"2"]


def test_an_empty_file_leaves_none(kept: VersionedVolume) -> None:
    kept.write("/file", b"")
    kept.wait(60)
    kept.write("/file", b"now")
    kept.write("/other", b"")
    kept.unlink("/other")
    assert kept.names() == []


def test_a_write_of_the_same_bytes_leaves_none(kept: VersionedVolume) -> None:
    kept.write("/file", b"same")
    kept.wait(100)
    kept.change("/file", 0, b"same")
    assert kept.names() == []


def test_a_file_with_another_name_leaves_none(kept: VersionedVolume) -> None:
    kept.write("/file", b"first")
    kept.volume.link(kept.at("/file"), ROOT_INODE, b"other")
    kept.unlink("/file")
    assert kept.names() == []
    kept.wait(60)
    kept.write("/other", b"second")
    assert kept.versions("/other") == [b"first"]


def test_moving_and_exchanging_leave_none(kept: VersionedVolume) -> None:
    kept.write("/one", b"1")
    kept.write("/two", b"2")
    kept.rename("/one", "/three")
    kept.rename("/two", "/three", RenameFlag.EXCHANGE)
    assert kept.names() == []


@pytest.mark.parametrize("name", [".file.Ab12Cd", ".#file", "#file#", "4913", ".file.swp"])
def test_temporary_names_leave_none(kept: VersionedVolume, name: str) -> None:
    kept.write(f"/{name}", b"half")
    kept.rename(f"/{name}", "/file")
    kept.write(f"/{name}", b"given up")
    kept.wait(60)
    kept.write(f"/{name}", b"written again")
    kept.unlink(f"/{name}")
    assert kept.names() == []


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_what_goes_with_a_database_leaves_no_version(kept: VersionedVolume, suffix: str) -> None:
    """SQLite deletes one of these at the end of each transaction, or of each use."""
    kept.write("/database", bytes(1024))
    kept.write("/notes", b"of no pages")
    for database in ("/database", "/notes", "/gone"):
        kept.write(database + suffix, b"rows as they were")
        kept.unlink(database + suffix)
    assert kept.names() == [b"gone" + suffix.encode(), b"notes" + suffix.encode()]


def test_a_backup_of_an_editor_is_a_version_of_its_file(kept: VersionedVolume) -> None:
    """Vim renames the file, writes a new one and deletes the old one."""
    kept.write("/file", b"first")
    kept.rename("/file", "/file~")
    kept.write("/file", b"second")
    kept.unlink("/file~")
    assert kept.versions("/file") == [b"first"]
    kept.write("/alone~", b"no backup")
    kept.unlink("/alone~")
    assert kept.names() == [b"alone~", b"file"]


def test_what_is_no_regular_file_leaves_none(kept: VersionedVolume) -> None:
    kept.volume.make_symlink(ROOT_INODE, b"link", b"target", ROOT)
    kept.volume.make_node(ROOT_INODE, b"fifo", 0o010600, 0, ROOT)
    kept.unlink("/link")
    kept.unlink("/fifo")
    assert kept.names() == []


def test_a_file_deleted_while_it_is_open_leaves_what_was_settled(kept: VersionedVolume) -> None:
    inode = kept.write("/file", b"settled")
    kept.volume.open_file(inode, writing=True)
    kept.volume.write(inode, 0, b"dirty!!!!!")
    kept.unlink("/file")
    assert kept.versions("/file") == [b"settled"]
    kept.volume.write(inode, 0, b"goes on")
    kept.volume.close_file(inode)
    assert kept.versions("/file") == [b"settled"]
    assert kept.volume.statistics().files == 0


def test_names_that_are_too_long_for_an_entry(kept: VersionedVolume) -> None:
    for number in range(2):
        kept.write(f"/{LONG}", b"%d" % number)
        kept.unlink(f"/{LONG}")
    kept.write("/" + "n" * 240, b"fits")
    kept.unlink("/" + "n" * 240)
    assert kept.versions(f"/{LONG}") == [b"0", b"1"]
    assert kept.names() == [b"n" * 240, LONG.encode()]
    run_inline(kept.volume.restore_version(LONG.encode()))
    assert kept.volume.list_xattrs(kept.at(f"/{LONG}")) == []
    kept.wait(100)
    kept.write(f"/{LONG}", b"rewritten")
    assert kept.versions(f"/{LONG}") == [b"0", b"1", b"1"]
    kept.reopen()
    assert kept.names() == [b"n" * 240, LONG.encode()]


def test_a_directory_with_the_long_name_of_a_former_file(kept: VersionedVolume) -> None:
    kept.write(f"/{LONG}", b"file")
    kept.unlink(f"/{LONG}")
    kept.mkdir(f"/{LONG}")
    assert kept.names(f"/{LONG}") == []
    kept.rename(f"/{LONG}", "/moved")
    assert kept.versions(f"/{LONG}") == [b"file"]


def test_a_name_that_looks_like_a_shortened_one(kept: VersionedVolume) -> None:
    for path in (f"/{LONG}", "/" + stored_name(LONG.encode()).decode()):
        kept.write(path, path.encode())
        kept.unlink(path)
        assert kept.versions(path) == [path.encode()]
    assert len(kept.names()) == 2


def test_names_that_look_like_entries(kept: VersionedVolume) -> None:
    tricky = "/file\x01" + "0" * 14
    kept.mkdir(tricky)
    kept.write(f"{tricky}/below", b"below")
    kept.unlink(f"{tricky}/below")
    for path, data in ((f"{tricky}x", b"tricky"), ("/file", b"plain")):
        kept.write(path, data)
        kept.unlink(path)
    assert kept.versions("/file") == [b"plain"]
    assert kept.versions(f"{tricky}x") == [b"tricky"]
    assert kept.versions(f"{tricky}/below") == [b"below"]


def test_a_directory_named_as_a_version_is_gives_way(kept: VersionedVolume) -> None:
    stamp = "%014x" % (kept.clock.now_ns() // 1000)
    kept.mkdir(f"/file\x01{stamp}")
    kept.write(f"/file\x01{stamp}/below", b"below")
    kept.unlink(f"/file\x01{stamp}/below")
    kept.write("/file", b"file")
    kept.unlink("/file")
    assert kept.versions("/file") == [b"file"]
    kept.mkdir(f"/file\x01{int(stamp, 16) + 1:014x}")
    kept.write(f"/file\x01{int(stamp, 16) + 1:014x}/below", b"of no place in the first mirror")
    kept.unlink(f"/file\x01{int(stamp, 16) + 1:014x}/below")
    assert len(kept.versions(f"/file\x01{int(stamp, 16) + 1:014x}/below")) == 1


def test_a_clock_set_back_mixes_up_no_versions(kept: VersionedVolume) -> None:
    kept.write("/file", b"first")
    kept.unlink("/file")
    kept.wait(-3600)
    kept.write("/file", b"second")
    kept.unlink("/file")
    assert kept.versions("/file") == [b"first", b"second"]


def test_figures_speak_of_what_is_visible(kept: VersionedVolume) -> None:
    kept.mkdir("/d")
    kept.write("/d/file", b"12345")
    kept.unlink("/d/file")
    kept.write("/d/file", b"123")
    figures = kept.volume.statistics()
    assert (figures.files, figures.directories, figures.logical_bytes) == (1, 2, 3)
    assert kept.counts == (1, 5)


def test_a_version_cannot_be_changed_by_who_still_knows_its_number(kept: VersionedVolume) -> None:
    inode = kept.write("/file", b"first")
    kept.volume.hold(inode)
    kept.unlink("/file")
    with pytest.raises(NotPermitted):
        kept.volume.open_file(inode, writing=True)
    with pytest.raises(NotPermitted):
        kept.volume.truncate(inode, 0)
    with pytest.raises(NotPermitted):
        kept.volume.set_attributes(inode, AttributeChange(mode=0o777))
    with pytest.raises(NotPermitted):
        kept.volume.link(inode, ROOT_INODE, b"again")
    before = kept.volume.attributes(inode)
    kept.volume.set_attributes(inode, AttributeChange(mtime_ns=5, ctime_ns=5))
    assert kept.volume.attributes(inode) == before
    kept.volume.give_back([(inode, 1)])
    assert kept.versions("/file") == [b"first"]


def test_versions_survive_a_kill_and_a_restart(kept: VersionedVolume) -> None:
    kept.write("/file", b"first")
    kept.unlink("/file")
    kept.kill()
    assert kept.versions("/file") == [b"first"]
    kept.reopen()
    assert kept.versions("/file") == [b"first"]
