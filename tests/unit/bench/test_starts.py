"""Start-up: what is kept of it, shown, and set beside the targets."""

from pathlib import Path

from bench.starts.result import Starts, judge, table_of
from tests.support.bench_results import HEADING, kept_and_read

FOUND = Starts(
    **HEADING,
    python=[0.01, 0.02, 0.03],
    help=[0.15, 0.16, 0.9],
    mount=[0.9, 1.1, 1.2],
    unmount=[0.2, 0.3, 0.4],
    resident_bytes=[40_000_000] * 3,
)


def test_medians_are_judged() -> None:
    helped, mounted = judge(FOUND)
    assert (helped.aim, helped.found, helped.verdict) == ("under 0.2 s", "0.16 s", "met")
    assert (mounted.aim, mounted.found, mounted.verdict) == ("under 1 s", "1.10 s", "not met")
    assert [one.verdict for one in judge(None)] == ["not measured"] * 2


def test_a_result_is_kept_and_shown(tmp_path: Path) -> None:
    table = table_of(kept_and_read(FOUND, tmp_path))
    assert "| cairnfs --help                 |     0.160 |       0.150 |      0.900 |" in table
    assert "3 rounds; the daemon of an empty store takes 40 MB" in table
