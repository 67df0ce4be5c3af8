"""How events are written."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import logs
from daemon.logs import (
    REPEATED_KINDS_MAX,
    ErrorCounter,
    JsonLines,
    OnceAnHour,
    RollingLog,
    TextLines,
    adjust_logging,
    configure_logging,
    is_journal,
)


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    yield
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:], root.level, logging.raiseExceptions = before


def event(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    record = logging.LogRecord("daemon.x", logging.ERROR, "f", 1, message, arguments, None)
    record.created = 1_800_000_000.123
    record.__dict__ |= more
    return record


def test_a_text_line() -> None:
    line = TextLines().format(event("pack %d is gone", 7, fields={"inode": 5}))
    assert line == "2027-01-15T08:00:00.123Z error daemon.x pack 7 is gone inode=5"


def test_a_json_line() -> None:
    line = JsonLines().format(event("pack %d is gone", 7, fields={"inode": 5}))
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.123Z",
        "level": "error",
        "logger": "daemon.x",
        "message": "pack 7 is gone",
        "event": "pack %d is gone",
        "inode": 5,
    }


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_an_event_is_one_line_whatever_it_says(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = event("name \udcff\nand more", exc_info=sys.exc_info())
    line = formatter.format(record)
    assert "\n" not in line
    assert "Traceback" in line
    assert "\\xff" in json.dumps(line)
    line.encode()


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_a_name_cannot_forge_an_event_or_steer_a_terminal(formatter: logging.Formatter) -> None:
    name = "a\r\n<0>2027\x1b]0;x\x07\x85\u2028\u202e\x9b31m\ud800"
    line = formatter.format(event("refused: %s", name, fields={"name": name, "n": 1.5, "b": None}))
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    line.encode()
    assert r"\x1b]0;x" in line.replace("\\\\", "\\")


def test_fields_keep_their_kind_in_json() -> None:
    line = JsonLines().format(event("x", fields={"n": 1.5, "t": True, "z": None, "p": Path("/a")}))
    found = json.loads(line)
    assert [found[key] for key in "ntzp"] == [1.5, True, None, "/a"]


def test_an_error_that_repeats_is_written_once_an_hour_and_says_how_often() -> None:
    now = [0.0]
    once = OnceAnHour(lambda: now[0])
    assert once.filter(event("chunk %d is damaged", 1))
    for now[0] in (1.0, 2.0, 3599.0):
        assert not once.filter(event("chunk %d is damaged", 1))
    assert once.filter(event("chunk %d is damaged", 2))
    now[0] = 3600.0
    again = event("chunk %d is damaged", 1)
    assert once.filter(again)
    assert TextLines().format(again).endswith("chunk 1 is damaged repeated=3")
    now[0] = 7200.0
    assert "repeated" not in TextLines().format(event("chunk %d is damaged", 1))


def test_what_is_no_error_is_always_written_and_causes_are_told_apart() -> None:
    once = OnceAnHour(lambda: 0.0)
    for _ in range(2):
        assert once.filter(event("a task", levelno=logging.WARNING))
    for cause in (ValueError("a"), ValueError("b"), KeyError("a")):
        assert once.filter(event("unforeseen", exc_info=(type(cause), cause, None)))
        assert not once.filter(event("unforeseen", exc_info=(type(cause), cause, None)))


def test_only_so_many_errors_are_remembered() -> None:
    once = OnceAnHour(lambda: 0.0)
    for number in range(REPEATED_KINDS_MAX + 1):
        assert once.filter(event("error %d", number))
    assert not once.filter(event("error %d", REPEATED_KINDS_MAX))
    assert once.filter(event("error %d", 0))


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_for_the_journal_begin_with_their_priority(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    found = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
    configure_logging("debug", form)
    log = logging.getLogger("x")
    for write in (log.debug, log.info, log.warning, log.error, log.critical):
        write("said")
    lines = capfd.readouterr().err.splitlines()
    assert [line[:3] for line in lines] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    adjust_logging("debug", "json")
    log.error("later")
    assert json.loads(capfd.readouterr().err.removeprefix("<3>"))["message"] == "later"


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize("journal", ["", "1:1", "nonsense"])
def test_elsewhere_there_is_no_priority(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journal: str
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", journal)
    configure_logging("info", "text")
    logging.getLogger("x").error("said")
    assert capfd.readouterr().err.startswith("20")


def test_a_closed_descriptor_is_no_journal() -> None:
    assert not is_journal("1:1", 1 << 20)


def test_errors_are_counted_and_the_last_is_kept() -> None:
    counter = ErrorCounter()
    logger = logging.getLogger("counted")
    logger.addHandler(counter)
    logger.warning("no error")
    logger.error("first")
    logger.critical("second %s", "\udc80")
    logger.removeHandler(counter)
    assert (counter.count, counter.last) == (2, "second \\x80")


@pytest.mark.usefixtures("restored_logging")
def test_the_file_is_made_with_the_first_event_and_only_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "log"
    counter = configure_logging("warning", "json", file)
    logging.getLogger("x").info("too quiet")
    assert not file.exists()
    logging.getLogger("x").error("loud")
    assert json.loads(file.read_text())["message"] == "loud"
    assert file.stat().st_mode & 0o777 == 0o600
    assert counter.count == 1


@pytest.mark.usefixtures("restored_logging")
def test_a_full_file_is_set_aside_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_BYTES_MAX", 1000)
    file = tmp_path / "log"
    configure_logging("info", "text", file)
    for number in range(100):
        logging.getLogger("x").info("event %d", number)
    sizes = {entry.name: entry.stat().st_size for entry in tmp_path.iterdir()}
    assert set(sizes) == {"log", "log.1"}
    assert max(sizes.values()) <= 1000
    assert "event 99" in file.read_text()


def test_standard_error_follows_the_file_when_it_rolls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redirected: list[tuple[int, int]] = []
    monkeypatch.setattr("os.dup2", lambda source, target: redirected.append((source, target)))
    handler = RollingLog(tmp_path / "log", redirect=True)
    handler.emit(event("first"))
    assert [target for _, target in redirected] == [1, 2]
    handler.doRollover()
    handler.emit(event("second"))
    assert [target for _, target in redirected] == [1, 2, 1, 2]
    handler.close()
