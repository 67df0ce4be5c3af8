"""All measurements by one command: what is run, what is left out, and what becomes of failures."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from bench import __main__ as program
from bench import document
from bench.everything import command
from bench.everything.steps import GROWTH, NAMES, STEPS, Step
from bench.mounts import BenchProblem


@pytest.mark.parametrize("tiny", [False, True], ids=["sizes", "tiny"])
@pytest.mark.parametrize("step", [*STEPS, GROWTH], ids=NAMES)
def test_each_step_is_a_command_with_options_it_has(step: Step, tiny: bool) -> None:
    name, *words = step.words(tiny=tiny)
    found = program.cli.commands[name]
    with found.make_context(name, [*words, "--output", "result.json"]) as context:
        assert context.params["output"] == Path("result.json")


def test_every_result_has_a_place_in_the_page() -> None:
    assert {f"bench/results/{name}.json" for name in NAMES} <= document.TABLES.keys()


class Measured:
    """What was run instead of commands, where the results came to lie, and what was renewed."""

    def __init__(self, home: Path, failing: Sequence[str] = ()) -> None:
        self.kept = home / "kept"
        self.kept.mkdir()
        self.run: list[str] = []
        self.renewed = 0
        self._failing = failing

    def step(self, words: Sequence[str], seconds_max: float) -> str | None:
        """A command that leaves its own words as its result."""
        output = Path(words[-1])
        self.run.append(output.stem)
        if output.stem in self._failing:
            return "exit 1"
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(" ".join(words))
        return None

    def update(self) -> None:
        """Once for all results."""
        self.renewed += 1


@pytest.fixture
def steps_with_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every program is installed, except S3QL's."""
    monkeypatch.setattr(
        shutil, "which", lambda name, *_: None if name.endswith("s3ql") else f"/bin/{name}"
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measured: Measured, *words: str) -> Result:
    monkeypatch.setattr(command, "run_step", measured.step)
    monkeypatch.setattr(command, "LOCAL_RESULTS", tmp_path / "local")
    monkeypatch.setattr("bench.kept.RESULTS", measured.kept)
    monkeypatch.setattr("bench.document.update", measured.update)
    return CliRunner().invoke(command.everything, words)


@pytest.mark.usefixtures("steps_with_tools")
def test_all_is_measured_kept_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Measured(tmp_path)
    done = run(monkeypatch, tmp_path, measured, "--stores", str(tmp_path / "stores"))
    assert done.exit_code == 0
    assert measured.run == [name for name in NAMES if name != "s3ql"]
    assert {path.stem for path in measured.kept.iterdir()} == set(measured.run)
    assert f"--stores {tmp_path / 'stores'}" in (measured.kept / "growth.json").read_text()
    assert measured.renewed == 1
    assert "s3ql is left out: mkfs.s3ql, mount.s3ql, umount.s3ql not installed" in done.stderr


@pytest.mark.usefixtures("steps_with_tools")
def test_growth_needs_a_place_for_its_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(monkeypatch, tmp_path, measured := Measured(tmp_path), "--only", "growth")
    assert (done.exit_code, measured.run) == (0, [])
    assert "growth is left out: say where its stores are" in done.stderr


@pytest.mark.usefixtures("steps_with_tools")
def test_what_fails_leaves_its_former_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Measured(tmp_path, failing=["starts"])
    (measured.kept / "starts.json").write_text("former")
    done = run(monkeypatch, tmp_path, measured, "--only", "starts", "--only", "fio")
    assert isinstance(done.exception, BenchProblem)
    assert str(done.exception) == "1 of 2 commands failed"
    assert "starts failed: exit 1" in done.stderr
    assert (measured.kept / "starts.json").read_text() == "former"
    assert (measured.kept / "fio.json").exists()
    assert measured.renewed == 1


@pytest.mark.usefixtures("steps_with_tools")
def test_what_is_only_tried_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Measured(tmp_path)
    assert run(monkeypatch, tmp_path, measured, "--tiny").exit_code == 0
    assert GROWTH.name in measured.run
    assert list(measured.kept.iterdir()) == []
    assert measured.renewed == 0


def test_a_command_that_fails_or_takes_too_long_is_told() -> None:
    python = (sys.executable, "-c")
    assert command.run_step([*python, "pass"], 60) is None
    assert command.run_step([*python, "import sys; sys.exit(3)"], 60) == "exit 3"
    assert command.run_step([*python, "import time; time.sleep(600)"], 0.01) == "no end after 0 s"


def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(click.UsageError, match="'nothing' is not one of"):
        command.everything.make_context("all", ["--only", "nothing"])
