"""Variants of a store: what makes them so, what is asked of them, and their table."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench import tables
from bench.plan import VARIANTS, workload_named
from bench.variants import systems
from bench.variants.systems import EDIT_BYTES, VERSIONS, WithoutDeltas, WithSnapshots, WithVersions
from bench.variants.workloads import EDIT_EVERY, MAIN, VARIANT_WORKLOADS, edits
from bench.workload import Place, Sizes, Watch
from tests.unit.bench.test_report_and_compare import run_of


def test_each_file_is_replaced_once_by_others_of_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = WithVersions(tmp_path)
    (system.folder / "small").mkdir(parents=True)
    path = system.folder / "small" / "file"
    path.write_bytes(bytes(2 * EDIT_BYTES))
    replaced = []

    def rename(old: Path, new: Path) -> None:
        replaced.append(old.name)
        shutil.move(old, new)

    monkeypatch.setattr(Path, "rename", rename)
    system.before_work()
    system.before_work()
    assert replaced == [".file.replacing"] * VERSIONS
    content = path.read_bytes()
    assert len(content) == 2 * EDIT_BYTES
    assert (any(content[:EDIT_BYTES]), any(content[EDIT_BYTES:])) == (True, False)
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_large_file_is_cloned_and_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clones = []

    def clone(command: Sequence[str | Path], seconds_max: float) -> None:
        clones.append(tuple(command[-3:]))
        shutil.copy(command[-2], command[-1])

    monkeypatch.setattr(systems, "run_command", clone)
    monkeypatch.setattr(systems, "REWRITTEN_BYTES_MAX", 10)
    system = WithVersions(tmp_path)
    system.folder.mkdir()
    path = system.folder / "unique"
    path.write_bytes(bytes(11))
    system.before_work()
    assert clones == [("clone", path, system.folder / ".unique.replacing")] * VERSIONS
    assert path.stat().st_size == 11


def test_each_snapshot_has_a_name_of_its_own(tmp_path: Path) -> None:
    system = WithSnapshots(tmp_path)
    (system.folder / ".snapshots").mkdir(parents=True)
    system.before_work()
    system.before_work()
    names = sorted(each.name for each in (system.folder / ".snapshots").iterdir())
    assert names == ["s000000", "s000001"]


def test_edits_are_few_and_everywhere() -> None:
    before = bytes(4 * EDIT_EVERY)
    after = edits(before, 1)
    assert len(after) == len(before)
    for at in range(0, len(before), EDIT_EVERY):
        assert 0 < sum(map(bool, after[at : at + EDIT_EVERY])) <= 8
    assert edits(before, 1) == after != edits(before, 2)


def test_the_main_workloads_are_there_and_files_are_gone_last() -> None:
    names = [workload.name for workload in VARIANT_WORKLOADS]
    assert set(names) >= MAIN
    assert names[-1] == "unlink"


def test_files_are_replaced_by_a_rename(tmp_path: Path) -> None:
    place = Place(tmp_path, Sizes(small_files=3), 1)
    workload_named("create").work(place, Watch())
    before = {path.name: path.read_bytes() for path in place.small.iterdir()}
    watch = Watch()
    assert workload_named("replace").work(place, watch) == 3
    after = {path.name: path.read_bytes() for path in place.small.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in before)
    assert watch.seconds > 0


def test_edited_text_is_written_and_read(tmp_path: Path) -> None:
    place = Place(tmp_path, Sizes(text_bytes=50_000), 1)
    names = ("write_text", "write_edited", "read_edited")
    assert [workload_named(name).work(place, Watch()) for name in names] == [50_000] * 3
    assert (tmp_path / "text").read_bytes() != (tmp_path / "edited").read_bytes()


def test_the_table_has_ratios_within_rounds() -> None:
    rates = {"cairnfs": [1000.0, 100.0], WithoutDeltas.name: [1500.0, 150.0]}
    run = replace(run_of(rates), suite=VARIANTS)
    header, _, row = tables.table_of(run).splitlines()[-3:]
    assert "| delta off: rate, CPU |" in header
    assert row.split("|")[1:-1][-1].strip() == "1.50, 1.00"
    assert tables.table_of(replace(run, suite="speeds")).count("cairnfs-no-delta") == 2
