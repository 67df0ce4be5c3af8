r"""Logging: one event a line, as text or as JSON, to standard error or a file of bounded size.

    2026-11-20T10:11:12.123Z error daemon.errnos frame at …: checksum
    {"time":"2026-11-20T10:11:12.123Z","level":"error","logger":"daemon.errnos","message":"…"}

Line breaks inside an event (of a traceback, say) are written as \n, and what would steer a terminal
as \x1b and the like: names in events are users' own. In JSON `event` is the message without its
values, the same for all events of a kind. Values given as `extra={"fields": {...}}` follow the
message as key=value, and are members in JSON.

An error that happens again and again is written once an hour, then with how often it was left out
since, as `repeated`. `errors` of `cairnfs status` counts every time.

Where standard error is the journal of systemd, each line begins with its priority, <3> for an
error, which the journal takes off (sd-daemon(3)).
"""

import logging
import math
import os
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, TextIO

import msgspec

from daemon.human import printable

LOG_FILE: Final = "daemon.log"
LOG_BYTES_MAX: Final = 8 << 20  # then the file is renamed to daemon.log.1 and begun again
STANDARD_ERROR: Final = 2
REPEATED_SECONDS: Final = 3600.0
REPEATED_KINDS_MAX: Final = 1000  # of errors that are remembered
STANDARD_DESCRIPTORS: Final = (1, STANDARD_ERROR)

JOURNAL_VARIABLE: Final = "JOURNAL_STREAM"  # device and inode of the journal's socket
JOURNAL_ERROR: Final = "<3>"
_PRIORITIES: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}

_ESCAPED_BYTE: Final = re.compile("[\udc80-\udcff]")

_encode_json = msgspec.json.Encoder().encode


def configure_logging(
    level: str, form: str, file: Path | None = None, *, redirect: bool = False
) -> "ErrorCounter":
    """Send all events of this process to standard error, or to a file (see RollingLog)."""
    handler: logging.Handler = (
        StandardErrorLog() if file is None else RollingLog(file, redirect=redirect)
    )
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    handler.addFilter(OnceAnHour())
    counter = ErrorCounter()
    root = logging.getLogger()
    root.handlers[:] = [handler, counter]
    root.setLevel(level.upper())
    logging.raiseExceptions = False  # a full disk must not fill standard error as well
    return counter


def adjust_logging(level: str, form: str) -> None:
    """Another level and form from the next event on."""
    root = logging.getLogger()
    root.handlers[0].setFormatter(JsonLines() if form == "json" else TextLines())
    root.setLevel(level.upper())


class TextLines(logging.Formatter):
    """An event as time, level, logger, message and fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        message = record.getMessage()
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        traceback = f" | {self.formatException(record.exc_info)}" if record.exc_info else ""
        line = f"{_time(record)} {_level(record)} {record.name} {message}{fields}{traceback}"
        return _shown(line).replace("\n", "\\n")


class JsonLines(logging.Formatter):
    """An event as a JSON document."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        event: dict[str, object] = {
            "time": _time(record),
            "level": _level(record),
            "logger": record.name,
            "message": _shown(record.getMessage()),
            "event": _shown(str(record.msg)),
        }
        event |= {key: _member(value) for key, value in _fields(record).items()}
        if record.exc_info:
            event["traceback"] = _shown(self.formatException(record.exc_info))
        return _encode_json(event).decode()


class StandardErrorLog(logging.StreamHandler[TextIO]):
    """Standard error; each line says how severe it is when that is systemd's journal."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._to_journal = is_journal(os.environ.get(JOURNAL_VARIABLE, ""), STANDARD_ERROR)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = super().format(record)
        return f"<{_PRIORITIES.get(_level(record), 6)}>{line}" if self._to_journal else line


class RollingLog(RotatingFileHandler):
    """A file that is made with the first event and starts anew when it is full.

    With `redirect`, standard output and error of this process go to it as well, so that what a
    C library prints is not lost in the background.
    """

    def __init__(self, file: Path, *, redirect: bool) -> None:
        self._redirect = redirect
        super().__init__(
            file,
            maxBytes=LOG_BYTES_MAX,
            backupCount=1,
            encoding="utf-8",
            errors="replace",
            delay=True,
        )

    def _open(self) -> TextIOWrapper:
        stream = open(  # noqa: SIM115  # logging closes it
            self.baseFilename,
            "a",
            encoding=self.encoding,
            errors=self.errors,
            opener=_private,
        )
        for descriptor in STANDARD_DESCRIPTORS if self._redirect else ():
            os.dup2(stream.fileno(), descriptor)
        return stream


class OnceAnHour(logging.Filter):
    """Lets each error through once an hour, and says then how often it has happened since."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._told: OrderedDict[tuple[int, str, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the event is written. Any thread may log; the handler's lock is held here."""
        if record.levelno < logging.ERROR:
            return True
        cause = record.exc_info[1] if record.exc_info else None
        key = record.levelno, record.name, f"{record.getMessage()} {cause!r}"
        now = self._monotonic()
        at, left_out = self._told.get(key, (-math.inf, 0))
        if now - at < REPEATED_SECONDS:
            self._told[key] = at, left_out + 1
            return False
        self._told[key] = now, 0
        self._told.move_to_end(key)
        if len(self._told) > REPEATED_KINDS_MAX:
            self._told.popitem(last=False)
        if left_out:
            record.fields = {**_fields(record), "repeated": left_out}
        return True


class ErrorCounter(logging.Handler):
    """How many errors there were, and the last of them: `errors` of `cairnfs status`."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0
        self.last: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Count an event. Any thread may log; logging's own lock is held here."""
        self.count += 1
        self.last = _shown(record.getMessage()).replace("\n", "\\n")


def is_journal(journal: str, descriptor: int) -> bool:
    """Whether a descriptor is what JOURNAL_STREAM speaks of (systemd.exec(5))."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return journal == f"{found.st_dev}:{found.st_ino}"


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner may read: events name users' files."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _level(record: logging.LogRecord) -> str:
    return record.levelname.lower()


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, dict) else {}


def _member(value: object) -> object:
    return value if isinstance(value, (bool, int, float)) or value is None else _shown(str(value))


def _shown(text: str) -> str:
    r"""Text that any encoder takes and any terminal shows; its line breaks stay.

    Bytes of names that are not UTF-8 become \xNN, as do characters that are no text.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPED_BYTE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
    return "\n".join(printable(line) for line in text.split("\n"))
