"""What can be measured, and what is said where a peer is missing."""

from pathlib import Path

import pytest

from bench.known_systems import ALWAYS, SYSTEMS, VARIANTS
from bench.mounts import BenchProblem
from bench.s3ql import S3ql, is_installed


def test_only_the_ceiling_keeps_no_bytes(tmp_path: Path) -> None:
    made = {name: make(tmp_path / name) for name, make in SYSTEMS.items()}
    assert {*ALWAYS, *VARIANTS} <= made.keys()
    assert [name for name, system in made.items() if not system.keeps_contents] == ["ceiling"]
    assert all(system.daemon is None for system in made.values())


def test_a_peer_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not is_installed()
    with pytest.raises(BenchProblem, match=r"mkfs\.s3ql is not installed"):
        S3ql(tmp_path).start()
    S3ql(tmp_path).stop()


def test_a_peer_that_ends_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = {"mkfs.s3ql": "exit 0", "mount.s3ql": "echo out of luck; exit 3"}
    for name, line in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    home = tmp_path / "home"
    home.mkdir()
    with pytest.raises(BenchProblem, match="S3QL ended: out of luck"):
        S3ql(home).start()
