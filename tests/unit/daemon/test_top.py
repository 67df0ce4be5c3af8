"""`cairnfs top` with made-up daemons; tests/mount/test_top.py has a real one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.cli import top
from daemon.cli.main import run
from tests.support.live import operation, totals

FIRST = msgspec.to_builtins(totals(1, {}))
SECOND = msgspec.to_builtins(totals(2, {"read": operation(20)}, operations=1))


def asked(monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> None:
    """Have a daemon answer so, one after the other; then somebody presses Ctrl-C."""
    left: Iterator[Any] = iter(answers)

    class Client:
        def __init__(self, store: Path) -> None:
            pass

        def __enter__(self) -> "Client":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def ask(self, command: str, *, timeout_seconds: float) -> Any:
            assert command == "live"
            try:
                return next(left)
            except StopIteration:
                raise KeyboardInterrupt from None

    monkeypatch.setattr(top, "ControlClient", Client)
    monkeypatch.setattr("daemon.cli.top.time.sleep", lambda seconds: None)


def test_views_follow_each_other_and_ctrl_c_is_a_good_end(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked(monkeypatch, [FIRST, SECOND, SECOND])
    assert run(["top", "--store", str(tmp_path)]) == 0
    out, error = capfd.readouterr()
    assert out.count("/store at /mount") == 2
    assert "nobody asks for anything" in out
    assert error == ""


@pytest.mark.parametrize("option", ["--once", "--json"])
def test_ctrl_c_before_there_was_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str
) -> None:
    asked(monkeypatch, [FIRST])
    assert run(["top", option, "--store", str(tmp_path)]) == 130


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"figures": {}}, "missing required field"),
        ({**FIRST, "figures": {"files": 1}}, "it does not tell directories"),
        ("nonsense", "Expected `object`"),
    ],
)
def test_a_daemon_of_another_version_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    answer: Any,
    told: str,
) -> None:
    asked(monkeypatch, [answer])
    assert run(["top", "--once", "--store", str(tmp_path)]) == 1
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "another version than this command" in error
    assert told in error


def test_a_store_that_is_not_mounted(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["top", "--store", str(tmp_path)]) == 1
    assert "is not mounted: there is nothing to watch" in capfd.readouterr().err


def test_an_interval_out_of_range(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["top", "--interval", "0", "--store", str(tmp_path)]) == 2
    assert "cairnfs top --help" in capfd.readouterr().err
