"""The daemon's figures in metrics/."""

import pytest

from fsmodel.series import metrics_folder
from fsmodel.steps import run_inline
from tests.support.structured import StructuredStore


def publish(store: StructuredStore, figures: bytes, line: bytes) -> None:
    run_inline(store.volume.publish_metrics(figures, line))


def test_figures_are_replaced_and_the_history_grows(store: StructuredStore) -> None:
    publish(store, b"a 1\n", b"1\n")
    publish(store, b"a 2\n", b"2\n")
    assert store.listing("metrics") == ["cairnfs.prom", "history.jsonl"]
    assert store.read("metrics/cairnfs.prom") == b"a 2\n"
    assert store.read("metrics/history.jsonl") == b"1\n2\n"


def test_a_reader_reads_the_figures_he_has_opened(store: StructuredStore) -> None:
    publish(store, b"old\n", b"")
    inode = store.inode("metrics/cairnfs.prom")
    store.volume.open_file(inode, writing=False)
    publish(store, b"new!\n", b"")
    assert run_inline(store.volume.contents.read(inode, 0, 100)) == b"old\n"
    store.volume.close_file(inode)


def test_the_history_is_bounded(store: StructuredStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_folder, "HISTORY_BYTES_MAX", 100)
    for number in range(50):
        publish(store, b"", b"line %02d\n" % number)
    lines = store.read("metrics/history.jsonl").splitlines()
    assert 5 <= len(lines) <= 12
    assert lines == [b"line %02d" % number for number in range(50 - len(lines), 50)]


def test_files_of_users_stay(store: StructuredStore) -> None:
    store.write("metrics/mine.prom", b"mine")
    store.mkdir("metrics/cairnfs.prom")
    store.symlink("metrics/history.jsonl", "mine.prom")
    publish(store, b"a", b"b")
    assert store.read("metrics/mine.prom") == b"mine"
    assert store.listing("metrics/cairnfs.prom") == []
    assert store.listing("metrics") == ["cairnfs.prom", "history.jsonl", "mine.prom"]


def test_no_version_comes_of_it(store: StructuredStore) -> None:
    for number in range(3):
        publish(store, b"%d" % number, b"")
    assert run_inline(store.volume.list_versions(b"metrics")) == []


def test_without_the_folder_nothing_is_written(store: StructuredStore) -> None:
    store.rmdir("metrics")
    publish(store, b"a", b"b")
    assert not store.exists("metrics")
