"""The bench runs from end to end, with sizes that say nothing about speed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.growth.probe import CHANGING, PASSES, READING
from bench.growth.result import Growth
from bench.kept_json import read_kept
from bench.known_systems import SYSTEMS
from bench.latency.loads import LOADS
from bench.latency.result import Latencies
from bench.plan import choose
from bench.results import Run
from bench.rounds import can_drop_caches
from bench.starts.result import Starts
from bench.systems import Prepares
from bench.variants import systems as variants
from bench.variants.systems import WithoutDeltas, WithSnapshots, WithVersions
from daemon.config import load_settings

PROJECT = Path(__file__).parents[2]
BENCH_SECONDS_MAX = 350  # dozens of programs, one after the other
pytestmark = pytest.mark.timeout(BENCH_SECONDS_MAX + 50)
TINY = "--rounds 1 --stream-mib 2 --text-mib 1 --files 20 --reads 10 --overwrites 5".split()


def bench(*words: str, scratch: Path) -> None:
    """One command of the bench, which leaves nothing where it worked."""
    scratch.mkdir()
    run = subprocess.run(
        [sys.executable, "-m", "bench", *words, "--folder", str(scratch)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=BENCH_SECONDS_MAX,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert os.listdir(scratch) == []
    assert str(scratch) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.mount
def test_every_workload_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    systems = ("--systems", "plain,ceiling")
    bench("run", *systems, *TINY, "--output", str(output), scratch=tmp_path / "scratch")
    result = read_kept(output, Run)
    for workload in choose([], can_drop_caches=can_drop_caches()):
        (ceiling,) = result.of(workload.name, "ceiling")
        assert ceiling.amount > 0
        assert ceiling.seconds > 0


@pytest.mark.mount
def test_programs_are_measured_where_contents_are_kept(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    words = "--systems ceiling,cairnfs --rounds 1 --only sqlite_wal --only untar".split()
    small = "--files 20 --transactions 3".split()
    bench("applications", *words, *small, "--output", str(output), scratch=tmp_path / "scratch")
    result = read_kept(output, Run)
    measured = {(one.workload, one.system) for one in result.measurements}
    assert measured == {("untar", "ceiling"), ("untar", "cairnfs"), ("sqlite_wal", "cairnfs")}


@pytest.mark.mount
def test_start_up_is_measured(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    bench("starts", "--rounds", "1", "--output", str(output), scratch=tmp_path / "scratch")
    found = read_kept(output, Starts)
    for seconds in (found.python, found.help, found.mount, found.unmount):
        assert len(seconds) == 1
        assert seconds[0] > 0


@pytest.mark.mount
def test_variants_differ_in_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "SNAPSHOTS", 2)
    monkeypatch.setattr(variants, "REWRITTEN_BYTES_MAX", 100)
    for name in (WithoutDeltas.name, WithSnapshots.name, WithVersions.name):
        home = tmp_path / name
        home.mkdir()
        system = SYSTEMS[name](home)
        system.start()
        try:
            for size in (99, 101):  # one that is copied, and one that is cloned
                (system.folder / str(size)).write_bytes(bytes(size))
            if isinstance(system, Prepares):
                system.before_work()
            deltas = load_settings(home / "store", {}).values.delta
            snapshots = len(os.listdir(system.folder / ".snapshots"))
            versions = [
                len(os.listdir(system.folder / ".versions" / name))
                for name in os.listdir(system.folder / ".versions")
            ]
            system.stop()
        except BaseException:
            system.kill()
            raise
        assert deltas is (name != WithoutDeltas.name)
        assert snapshots == (3 if name == WithSnapshots.name else 0)
        assert versions == ([variants.VERSIONS] * 2 if name == WithVersions.name else [])


@pytest.mark.mount
def test_growth_is_measured(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    words = "--kind files --files 20 --rounds 1 --operations 5 --rest 0".split()
    bench("growth", *words, "--output", str(output), scratch=tmp_path / "scratch")
    growth = read_kept(output, Growth)
    (point,) = growth.points
    (one,) = point.rounds
    assert point.scenario.files == 20
    assert one.resident_bytes > 0
    assert growth.works() == [*READING, *CHANGING]
    assert len(one.costs) == len(READING) + PASSES * len(CHANGING)


@pytest.mark.mount
def test_latency_is_measured_under_every_load(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    words = "--mib 1 --seconds 0.2".split()
    bench("latency", *words, "--output", str(output), scratch=tmp_path / "scratch")
    latencies = read_kept(output, Latencies)
    assert [phase.name for phase in latencies.phases] == list(LOADS)
    assert latencies.latencies
    assert latencies.resident_bytes
