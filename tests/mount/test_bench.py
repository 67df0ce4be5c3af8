"""The bench runs from end to end, with sizes that say nothing about speed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.plan import choose
from bench.results import load
from bench.rounds import can_drop_caches

PROJECT = Path(__file__).parents[2]
TINY = "--rounds 1 --stream-mib 2 --text-mib 1 --files 20 --reads 10 --overwrites 5".split()


@pytest.mark.mount
def test_every_workload_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "bench", "run", "--systems", "plain,ceiling", *TINY]
    run = subprocess.run(
        [*command, "--folder", str(scratch), "--output", str(output)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    result = load(output)
    for workload in choose([], can_drop_caches=can_drop_caches()):
        (ceiling,) = result.of(workload.name, "ceiling")
        assert ceiling.amount > 0
        assert ceiling.seconds > 0
    assert os.listdir(scratch) == []
    assert str(scratch) not in Path("/proc/self/mountinfo").read_text()
