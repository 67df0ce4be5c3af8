"""A daemon in which one client harms another is noticed by those who try that."""

from collections.abc import Callable

import pytest

from tests.load import test_hostile_clients as hostile
from tests.support.mounted import MountedStore
from tests.support.planted_faults import command_with


def who_says_nothing(store: MountedStore) -> None:
    hostile.test_clients_of_the_control_socket_that_say_nothing_or_take_no_answer(store)


def who_reads_no_metrics(store: MountedStore) -> None:
    hostile.test_readers_of_metrics_that_say_nothing(store)


def who_has_many_files_open(store: MountedStore) -> None:
    few = 200
    hostile.test_who_has_many_files_open_costs_no_descriptors_and_little_memory(store, few)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (who_says_nothing, "silent_clients_keep_their_places"),
        pytest.param(
            who_reads_no_metrics, "silent_clients_keep_their_places", marks=pytest.mark.crash
        ),
        (who_has_many_files_open, "open_files_take_descriptors"),
    ],
)
def test_harm_is_noticed(harm: Callable[[MountedStore], None], fault: str) -> None:
    with MountedStore(command=command_with(fault)) as store, pytest.raises(AssertionError):
        harm(store)
