"""The LMDB environment: its engine, its growing map, its errors in our words."""

import errno
import os
from pathlib import Path

import lmdb
import pytest

from lmdb_index import environment as module
from lmdb_index.environment import Environment, index_problem
from lmdb_index.errors import IndexCorrupt, IndexProblem, NoRoom
from lmdb_index.index import Index
from tests.support.index_store import UUID, new_store, put_raw


def test_the_engine_is_the_one_whose_format_we_keep(store: Path) -> None:
    with lmdb.Environment(str(store / "index"), lib_version=module.ENGINE) as environment:
        assert environment.lib_version()[:2] == (0, 9)


def test_locks_lie_in_memory_where_no_full_host_can_make_them_fatal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MEMORY", str(tmp_path / "memory"))
    (tmp_path / "memory").mkdir()
    store = new_store(tmp_path / "store")
    index = Index.open(store, UUID)
    put_raw(index, b"key")
    index.checkpoint()
    with index.snapshot():
        assert os.listdir(store / "index") == [module.DATA_FILE]
    assert os.listdir(tmp_path / "memory") == []
    index.close()


def test_a_host_without_such_a_folder_has_them_in_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MEMORY", str(tmp_path / "none"))
    store = new_store(tmp_path / "store")
    index = Index.open(store, UUID)
    assert sorted(os.listdir(store / "index")) == [module.DATA_FILE, module.LOCK_FILE]
    assert (store / "index" / module.LOCK_FILE).stat().st_size == module.LOCK_BYTES
    index.close()


def test_memory_without_room_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "MEMORY", str(tmp_path / "memory"))
    (tmp_path / "memory").mkdir()
    store = new_store(tmp_path / "store")
    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", full)
        index = Index.open(store, UUID)
    assert module.LOCK_FILE in os.listdir(store / "index")
    assert os.listdir(tmp_path / "memory") == []
    index.close()


def test_the_map_grows_at_checkpoints_and_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAP_BYTES_MIN", 1 << 20)
    store = new_store(tmp_path / "store")
    index = Index.open(store, UUID)
    for number in range(24):
        put_raw(index, b"%d" % number, bytes(200_000))
        index.checkpoint()
        statistics = index.statistics()
        assert statistics.file_bytes * 2 <= statistics.map_bytes
    index.close()
    index = Index.open(store, UUID)
    assert index.statistics().file_bytes > 4 << 20
    assert index.statistics().map_bytes >= index.statistics().file_bytes * 2
    index.close()


def test_the_map_does_not_grow_below_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LMDB forbids it: the reader would look at memory that is not there any more."""
    monkeypatch.setattr(module, "MAP_BYTES_MIN", 1 << 20)
    index = Index.open(new_store(tmp_path / "store"), UUID)
    with index.snapshot():
        put_raw(index, b"key", bytes(600_000))
        index.checkpoint()
        assert index.statistics().map_bytes == 1 << 20
    put_raw(index, b"other")
    index.checkpoint()
    assert index.statistics().map_bytes == 2 << 20
    index.close()


def test_a_map_that_is_full_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAP_BYTES_MIN", 1 << 20)
    index = Index.open(new_store(tmp_path / "store"), UUID)
    with pytest.raises(NoRoom, match="index table xattr: no room"):
        put_raw(index, b"key", bytes(2 << 20))
    put_raw(index, b"key", b"small")
    index.close()


def test_a_store_is_opened_once_in_a_process(index: Index, store: Path) -> None:
    with pytest.raises(IndexProblem):
        Index.open(store, UUID)


def raised(path: Path) -> lmdb.Error:
    """What LMDB says about a folder."""
    with pytest.raises(lmdb.Error) as error:
        lmdb.Environment(str(path), readonly=True, create=False, lock=False)
    return error.value


def test_lmdb_errors_are_told_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(bytes(10_000))
    problem = index_problem(raised(tmp_path), "the place")
    assert type(problem) is IndexCorrupt
    assert str(problem).startswith("the place: ")
    assert str(problem).endswith("run cairnfs rebuild-index")
    assert type(index_problem(raised(tmp_path / "missing"), "the place")) is IndexProblem


def test_a_folder_that_cannot_be_opened_is_an_index_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexProblem):
        Environment(tmp_path / "file")
