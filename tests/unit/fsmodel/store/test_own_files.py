"""Symbolic links, hard links and others' files where a store, a log or a backup is written."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cli.main import run
from daemon.daemon_record import RECORD_FILE, DaemonRecord, write_record
from daemon.logs import LOG_FILE, RollingLog
from fsmodel.errors import BackendError, BackupInvalid, StoreDamaged
from fsmodel.repair.repair import repair_store
from fsmodel.steps import run_inline
from fsmodel.store import host_files
from fsmodel.store.layout import StoreLayout
from fsmodel.volume import Volume
from lmdb_index.host_files import create_whole
from lmdb_index.journal_files import list_segments
from tests.support.as_user import OTHER, needs_root
from tests.support.volumes import make_store, opened

MEANT = b"what the link leads to"
PARTS = ("index", "journal", "packs", "quarantine", "lock", "format.json", "control.sock", LOG_FILE)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of somebody else's."""
    (tmp_path / "victim").write_bytes(MEANT)
    return tmp_path / "victim"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "store")


def swap(place: Path, elsewhere: Path) -> None:
    """Put a link in place of something, which lies elsewhere from then on."""
    if os.path.lexists(place):
        place.rename(elsewhere)
    else:
        elsewhere.write_bytes(MEANT)
    place.symlink_to(elsewhere)


def written(place: Path) -> tuple[int, ...]:
    """What tells whether anything was written there, or changed about it; it may have been read."""
    found = place.stat()
    return found.st_ino, found.st_nlink, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@pytest.mark.parametrize("part", PARTS)
def test_a_link_in_place_of_a_part_is_refused(store: Path, tmp_path: Path, part: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    swap(store / part, elsewhere)
    before = written(elsewhere)
    with pytest.raises((StoreDamaged, BackendError), match="symbolic link"):
        Volume.open(store)
    assert written(elsewhere) == before


def test_a_link_in_place_of_a_journal_segment_is_refused(store: Path, tmp_path: Path) -> None:
    (segment,) = list_segments(store / "journal")
    swap(segment.path, tmp_path / "elsewhere")
    with pytest.raises(StoreDamaged, match="symbolic link"):
        Volume.open(store)
    with pytest.raises(StoreDamaged, match="symbolic link"):
        repair_store(store, lambda done, total, text: None)


def test_a_link_in_place_of_the_index_file_is_refused(store: Path, tmp_path: Path) -> None:
    swap(store / "index" / "data.mdb", tmp_path / "elsewhere")
    with pytest.raises(StoreDamaged, match="symbolic link"):
        Volume.open(store)


def test_the_configuration_may_be_a_link(store: Path, tmp_path: Path) -> None:
    swap(store / "cairnfs.toml", tmp_path / "elsewhere")
    with opened(store):
        pass


def test_files_are_not_written_through_links(tmp_path: Path, victim: Path) -> None:
    (tmp_path / ".file.new").symlink_to(victim)
    with pytest.raises(BackendError):
        host_files.write_file_atomically(tmp_path / "file", b"new")
    (tmp_path / "other.new").symlink_to(victim)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        create_whole(tmp_path / "other", b"new")
    (tmp_path / f".{RECORD_FILE}.new").symlink_to(victim)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        write_record(tmp_path, DaemonRecord(1, 1, "/m", "1", ""))
    assert victim.read_bytes() == MEANT


def test_the_log_is_not_written_through_a_link(tmp_path: Path, victim: Path) -> None:
    (tmp_path / LOG_FILE).symlink_to(victim)
    log = RollingLog(tmp_path / LOG_FILE, redirect=False)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        log._open()
    assert victim.read_bytes() == MEANT


def test_the_page_of_a_report_is_not_written_through_a_link(
    store: Path, tmp_path: Path, victim: Path
) -> None:
    """Neither to a name that can be guessed, nor where its place is a link."""
    (tmp_path / f".page.html.{os.getpid()}.tmp").symlink_to(victim)
    (tmp_path / "page.html").symlink_to(victim)
    assert run(["--store", str(store), "report", "-o", str(tmp_path / "page.html")]) == 0
    assert victim.read_bytes() == MEANT
    assert not (tmp_path / "page.html").is_symlink()
    assert b"<html" in (tmp_path / "page.html").read_bytes()
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".new")]


class TestBackups:
    """A backup holds everything, so its file is our own from the beginning."""

    @pytest.fixture
    def volume(self, store: Path) -> Iterator[Volume]:
        with opened(store) as volume:
            yield volume

    def back_up(self, volume: Volume, target: Path) -> None:
        run_inline(volume.back_up(target, lambda done, total, text: None))

    def test_are_for_their_owner_alone(self, volume: Volume, tmp_path: Path) -> None:
        former = os.umask(0)
        try:
            self.back_up(volume, tmp_path / "backup")
        finally:
            os.umask(former)
        assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("name", ["backup", ".backup.new"])
    def test_are_not_written_through_links(
        self, volume: Volume, tmp_path: Path, victim: Path, name: str
    ) -> None:
        (tmp_path / name).symlink_to(victim)
        with pytest.raises(BackendError):
            self.back_up(volume, tmp_path / "backup")
        assert victim.read_bytes() == MEANT

    def test_do_not_empty_a_file_that_has_another_name(
        self, volume: Volume, tmp_path: Path, victim: Path
    ) -> None:
        (tmp_path / ".backup.new").hardlink_to(victim)
        with pytest.raises(BackupInvalid, match="other names"):
            self.back_up(volume, tmp_path / "backup")
        assert victim.read_bytes() == MEANT

    @needs_root
    def test_do_not_go_into_what_another_user_can_read(
        self, volume: Volume, tmp_path: Path
    ) -> None:
        (tmp_path / ".backup.new").touch()
        os.chown(tmp_path / ".backup.new", OTHER, OTHER)
        with pytest.raises(BackupInvalid, match="another user"):
            self.back_up(volume, tmp_path / "backup")
        (tmp_path / ".backup.new").unlink()
        self.back_up(volume, tmp_path / "backup")
        os.chown(tmp_path / "backup", OTHER, OTHER)
        with pytest.raises(BackupInvalid, match="another user"):
            self.back_up(volume, tmp_path / "backup")

    def test_are_made_private_again(self, volume: Volume, tmp_path: Path) -> None:
        (tmp_path / ".backup.new").touch(0o666)
        (tmp_path / ".backup.new").chmod(0o666)
        self.back_up(volume, tmp_path / "backup")
        assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600


def test_a_store_and_what_is_in_it_are_private(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        store = make_store(tmp_path / "store")
        with opened(store):
            pass
    finally:
        os.umask(former)
    layout = StoreLayout(store)
    open_to_others = [
        str(path.relative_to(store))
        for path in (layout.folder, *layout.folder.rglob("*"))
        if path.stat().st_mode & 0o077
    ]
    assert open_to_others == []
