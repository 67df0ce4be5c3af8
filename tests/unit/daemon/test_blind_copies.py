"""What a program that copies blindly sees of views, and that nobody else sees less."""

import os

import pytest

from daemon import blind_copies
from daemon.blind_copies import BlindCopies, program_of
from fsmodel.views.nodes import VIEW_BIT

COPIES, TAR, READS = 10, 11, 12  # processes
PROGRAMS = {COPIES: "cp", TAR: "tar", READS: "python3"}
DIRECTORY, VIEW, FOLDER = 5, VIEW_BIT | 1, VIEW_BIT | 2


@pytest.fixture
def copies() -> BlindCopies:
    return BlindCopies(lambda process: PROGRAMS.get(process, ""))


def test_a_view_is_absent_until_it_is_made(copies: BlindCopies) -> None:
    for process in (COPIES, READS):
        copies.note_directory(DIRECTORY, process)
        assert copies.hides(DIRECTORY, b".metadata", process) is (process == COPIES)
        assert not copies.hides(DIRECTORY, b"file", process)
    copies.note_directory(DIRECTORY, COPIES)
    assert not copies.hides(DIRECTORY, b".metadata", READS)
    copies.note_made(DIRECTORY, b".metadata", COPIES)
    assert not copies.hides(DIRECTORY, b".metadata", COPIES)


def test_so_is_all_in_it(copies: BlindCopies) -> None:
    copies.note_directory(VIEW, COPIES)
    assert copies.hides(VIEW, b"ab", COPIES)
    assert not copies.hides(VIEW, b"ab", READS)
    assert not copies.hides(FOLDER, b"ab.json", COPIES)  # it is read, not written
    copies.note_directory(FOLDER, COPIES)
    assert copies.hides(FOLDER, b"ab.json", COPIES)
    copies.note_made(FOLDER, b"ab.json", COPIES)
    assert not copies.hides(FOLDER, b"ab.json", COPIES)


def test_what_tar_has_removed_stays_away_from_it(copies: BlindCopies) -> None:
    for process in (TAR, READS):
        copies.note_removed(FOLDER, b"ab.json", process)
        assert copies.hides(FOLDER, b"ab.json", process) is (process == TAR)
    copies.note_made(FOLDER, b"ab.json", TAR)
    assert not copies.hides(FOLDER, b"ab.json", TAR)


def test_memory_is_bounded(copies: BlindCopies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blind_copies, "REMEMBERED_MAX", 3)
    for number in range(10):
        copies.note_directory(VIEW_BIT | number, COPIES)
    shown = [copies.hides(VIEW_BIT | number, b"name", COPIES) for number in range(10)]
    assert shown == [False] * 7 + [True] * 3


def test_the_name_of_a_program() -> None:
    assert program_of(os.getpid())
    assert program_of(1 << 40) == ""
