r"""Logging: one event a line, as text or as JSON, to standard error or a file of bounded size.

    2026-11-20T10:11:12.123Z error daemon.errnos frame at …: checksum
    {"time":"2026-11-20T10:11:12.123Z","level":"error","logger":"daemon.errnos","message":"…"}

Line breaks inside an event (of a traceback, say) are written as \n. Keyword values given as
`extra={"fields": {...}}` follow the message as key=value, and are members in JSON.
"""

import logging
import os
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import msgspec

LOG_FILE: Final = "daemon.log"
LOG_BYTES_MAX: Final = 8 << 20  # then the file is renamed to daemon.log.1 and begun again
STANDARD_DESCRIPTORS: Final = (1, 2)

_encode_json = msgspec.json.Encoder().encode


def configure_logging(
    level: str, form: str, file: Path | None = None, *, redirect: bool = False
) -> "ErrorCounter":
    """Send all events of this process to standard error, or to a file (see RollingLog)."""
    handler: logging.Handler = (
        logging.StreamHandler() if file is None else RollingLog(file, redirect=redirect)
    )
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
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


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner may read: events name users' files."""
    return os.open(path, flags, 0o600)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _level(record: logging.LogRecord) -> str:
    return record.levelname.lower()


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, dict) else {}


def _printable(text: str) -> str:
    r"""Text that any encoder takes: bytes of names that are not UTF-8 become \xNN."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
