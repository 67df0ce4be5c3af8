"""Logging: one event a line, as text or as JSON, to standard error or a file of bounded size.

    2026-11-20T10:11:12.123Z error daemon.errnos frame at …: checksum
    {"time":"2026-11-20T10:11:12.123Z","level":"error","logger":"daemon.errnos","message":"…"}

Line breaks inside an event (of a traceback, say) are written as \\n. Keyword values given as
`extra={"fields": {...}}` follow the message as key=value, and are members in JSON.
"""

import logging
import os
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import msgspec

LOG_FILE: Final = "daemon.log"
LOG_BYTES_MAX: Final = 8 << 20  # then the file is renamed to daemon.log.1 and begun again
STANDARD_DESCRIPTORS: Final = (1, 2)

_encode_json = msgspec.json.Encoder().encode


def configure_logging(level: str, form: str, file: Path | None = None) -> "ErrorCounter":
    """Send all events of this process to standard error, or to a file. Raises OSError.

    What C libraries write to standard error goes to the same file.
    """
    handler: logging.Handler = logging.StreamHandler() if file is None else RollingLog(file)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    counter = ErrorCounter()
    root = logging.getLogger()
    root.handlers[:] = [handler, counter]
    root.setLevel(level.upper())
    logging.raiseExceptions = False  # a full disk must not fill standard error as well
    return counter


class TextLines(logging.Formatter):
    """An event as time, level, logger, message and fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        message = record.getMessage()
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        traceback = f" | {self.formatException(record.exc_info)}" if record.exc_info else ""
        line = f"{_time(record)} {_level(record)} {record.name} {message}{fields}{traceback}"
        return _printable(line).replace("\n", "\\n")


class JsonLines(logging.Formatter):
    """An event as a JSON document."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        event: dict[str, object] = {
            "time": _time(record),
            "level": _level(record),
            "logger": record.name,
            "message": _printable(record.getMessage()),
        }
        event |= {key: _printable(str(value)) for key, value in _fields(record).items()}
        if record.exc_info:
            event["traceback"] = _printable(self.formatException(record.exc_info))
        return _encode_json(event).decode()


class RollingLog(RotatingFileHandler):
    """A file that starts anew when it is full, and that standard output and error go to as well."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            file, maxBytes=LOG_BYTES_MAX, backupCount=1, encoding="utf-8", errors="replace"
        )
        self._take_standard_descriptors()

    def doRollover(self) -> None:
        """Rename the full file, open a new one, and redirect to that."""
        super().doRollover()
        self._take_standard_descriptors()

    def _take_standard_descriptors(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor in STANDARD_DESCRIPTORS:
            os.dup2(self.stream.fileno(), descriptor)


class ErrorCounter(logging.Handler):
    """How many errors were logged, and the last of them: `errors` of `cairnfs status`."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0
        self.last: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Count an event. Any thread may log; logging's own lock is held here."""
        self.count += 1
        self.last = _printable(record.getMessage())


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _level(record: logging.LogRecord) -> str:
    return record.levelname.lower()


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, dict) else {}


def _printable(text: str) -> str:
    """Text that any encoder takes: bytes of names that are not UTF-8 become \\xNN."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
