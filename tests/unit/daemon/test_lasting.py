"""What is made for good is not looked at by the garbage collector, and all else is."""

import gc
from collections.abc import Iterator

import pytest

from daemon.lasting import kept_for_good


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_nothing_is_collected_in_the_block_and_what_is_made_there_is_passed_over() -> None:
    before = gc.get_freeze_count()
    with kept_for_good():
        assert not gc.isenabled()
        made = [[number] for number in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() > before + len(made)


def test_a_block_that_fails_leaves_the_collector_at_work() -> None:
    with pytest.raises(ImportError), kept_for_good():
        raise ImportError
    assert gc.isenabled()
