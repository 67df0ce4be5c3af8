"""Comparing what corpora take: sizes, shares of the best peer, what is missing."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.corpora.corpus import FORMAT as CORPUS_FORMAT
from bench.corpora.corpus import Kind, Manifest, Scale, save_manifest
from bench.mounts import BenchProblem
from bench.peers import command
from bench.peers.command import PEERS, compare
from bench.peers.comparison import Comparison, misses
from bench.peers.table import table_of
from bench.peers.tools import Copy, Held, held_by, missing_tools, run_tool
from tests.support.bench_results import kept_and_read

MANIFEST = Manifest(
    format=CORPUS_FORMAT,
    kind=Kind.JSON,
    scale=Scale.SMALL,
    size_bytes=5_000_000,
    files=1,
    sources=["sample 1.0"],
)


class Pretended:
    """A peer that takes what it is told to."""

    def __init__(self, name: str, held: Held, needs: Sequence[str] = ()) -> None:
        self.name = name
        self.needs = needs
        self._held = held

    def copy(self, source: Path, home: Path) -> Copy:
        """Look at both folders."""
        assert source.is_dir()
        assert not any(home.iterdir())
        return Copy(self._held, 1.5)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "json").mkdir()
    save_manifest(tmp_path, MANIFEST)
    return tmp_path


def compared(home: Path, own: Held) -> Comparison:
    systems = [
        Pretended("one", Held(2_000_000, 2_100_000)),
        Pretended("two", Held(1_000_000, 4_000_000)),
        Pretended("absent", Held(1, 1), ["no-such-command"]),
        Pretended("cairnfs", own),
    ]
    return compare(home, [MANIFEST], systems, home)


def test_the_best_peer_counts_by_sizes_and_by_what_is_allotted(home: Path) -> None:
    by_size = compared(home, Held(500_000, 500_000))
    assert by_size.share(Kind.JSON, "cairnfs") == 0.5
    by_allotment = compared(home, Held(500_000, 2_100_000))
    assert by_allotment.share(Kind.JSON, "cairnfs") == 1.0
    assert by_size.share(Kind.SOURCE, "cairnfs") is None


def test_what_takes_more_than_its_target_is_named(home: Path) -> None:
    assert misses(compared(home, Held(700_000, 700_000))) == []
    (line,) = misses(compared(home, Held(800_000, 800_000)))
    assert line == "json: 0.80 of the best peer, the target is 0.70"


def test_what_is_not_installed_is_named_and_left_out(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = compared(home, Held(500_000, 500_000))
    assert found.missing == {"absent": ["no-such-command"]}
    assert found.systems() == ["one", "two", "cairnfs"]
    assert "absent is left out: no-such-command not installed" in capsys.readouterr().err


def test_the_table_shows_sizes_shares_and_targets(home: Path) -> None:
    rows = {}
    for line in table_of(compared(home, Held(500_000, 500_000))).splitlines()[2:]:
        name, value = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name] = value
    assert rows["the files themselves"] == "5.0"
    assert (rows["one"], rows["two"], rows["cairnfs"]) == ("2.0", "1.0", "0.5")
    assert (rows["cairnfs / best peer"], rows["at most"]) == ("0.50", "0.70")


def test_a_saved_comparison_is_loaded_as_it_was(home: Path) -> None:
    kept_and_read(compared(home, Held(500_000, 500_000)), home)


def test_a_folder_without_corpora_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchProblem, match="holds no corpus"):
        command._corpora(tmp_path, [*Kind])


def test_hard_links_and_holes_are_counted_as_the_host_does(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "one").write_bytes(b"x" * 10_000)
    os.link(tmp_path / "below" / "one", tmp_path / "two")
    (tmp_path / "link").symlink_to("two")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 20)
    held = held_by(tmp_path)
    assert held.file_bytes == 10_000 + (1 << 20)
    assert 8192 <= held.allotted_bytes <= 16_384


def test_peers_are_six_with_names_of_their_own() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS) == 6
    assert missing_tools(Pretended("one", Held(0, 0), ["sh", "no-such-command"])) == [
        "no-such-command"
    ]


def test_a_tool_runs_in_a_folder_with_variables(tmp_path: Path) -> None:
    said = run_tool("sh", "-c", 'echo "$PWD $WORD"', folder=tmp_path, variables={"WORD": "said"})
    assert said == f"{tmp_path} said\n"
