"""The jobs of bench/fio/, in a plain folder."""

import shutil
from pathlib import Path

import pytest

from bench.fio_workloads import FIO, JOBS, run_job, variables
from bench.workload import MIB, Place, Sizes, Unit, Watch

SMALL = Sizes(stream_bytes=MIB, random_overwrites=3)


def test_each_job_is_a_workload() -> None:
    assert {each.name for each in FIO} == {
        f"fio_{path.stem.replace('-', '_')}" for path in JOBS.iterdir()
    }
    units = {each.name: each.unit for each in FIO}
    assert units["fio_sequential_write"] is Unit.BYTES
    assert units["fio_random_write_fsync"] is Unit.OPERATIONS


def test_sizes_never_reach_zero(tmp_path: Path) -> None:
    given = variables(Place(tmp_path, SMALL, 1))
    assert given == {"FIO_MIB": "1", "FIO_RANDOM_MIB": "1", "FIO_FSYNC_MIB": "1"}


@pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed")
def test_a_job_tells_bytes_and_time(tmp_path: Path) -> None:
    watch = Watch()
    path = JOBS / "sequential-write.fio"
    assert run_job(path, Unit.BYTES, Place(tmp_path, SMALL, 1), watch) == MIB
    assert watch.seconds > 0


@pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed")
def test_a_job_that_fails_is_no_figure(tmp_path: Path) -> None:
    job = tmp_path / "bad.fio"
    job.write_text("[bad]\nrw=nothing-like-it\n")
    with pytest.raises(ValueError, match="fio"):
        run_job(job, Unit.BYTES, Place(tmp_path, SMALL, 1), Watch())
