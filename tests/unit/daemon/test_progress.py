"""What is shown of long work, and sizes for people."""

import os
from contextlib import suppress

import pytest

from daemon.cli import progress
from daemon.cli.common import human_size
from daemon.cli.progress import shown_progress
from daemon.control_protocol import Progress


def test_without_a_terminal_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress() as show:
        show(Progress(1, 2, "inodes"))
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_long_work_is_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLAIN_LINE_SECONDS", 0)
    with shown_progress() as show:
        show(Progress(1, 2, "inodes"))
        show(Progress(5, 0, "objects"))
    assert capsys.readouterr() == ("", "inodes: 1 of 2\nobjects: 5\n")


def everything_on(screen: int) -> str:
    """What was shown until the terminal was closed; that ends it with EIO."""
    shown = b""
    with os.fdopen(screen, "rb", buffering=0) as file, suppress(OSError):
        while piece := file.read(1 << 16):
            shown += piece
    return shown.decode()


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.openpty()
    with os.fdopen(writing, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        with shown_progress() as show:
            show(Progress(1, 2, "checking inodes"))
    shown = everything_on(reading)
    assert "checking inodes" in shown
    assert "1/2" in shown


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB (1536 B)"),
        (1 << 30, "1.0 GiB (1073741824 B)"),
        (1 << 72, "4096.0 EiB (4722366482869645213696 B)"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert human_size(size) == text
