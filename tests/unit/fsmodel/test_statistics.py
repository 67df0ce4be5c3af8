"""The figures of a volume say what it holds, also after a kill."""

import stat
from pathlib import Path

from fsmodel.ids import ROOT_INODE
from fsmodel.settings import VolumeSettings
from fsmodel.volume import Volume
from tests.support.volumes import (
    USER,
    collect_garbage,
    killed,
    noise,
    opened,
    read_file,
    settled_file,
)

NOISE, TEXT = noise(50_000), b"all work and no play makes jack a dull boy\n" * 1_000


def test_a_new_volume_holds_its_root(volume: Volume) -> None:
    figures = volume.statistics()
    assert (figures.inodes, figures.directories, figures.files, figures.symlinks) == (1, 1, 0, 0)
    assert (figures.logical_bytes, figures.unique_bytes, figures.stored_bytes) == (0, 0, 0)
    assert (figures.dedupe_ratio, figures.compression_ratio, figures.cache_hit_rate) == (1, 1, 0)


def test_everything_is_counted_by_its_kind(volume: Volume) -> None:
    settled_file(volume, b"file", b"x")
    volume.make_directory(ROOT_INODE, b"directory", 0o755, USER)
    volume.make_symlink(ROOT_INODE, b"link", b"to", USER)
    volume.make_node(ROOT_INODE, b"fifo", stat.S_IFIFO | 0o600, 0, USER)
    figures = volume.statistics()
    assert (figures.inodes, figures.directories, figures.files, figures.symlinks) == (5, 2, 1, 1)


def test_copies_cost_nothing(volume: Volume) -> None:
    for name in (b"a", b"b", b"c"):
        settled_file(volume, name, NOISE)
    figures = volume.statistics()
    assert figures.logical_bytes == 150_000
    assert figures.unique_bytes == 50_000
    assert figures.dedupe_ratio == 3
    assert figures.stored_bytes > 50_000
    assert figures.packs == 1


def test_what_compresses_costs_less(volume: Volume) -> None:
    settled_file(volume, b"text", TEXT)
    figures = volume.statistics()
    assert figures.logical_bytes == len(TEXT)
    assert figures.stored_bytes < figures.unique_bytes
    assert figures.compression_ratio == round(figures.unique_bytes / figures.stored_bytes, 3)


def test_what_was_deleted_is_garbage_until_it_is_collected(volume: Volume) -> None:
    settled_file(volume, b"file", b"of one chunk")
    stored = volume.statistics().stored_bytes
    volume.unlink(ROOT_INODE, b"file")
    figures = volume.statistics()
    assert (figures.logical_bytes, figures.unique_bytes, figures.stored_bytes) == (0, 0, 0)
    assert (figures.files, figures.chunks, figures.garbage_bytes) == (0, 0, stored)
    collect_garbage(volume)
    assert volume.statistics().garbage_bytes == 0


def test_hits_are_counted(folder: Path) -> None:
    text = b"a" * 60  # compressed, so that it is worth its place in the cache at once
    with opened(folder, VolumeSettings(cache_bytes=1 << 20)) as volume:
        inode = settled_file(volume, b"file", text)
        before = volume.statistics()
        for _ in range(4):
            read_file(volume, inode)
        after = volume.statistics()
        assert after.cache_hits - before.cache_hits == 3
        assert after.cache_misses - before.cache_misses == 1
        assert after.cache_bytes == len(text)
        assert 0 < after.cache_hit_rate < 1


def test_a_kill_changes_no_figure(folder: Path, tmp_path: Path) -> None:
    volume = Volume.open(folder)
    settled_file(volume, b"noise", NOISE)
    settled_file(volume, b"text", TEXT)
    volume.unlink(ROOT_INODE, b"noise")
    before = volume.statistics()
    found = killed(volume, tmp_path / "killed")
    after = found.statistics()
    found.close()
    for name in ("files", "logical_bytes", "unique_bytes", "stored_bytes", "chunks", "packs"):
        assert getattr(after, name) == getattr(before, name)
    assert after.garbage_bytes == before.garbage_bytes
