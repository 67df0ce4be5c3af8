"""Daemons that archive nothing."""

import os
from pathlib import Path

import pytest

from bench.archival import without_archival
from daemon.config import load_settings


def test_daemons_are_told_to_archive_nothing_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIRNFS_ARCHIVE_STOP_SECONDS", "7")
    with without_archival():
        settings = load_settings(tmp_path, os.environ).values
        assert settings.archive_stop_seconds == 0
    assert os.environ["CAIRNFS_ARCHIVE_STOP_SECONDS"] == "7"
