"""An index that another thread lets go: neither memory nor another index comes to harm by it."""

import gc
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lmdb_index.environment import DATA_FILE
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from tests.support.descriptors import open_below
from tests.support.index_store import UUID, new_store, put_raw
from tests.support.processes import PROJECT, run

LETTING_GO = """
import gc, sys, threading
from pathlib import Path
from lmdb_index.index import Index
from tests.support.index_store import UUID, put_raw

folder, way = Path(sys.argv[1]), sys.argv[2]
gc.disable()
gone, kept = (Index.open(folder / name, UUID) for name in ("gone", "kept"))
let_go = gone.close if way == "closed" else gc.collect
del gone
elsewhere = threading.Thread(target=let_go)
elsewhere.start()
elsewhere.join()
for value in (b"1", b"2"):
    put_raw(kept, b"key", value)
    kept.checkpoint()
"""


def elsewhere(action: Callable[[], object]) -> None:
    thread = threading.Thread(target=action)
    thread.start()
    thread.join()


def files(folder: Path) -> list[str]:
    """LMDB's, as often as they are open: it has two descriptors of one."""
    return [each for each in open_below(folder) if each.endswith(DATA_FILE)]


@pytest.mark.parametrize("way", ["forgotten", "closed"])
def test_an_index_that_another_thread_lets_go_does_not_end_the_process(
    tmp_path: Path, way: str
) -> None:
    for name in ("gone", "kept"):
        new_store(tmp_path / name)
    run([sys.executable, "-c", LETTING_GO, tmp_path, way], cwd=PROJECT)


def test_its_thread_closes_it_when_it_opens_another(tmp_path: Path) -> None:
    gone, other = new_store(tmp_path / "gone"), new_store(tmp_path / "other")
    index = Index.open(gone, UUID)
    put_raw(index, b"key")
    elsewhere(index.close)
    assert files(gone)
    Index.open(other, UUID).close()
    assert files(gone) == []
    again = Index.open(gone, UUID)
    assert again.journal_position == 1
    again.close()


def test_its_thread_closes_it_with_the_next_checkpoint_of_another(tmp_path: Path) -> None:
    gone, kept = (Index.open(new_store(tmp_path / name), UUID) for name in ("gone", "kept"))
    elsewhere(gone.close)
    put_raw(kept, b"key")
    kept.checkpoint()
    assert files(tmp_path / "gone") == []
    kept.close()


def test_until_then_no_other_thread_opens_it(tmp_path: Path) -> None:
    store, refused = new_store(tmp_path / "store"), []

    def open_it() -> None:
        with pytest.raises(IndexProblem, match="already open") as problem:
            Index.open(store, UUID)
        refused.append(problem)

    elsewhere(Index.open(store, UUID).close)
    elsewhere(open_it)
    assert refused
    Index.open(store, UUID).close()


def test_that_of_a_thread_that_has_ended_is_closed_by_any(tmp_path: Path) -> None:
    store, found = new_store(tmp_path / "store"), []
    elsewhere(lambda: found.append(Index.open(store, UUID)))
    found.pop().close()
    assert files(store) == []
    Index.open(store, UUID).close()


def test_one_that_its_own_thread_forgets_is_closed_at_once(tmp_path: Path) -> None:
    store = new_store(tmp_path / "store")
    index = Index.open(store, UUID)
    put_raw(index, b"key")
    del index
    gc.collect()
    assert files(store) == []
    again = Index.open(store, UUID)
    assert again.journal_position == 1
    again.close()
