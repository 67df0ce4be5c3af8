"""What the bench's commands say of bad input, and that they show whatever was kept."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from bench import kept
from bench.__main__ import cli, main
from bench.kept_json import keep
from bench.mounts import BenchProblem
from bench.tables import TABLES, table_of_file
from bench.workload import Sizes
from tests.unit.bench.test_report_and_compare import run_of


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


@pytest.mark.parametrize("path", sorted(kept.RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_kept_result_is_shown(path: Path) -> None:
    done = run("show", str(path))
    assert (done.exit_code, done.stdout) == (0, table_of_file(path) + "\n")
    assert "\n| " in done.stdout


def test_no_two_kinds_of_results_have_the_same_fields() -> None:
    needed = {frozenset(kind.__struct_fields__) for kind in TABLES}
    assert len(needed) == len(TABLES)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--systems", "cairnfs,nothing"], "there is no system 'nothing', but plain, "),
        (["run", "--systems", ""], "there is no system ''"),
        (["run", "--limit", "0"], "0.0 is not in the range x>0"),
        (["latency", "--seconds", "-1"], "-1.0 is not in the range x>0"),
        (["growth", "--rest", "-1"], "-1.0 is not in the range x>=0"),
        (["targets", "--growth", "/no such file"], "File '/no such file' does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_words_are_refused(words: list[str], said: str) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "/no such file"], r"/no such file is not there: measure first"),
        (["show", __file__], r"test_command_line\.py is no result of this bench"),
        (["run", "--only", "nothing like it"], "no workload that can run is named like nothing"),
        (["run", "--systems", "s3ql-zlib"], "S3QL is not installed: leave s3ql out"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_stops_the_bench_is_one_line(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    problem = run(*words).exception
    assert isinstance(problem, BenchProblem)
    assert "\n" not in str(problem)
    with pytest.raises(BenchProblem, match=said):
        raise problem


def test_commands_keep_bytecode_as_those_of_an_installed_cairnfs_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr("sys.argv", ["bench", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ


def test_results_of_other_sizes_are_compared_with_a_warning(tmp_path: Path) -> None:
    run_small = replace(run_of({"cairnfs": [1.0]}), sizes=Sizes(small_files=3))
    paths = [str(tmp_path / name) for name in ("one", "other")]
    for path, found in zip(paths, (run_of({"cairnfs": [1.0]}), run_small), strict=True):
        keep(found, Path(path))
    assert "made with other small_files: " in run("compare", *paths).stderr
    assert run("compare", paths[0], paths[0]).stderr == ""


def test_a_system_that_is_named_twice_is_measured_once() -> None:
    command = cli.commands["run"]
    with command.make_context("run", ["--systems", "plain, cairnfs,plain"]) as context:
        assert context.params["systems"] == ["plain", "cairnfs"]
