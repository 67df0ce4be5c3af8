"""A daemon that answers too early is noticed by those who kill it, whatever they kill it under."""

import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.crash import test_kill_under_collection as collection
from tests.crash import test_kill_under_pipeline as pipeline
from tests.crash import test_kill_under_programs as programs
from tests.crash.killing import rounds_of_kills
from tests.support.mounted import MountedStore
from tests.support.planted_faults import command_with

ROUNDS: Final = 10  # in some of them nothing may be lost, as a checkpoint came last
LONG: Final = pytest.mark.crash
NOTICED: Final = (AssertionError, OSError, sqlite3.Error)  # bytes that cannot be had, or are gone


@pytest.mark.parametrize(
    "fault", ["answers_before_the_journal", pytest.param("rows_before_packs", marks=LONG)]
)
def test_a_daemon_that_answers_too_early_is_noticed(fault: str) -> None:
    with MountedStore(command=command_with(fault)) as store:

        def kill(dice: random.Random) -> None:
            time.sleep(dice.random() / 2)
            store.kill()

        with pytest.raises(AssertionError):
            rounds_of_kills(store, 2, ROUNDS, seed=1, kill=kill)


def not_counted(kind: str, what: str, number: int) -> None:
    """What a daemon with a fault has gone through is none of the figures."""


def under_sqlite(store: MountedStore, folder: Path) -> None:
    programs.test_what_sqlite_committed_is_there(store, folder, "wal", ROUNDS, 0, not_counted)


def under_rsync(store: MountedStore, folder: Path) -> None:
    check = programs.test_an_rsync_that_was_interrupted_is_completed_by_the_next
    check(store, folder, ROUNDS, 0, not_counted)


def under_git(store: MountedStore, folder: Path) -> None:
    programs.test_a_git_repository_stays_sound(store, folder, ROUNDS, 0, not_counted)


def under_the_pipeline(store: MountedStore, folder: Path) -> None:
    pipeline.test_artifacts_are_whole_or_absent_after_every_kill(store, ROUNDS, 0, not_counted)


def under_a_collection(store: MountedStore, folder: Path) -> None:
    collection.test_a_kill_while_garbage_is_collected_loses_nothing(store, ROUNDS, 0, not_counted)


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kill", "fault"),
    [
        (under_sqlite, "only_checkpoints_keep_anything"),
        (under_git, "only_checkpoints_keep_anything"),
        (under_rsync, "rows_before_packs"),
        (under_the_pipeline, "rows_before_packs"),
        (under_a_collection, "pages_go_alone"),
    ],
)
def test_it_is_noticed_under_programs_too(
    tmp_path: Path, kill: Callable[[MountedStore, Path], None], fault: str
) -> None:
    faulty = MountedStore(command=command_with(fault), structured=kill is under_the_pipeline)
    with faulty as store, pytest.raises(NOTICED):
        kill(store, tmp_path)
