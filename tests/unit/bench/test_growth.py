"""Large stores: what they hold, what is measured in them, and what is made of that."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from bench.growth import command
from bench.growth import probe as probing
from bench.growth.drawing import drawings_of
from bench.growth.probe import (
    CHANGING,
    PASSES,
    READING,
    SNAPSHOT_WORKS,
    Cost,
    probe,
    sample,
)
from bench.growth.result import Growth, Point, Round, judge
from bench.growth.scenarios import FILE_BYTES, Kind, Scenario, populate
from bench.growth.stores import FILLED, filled, require_room
from bench.growth.tables import table_of
from bench.meter import usage_of
from bench.mounts import BenchProblem
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.bench_results import HEADING, kept_and_read

SMALL = [
    Scenario(Kind.FILES, 1500),
    Scenario(Kind.WIDTH, 30),
    Scenario(Kind.DEPTH, 4),
]


@contextmanager
def opened(store: Path, scenario: Scenario) -> Iterator[Volume]:
    populate(store, scenario, lambda line: None)
    volume = Volume.open(store)
    try:
        yield volume
    finally:
        volume.close()


@pytest.mark.parametrize("scenario", SMALL, ids=lambda one: one.name)
def test_every_file_is_a_member_of_one_folder(scenario: Scenario) -> None:
    members = [number for at in range(scenario.folders) for number in scenario.members(at)]
    assert sorted(members) == list(range(scenario.files))
    for at in range(scenario.folders):
        assert len({scenario.folder_of(number) for number in scenario.members(at)}) == 1


def test_a_store_holds_what_it_is_to_hold(tmp_path: Path) -> None:
    scenario = Scenario(Kind.WIDTH, 30)
    with opened(tmp_path / "store", scenario) as volume:
        figures = volume.statistics()
        assert (figures.files, figures.logical_bytes) == (30, 30 * FILE_BYTES)
        for number in range(30):
            volume.resolve(scenario.path_of(number).encode())
        volume.resolve(scenario.work_folder.encode())
        assert run_inline(volume.fsck()).clean


def test_deep_folders_are_as_deep_as_said(tmp_path: Path) -> None:
    scenario = Scenario(Kind.DEPTH, 4)
    assert scenario.path_of(7).count("/") == 4
    with opened(tmp_path / "store", scenario) as volume:
        volume.resolve(scenario.path_of(scenario.files - 1).encode())


def test_snapshots_are_taken_and_bytes_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.growth.scenarios.FOLDER_FILES", 2)
    with opened(tmp_path / "snapshots", Scenario(Kind.SNAPSHOTS, 3)) as volume:
        assert len(list(volume.snapshots.all())) == 3
    monkeypatch.setattr("bench.growth.scenarios.GB", 5 << 20)
    with opened(tmp_path / "bytes", Scenario(Kind.BYTES, 1)) as volume:
        assert volume.statistics().logical_bytes == (5 << 20) + 20 * FILE_BYTES


def test_bytes_that_repeat_take_no_more_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.growth.scenarios.FOLDER_FILES", 1)
    monkeypatch.setattr("bench.growth.scenarios.GB", 8 << 20)
    monkeypatch.setattr("bench.growth.scenarios.PIECE_BYTES", 1 << 20)
    monkeypatch.setattr("bench.growth.scenarios.REPEATED_PIECES", 2)
    stored = []
    for repeated in (0, 75):
        scenario = Scenario(Kind.BYTES, 1, repeated)
        with opened(tmp_path / scenario.name, scenario) as volume:
            assert volume.statistics().logical_bytes == (8 << 20) + 10 * FILE_BYTES
            stored.append(volume.statistics().stored_bytes)
    assert stored[1] < stored[0] * 0.6


def test_a_store_that_would_fill_the_disk_is_not_begun(tmp_path: Path) -> None:
    require_room(tmp_path, Scenario(Kind.WIDTH, 3))
    with pytest.raises(BenchProblem, match=r"bytes-9000000 needs 10800000\.0 GB of room"):
        filled(tmp_path, Scenario(Kind.BYTES, 9_000_000), 0)
    assert not (tmp_path / "bytes-9000000").exists()
    assert Scenario(Kind.BYTES, 50, 80).disk_bytes < Scenario(Kind.BYTES, 11).disk_bytes


def test_stores_are_filled_for_another_time(tmp_path: Path) -> None:
    stores = tmp_path / "stores"
    words = ["--kind", "width", "--width", "3", "--rest", "0", "--fill"]
    done = CliRunner().invoke(command.growth, [*words, "--stores", str(stores)])
    assert (done.exit_code, done.stdout) == (0, "")
    assert (stores / "width-3" / FILLED).exists()
    assert "say where" in str(CliRunner().invoke(command.growth, words).exception)


def test_a_filled_store_is_used_again_and_half_a_one_is_not(tmp_path: Path) -> None:
    scenario = Scenario(Kind.WIDTH, 3)
    seconds = filled(tmp_path, scenario, 0)
    note = tmp_path / scenario.name / FILLED
    before = note.stat().st_mtime_ns
    assert filled(tmp_path, scenario, 0) == seconds
    assert note.stat().st_mtime_ns == before
    note.unlink()
    filled(tmp_path, scenario, 0)
    assert note.exists()


def test_a_store_that_fails_leaves_the_others_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = Scenario(Kind.WIDTH, 2), Scenario(Kind.WIDTH, 3)
    (measured,) = point(2, 40.0).rounds

    def measure_round(folder: Path, scenario: Scenario, *_: object) -> Round:
        if scenario is bad:
            raise BenchProblem("its daemon has not ended")
        return measured

    monkeypatch.setattr(command, "_round", measure_round)
    found = command.measure(tmp_path, [good, bad], 2, 1, 0)
    assert [(each.scenario, len(each.rounds)) for each in found.points] == [(good, 2)]
    assert "left out: its daemon has not ended" in capsys.readouterr().err
    with pytest.raises(BenchProblem, match="no store could be measured"):
        command.measure(tmp_path, [bad], 1, 1, 0)


def test_a_store_without_room_leaves_the_others_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, large = Scenario(Kind.WIDTH, 2), Scenario(Kind.BYTES, 9_000_000)
    (measured,) = point(2, 40.0).rounds
    monkeypatch.setattr(command, "_round", lambda *_: measured)
    found = command.measure(tmp_path, [large, good], 1, 1, 0)
    assert [each.scenario for each in found.points] == [good]
    assert "left out: bytes-9000000 needs" in capsys.readouterr().err
    with pytest.raises(BenchProblem, match="no store could be measured"):
        command.measure(tmp_path, [large], 1, 1, 0)


def test_a_sample_is_from_few_folders_and_without_repeats() -> None:
    paths = sample(Scenario(Kind.FILES, 1_000_000), 100, seed=1)
    assert len(set(paths)) == 100
    assert len({path.rpartition("/")[0] for path in paths}) == 10
    assert paths == sample(Scenario(Kind.FILES, 1_000_000), 100, seed=1)
    assert len(sample(Scenario(Kind.WIDTH, 5), 100, seed=1)) == 5


def test_a_probe_measures_everything_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "usage_when_quiet", lambda process, *_: usage_of(process))
    scenario = Scenario(Kind.WIDTH, 4)
    (tmp_path / "wide").mkdir()
    (tmp_path / ".snapshots" / "before").mkdir(parents=True)
    for number in range(4):
        (tmp_path / scenario.path_of(number)).write_bytes(bytes(FILE_BYTES))
    costs = probe(tmp_path, os.getpid(), scenario, 4, seed=1)
    assert [cost.work for cost in costs] == [*READING, *PASSES * list(CHANGING)]
    each_pass = [[2, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert [cost.operations for cost in costs] == [4, 4, 4, *itertools.chain(*each_pass)]
    assert all(cost.wall_us > 0 for cost in costs)
    assert len(os.listdir(tmp_path / "wide")) == 4
    assert os.listdir(tmp_path / ".snapshots") == ["before"]
    (tmp_path / scenario.path_of(1)).write_bytes(b"short")
    with pytest.raises(BenchProblem, match="has 5 bytes"):
        probe(tmp_path, os.getpid(), scenario, 4, seed=1)


def test_snapshots_are_listed_where_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "usage_when_quiet", lambda process, *_: usage_of(process))
    monkeypatch.setattr("bench.growth.scenarios.FOLDER_FILES", 1)
    scenario = Scenario(Kind.SNAPSHOTS, 5)
    for number in range(scenario.files):
        path = tmp_path / scenario.path_of(number)
        path.parent.mkdir()
        path.write_bytes(bytes(FILE_BYTES))
    (tmp_path / "work").mkdir()
    for number in range(5):
        (tmp_path / ".snapshots" / f"s{number}").mkdir(parents=True)
    costs = probe(tmp_path, os.getpid(), scenario, 4, seed=1)
    assert [cost.work for cost in costs[-2:]] == list(SNAPSHOT_WORKS)
    assert [cost.operations for cost in costs[-2:]] == [5, 4]


def point(amount: int, cpu_us: float, mount_seconds: float = 0.5) -> Point:
    cost = Cost(work="rename", operations=10, wall_us=100.0, cpu_us=cpu_us)
    one = Round(
        mount_seconds=mount_seconds,
        mount_cpu_seconds=0.25,
        unmount_seconds=1,
        resident_bytes=50,
        costs=[cost],
    )
    return Point(
        scenario=Scenario(Kind.FILES, amount),
        populate_seconds=1.0,
        index_bytes=amount * 500,
        store_bytes=amount * 2000,
        rounds=[one],
    )


FOUND = Growth(
    **HEADING,
    operations=10,
    points=[point(1000, 40.0), point(100_000, 60.0, mount_seconds=1.2)],
)


def test_the_largest_is_judged_by_the_smallest() -> None:
    mount, wall, cpu = judge(FOUND)
    assert (mount.found, mount.verdict) == ("1.20 s", "not met")
    assert (wall.found, wall.verdict) == ("1.00", "met")
    assert (cpu.found, cpu.verdict) == ("1.50", "not met")
    other = replace(FOUND, points=[])
    assert judge(other) == []


def test_each_way_to_be_large_has_a_plot_where_two_stores_differ() -> None:
    def kind(kind: Kind, *amounts: int) -> list[Point]:
        return [replace(point(each, 40.0), scenario=Scenario(kind, each)) for each in amounts]

    points = [*kind(Kind.BYTES, 1, 10), *kind(Kind.DEPTH, 200), *kind(Kind.SNAPSHOTS, 10, 100)]
    found = drawings_of(replace(FOUND, points=points))
    assert [one.name for one in found] == ["growth-bytes.svg", "growth-snapshots.svg"]
    assert found[0].title == "The daemon's CPU time of an operation, us, by GB"


def test_what_was_not_measured_is_left_empty() -> None:
    other = replace(point(5, 40.0), scenario=Scenario(Kind.BYTES, 5, 50))
    rounds = [replace(other.rounds[0], costs=[])]
    table = table_of(replace(FOUND, points=[*FOUND.points, replace(other, rounds=rounds)]))
    assert "| 5 GB, 50 % of it repeated |        - |" in table


def test_a_result_is_kept_shown_and_drawn(tmp_path: Path) -> None:
    table = table_of(kept_and_read(FOUND, tmp_path))
    assert "| 100,000 files | 100,000 |     1.20 |         0.25 |" in table
    assert "100 / 60" in table
    plots = {one.name: one.svg for one in drawings_of(FOUND)}
    assert len(plots) == 4
    assert "rename: 60" in plots["growth-cpu.svg"]
    assert all(f"](plots/{name})" in table for name in plots)
