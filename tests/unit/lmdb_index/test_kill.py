"""A process that is killed while it works has done all that it said it had done."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.index_store import opened, pack_numbers

WORK = """
import sys
from itertools import count
from pathlib import Path

from lmdb_index.index import Index
from tests.support.index_store import UUID, put_packs

index = Index.open(Path(sys.argv[1]), UUID)
for number in count():
    put_packs(index, range(number, number + 1))
    print(number, flush=True)
    if number % 40 == 39:
        index.checkpoint()
"""
PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize("acknowledged", [1, 39, 40, 170])
def test_what_was_acknowledged_is_there_after_a_kill(store: Path, acknowledged: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORK, str(store)], stdout=subprocess.PIPE, cwd=PROJECT
    ) as worker:
        assert worker.stdout is not None
        for _ in range(acknowledged):
            worker.stdout.readline()
        worker.kill()
        last = acknowledged - 1 + len(worker.stdout.readlines())
    with opened(store) as index:
        found = pack_numbers(index)
    assert found in (list(range(last + 1)), list(range(last + 2))), "one may not have been told"
