"""A folder of the host comes into the store as it is, and nothing else does."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsmodel.errors import InvalidArgument, NoSpace
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.importing import host_tree, importer
from fsmodel.importing.report import ImportReport
from fsmodel.steps import Work, run_inline
from tests.support.as_user import needs_root
from tests.support.shown_tree import shown_now
from tests.support.volume_store import USER, VolumeStore, random_bytes

TIME_NS = 1_700_000_000_123_456_789


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    made = VolumeStore(tmp_path / "stores")
    yield made
    made.require_sound()
    made.abandon()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Some of everything, with times of its own."""
    top = tmp_path / "source"
    (top / "deep/er").mkdir(parents=True)
    (top / "deep/er/large").write_bytes(random_bytes("large", 3 << 20))
    (top / "deep/small").write_bytes(b"small")
    (top / "empty").touch()
    (top / "deep/link").symlink_to("../empty")
    os.link(top / "deep/er/large", top / "another name")
    os.link(top / "empty", top / "deep/z")
    os.mkfifo(top / "fifo", 0o640)
    os.setxattr(top / "deep", "user.colour", b"blue")
    for folder, _, names in os.walk(top, topdown=False):
        for name in (*names, "."):
            os.utime(f"{folder}/{name}", ns=(TIME_NS, TIME_NS), follow_symlinks=False)
    return top


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "BATCH_ENTRIES", 2)
    monkeypatch.setattr(importer, "PIECE_BYTES", 300_000)


def bring(store: VolumeStore, source: Path, directory: InodeId = ROOT_INODE) -> ImportReport:
    told: list[int] = []
    report = run_inline(
        store.volume.importer.run(source, directory, lambda done, total, text: told.append(done))
    )
    assert told == sorted(told)
    assert told[-1] == report.entries
    return report


def look(store: VolumeStore, source: Path) -> None:
    """The store shows what the folder has."""
    shown = shown_now(store.volume)
    paths = list(source.rglob("*"))
    assert shown.keys() == {b""} | {b"/" + bytes(each.relative_to(source)) for each in paths}
    for path in paths:
        found, host = shown[b"/" + bytes(path.relative_to(source))], path.lstat()
        assert (found.mode, found.uid, found.gid, found.mtime_ns) == (
            *(host.st_mode, host.st_uid, host.st_gid, host.st_mtime_ns),
        ), path
        if path.is_symlink():
            assert found.target == os.fsencode(path.readlink())
        elif path.is_file():
            assert (found.data, found.nlink) == (path.read_bytes(), host.st_nlink), path


def test_a_folder_comes_as_it_is(store: VolumeStore, source: Path) -> None:
    report = bring(store, source)
    look(store, source)
    assert (report.files, report.directories, report.others, report.links) == (3, 2, 2, 2)
    assert (report.failures, report.failed) == (0, [])
    assert report.imported_bytes == (3 << 20) + len(b"small")
    deep = store.volume.lookup(ROOT_INODE, b"deep")
    assert run_inline(store.volume.get_xattr(deep, b"user.colour")) == b"blue"


