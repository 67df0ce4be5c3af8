"""The programs that are measured do what they are measured for, in a plain folder, small."""

import io
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from bench.applications.databases import insert_rows
from bench.applications.programs import run_program
from bench.applications.trees import write_archive
from bench.plan import APPLICATIONS, SUITES, workload_named
from bench.workload import Place, Sizes, Watch

SMALL = Sizes(tree_files=120, c_sources=2, transactions=5, database_seconds=1)


def done(folder: Path, *names: str) -> list[tuple[int, float]]:
    """What workloads did, one after the other in one place, and how long they took."""
    found = []
    for name in names:
        watch = Watch()
        amount = workload_named(name).work(Place(folder, SMALL, 1), watch)
        found.append((amount, watch.seconds))
    return found


def test_an_archive_has_files_that_differ() -> None:
    file = io.BytesIO()
    write_archive(file, 120)
    file.seek(0)
    with tarfile.open(fileobj=file) as archive:
        members = archive.getmembers()
        contents = {archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    assert (len(members), len(contents)) == (120, 120)
    assert members[-1].name == "0001/000119.py"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_tree_is_unpacked_committed_looked_over_and_removed(tmp_path: Path) -> None:
    found = done(tmp_path, "untar", "git_commit", "git_status_warm", "rm_tree")
    assert [amount for amount, _ in found] == [120] * 4
    assert all(seconds > 0 for _, seconds in found)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_tree_that_git_sees_changed_is_no_figure(tmp_path: Path) -> None:
    done(tmp_path, "untar", "git_commit")
    (tmp_path / "tree" / "0000" / "000000.py").write_text("changed")
    with pytest.raises(ValueError, match="git sees changes"):
        done(tmp_path, "git_status_warm")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is installed")
def test_a_project_is_made(tmp_path: Path) -> None:
    assert [amount for amount, _ in done(tmp_path, "make")] == [2]
    assert (tmp_path / "project" / "program").exists()


def test_each_insert_is_kept(tmp_path: Path) -> None:
    insert_rows(tmp_path / "db", "wal", 5)
    with closing(sqlite3.connect(tmp_path / "db")) as database:
        assert database.execute("SELECT count(*) FROM line").fetchone() == (5,)


def test_a_program_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ls: .*nothing-here"):
        run_program("ls", "nothing-here", folder=tmp_path)


def test_what_reads_what_it_wrote_is_not_asked_of_the_ceiling() -> None:
    asked = {each.name for each in SUITES[APPLICATIONS] if not each.needs_contents}
    assert asked == {"untar", "rm_tree"}