def test_a_second_import_reads_nothing(
    store: VolumeStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(store, source)
    before = store.volume.statistics()
    monkeypatch.setattr(host_tree.HostTree, "read", None)
    monkeypatch.setattr(host_tree.HostTree, "open", None)
    report = bring(store, source)
    assert (report.unchanged, report.entries) == (9, 9)
    assert store.volume.statistics() == before


def test_what_has_changed_is_brought(store: VolumeStore, source: Path) -> None:
    bring(store, source)
    (source / "deep/small").write_bytes(b"other")
    os.utime(source / "deep/small", ns=(TIME_NS, TIME_NS + 1))
    (source / "fifo").chmod(0o600)
    (source / "new").write_bytes(b"new")
    (source / "another name").unlink()
    (source / "another name").write_bytes(b"by itself")
    (source / "deep/link").unlink()
    (source / "deep/link").symlink_to("small")
    (source / "deep/er").chmod(0o700)
    os.utime(source / "deep/er", ns=(TIME_NS, TIME_NS))
    report = bring(store, source)
    look(store, source)
    assert (report.files, report.others, report.failures) == (3, 2, 0)


@pytest.mark.parametrize("stop", [1, 4, 9, 14, 19])
def test_an_import_that_was_cut_short_goes_on(store: VolumeStore, source: Path, stop: int) -> None:
    steps = store.volume.importer.run(source, ROOT_INODE, lambda *_: None)
    work = next(steps)
    for _ in range(stop):
        work = steps.send(work.run())
    steps.close()
    report = bring(store, source)
    look(store, source)
    assert (report.entries, report.failures) == (9, 0)


def test_what_is_refused_is_told_and_the_rest_comes(store: VolumeStore, source: Path) -> None:
    (source / ".snapshots").mkdir()
    (source / ".metadata").write_bytes(b"the name of a view")
    (source / "conflict").mkdir()
    (source / "other").write_bytes(b"a file here, a folder there")
    store.write(b"conflict", b"a file here")
    store.volume.make_directory(ROOT_INODE, b"other", 0o755, USER)
    report = bring(store, source)
    assert {each.path for each in report.failed} == {
        *(".snapshots", ".metadata", "conflict", "other")
    }
    assert (report.files, report.failures) == (3, 4)
    assert store.read(b"conflict") == b"a file here"


def bring_while(
    store: VolumeStore, source: Path, meanwhile: Callable[[Work], None]
) -> ImportReport:
    """Import, and do something before each work."""
    steps = store.volume.importer.run(source, ROOT_INODE, lambda *_: None)
    work = next(steps)
    try:
        while True:
            meanwhile(work)
            try:
                done = work.run()
            except OSError as error:
                work = steps.throw(error)
            else:
                work = steps.send(done)
    except StopIteration as end:
        report: ImportReport = end.value
        return report


@pytest.mark.parametrize("name", ["deep/link", "fifo", "empty", "another name"])
def test_a_directory_of_the_store_gives_way_to_nothing(
    store: VolumeStore, source: Path, name: str
) -> None:
    volume = store.volume
    bring(store, source)
    directory, last = volume.resolve(os.path.dirname(name).encode()), os.path.basename(name)
    volume.unlink(directory, last.encode())
    made = volume.make_directory(directory, last.encode(), 0o755, USER)
    volume.make_node(made, b"kept", 0o100644, 0, USER)
    report = bring(store, source)
    assert [each.path for each in report.failed] == [name]
    assert volume.resolve(name.encode() + b"/kept")


def test_a_file_that_changes_while_it_is_read_is_told(store: VolumeStore, source: Path) -> None:
    def grow(work: Work) -> None:
        if getattr(work.run, "func", None) is os.pread and not grown:
            grown.append(True)
            with (source / "another name").open("ab") as file:
                file.write(b"more")

    grown: list[bool] = []
    report = bring_while(store, source, grow)
    assert [each.path for each in report.failed] == ["another name"]
    assert "changed while it was read" in report.failed[0].reason
    assert bring(store, source).failures == 0
    look(store, source)


def test_the_store_itself_is_left_out(store: VolumeStore, tmp_path: Path) -> None:
    (tmp_path / "beside").write_bytes(b"a file")
    report = bring(store, tmp_path)
    assert [(each.path, each.reason) for each in report.failed] == [
        ("stores/0", "it is the store itself")
    ]


def test_nobody_leads_an_import_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "source/folder").mkdir(parents=True)
    (tmp_path / "source/folder/file").write_bytes(b"ours")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/file").write_bytes(b"not ours")
    tree = host_tree.HostTree(tmp_path / "source")
    (entry,) = tree.look((b"folder",), [b"file"])
    assert isinstance(entry, host_tree.HostEntry)
    (tmp_path / "source/folder/file").unlink()
    (tmp_path / "source/folder/file").symlink_to(tmp_path / "secret/file")
    assert isinstance(tree.read((b"folder",), [entry])[0], host_tree.Unreadable)
    shutil.rmtree(tmp_path / "source/folder")
    (tmp_path / "source/folder").symlink_to(tmp_path / "secret")
    for read in (tree.names, lambda folder: tree.look(folder, [b"file"])):
        with pytest.raises(OSError, match="Not a directory"):
            read((b"folder",))
    tree.close()


def test_what_is_no_folder_is_refused(store: VolumeStore, source: Path) -> None:
    for path in (source / "empty", source / "nothing"):
        with pytest.raises(InvalidArgument, match="cannot be imported"):
            bring(store, path)


def test_a_full_host_ends_an_import(
    store: VolumeStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(size_bytes: int) -> None:
        raise NoSpace("the host is full")

    with monkeypatch.context() as patch:
        patch.setattr(store.volume._parts.space, "require", full)
        with pytest.raises(NoSpace):
            bring(store, source)
    assert bring(store, source).failures == 0


def test_a_folder_that_goes_away_is_told(store: VolumeStore, source: Path) -> None:
    def remove(work: Work) -> None:
        if getattr(work.run, "args", ()) == ((b"deep",),):
            shutil.rmtree(source / "deep", ignore_errors=True)

    report = bring_while(store, source, remove)
    assert [each.path for each in report.failed] == ["deep"]


@needs_root
def test_access_lists_and_capabilities_come_along(store: VolumeStore, source: Path) -> None:
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    os.setxattr(source / "deep/small", "security.capability", capability)
    bring(store, source)
    inode = store.volume.resolve(b"/deep/small")
    assert run_inline(store.volume.get_xattr(inode, b"security.capability")) == capability
