"""How versions are named: in the hidden tree, and where people see them.

In the hidden tree an entry is the file's name, the byte 01, and the microseconds since the epoch
as 14 hexadecimal digits; so the versions of a name stand together, oldest first. A name that is
too long for that is shortened, and stands whole in an attribute of the version.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from fsmodel.encoding.hashing import checksum64
from fsmodel.limits import NAME_BYTES_MAX

STAMP_DIGITS: Final = 14
STAMP_MAX: Final = 253402300799_999999  # the last microsecond of the year 9999
NAME_BYTES_WHOLE_MAX: Final = NAME_BYTES_MAX - STAMP_DIGITS - 1
NAME_ATTRIBUTE: Final = b"cairnfs.name"  # of a version: the name, where an entry has no room for it
_MARK: Final = b"\x01"
_ENTRY: Final = re.compile(rb"(.*)\x01([0-9a-f]{14})", re.DOTALL)
_KEPT_BYTES: Final = 200  # of a name that is shortened
_SHORTENED: Final = re.compile(rb".{200}\x02[0-9a-f]{16}", re.DOTALL)
_TEXT_FORMAT: Final = "%Y-%m-%dT%H-%M-%S.%fZ"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# `.name.Ab12Cd` (rsync), `.#name` and `#name#` (Emacs), `.name.swp` and `4913` (Vim)
_TEMPORARY: Final = re.compile(rb"\..+\.[A-Za-z0-9]{6}|\.#.*|#.+#|\..+\.sw[a-p]|4913", re.DOTALL)
_BACKUP_SUFFIX: Final = b"~"
# `name-journal`, `name-wal`, `name-shm` (SQLite): what the database `name` was, or is going to be
_DATABASE_COMPANION: Final = re.compile(rb"(.+)-(?:journal|wal|shm)", re.DOTALL)


def entry_name(name: bytes, stamp_us: int) -> bytes:
    """The entry of a version of a name."""
    return entry_prefix(name) + b"%014x" % stamp_us


def entry_prefix(name: bytes) -> bytes:
    """What the entries of all versions of a name begin with; those of other names may, too."""
    return stored_name(name) + _MARK


def split_entry(entry: bytes) -> tuple[bytes, int] | None:
    """The name, maybe shortened, and the stamp of an entry; None when it is that of no version."""
    match = _ENTRY.fullmatch(entry)
    return (match[1], int(match[2], 16)) if match else None


def stored_name(name: bytes) -> bytes:
    """A name as entries have it."""
    if len(name) <= NAME_BYTES_WHOLE_MAX:
        return name
    return name[:_KEPT_BYTES] + b"\x02%016x" % checksum64(name)


def may_be_shortened(stored: bytes) -> bool:
    """Whether a name as entries have it may stand for a longer one; the attribute tells."""
    return _SHORTENED.fullmatch(stored) is not None


def stamp_of(time_ns: int) -> int:
    """The stamp of a moment, whatever a clock says."""
    return min(max(time_ns // 1000, 0), STAMP_MAX)


def stamp_text(stamp_us: int) -> bytes:
    """A stamp as people see it: `2026-11-20T10-11-12.123456Z`."""
    return (_EPOCH + timedelta(microseconds=stamp_us)).strftime(_TEXT_FORMAT).zfill(27).encode()


def stamp_from_text(text: bytes) -> int | None:
    """The stamp that a text shows; None when it shows none."""
    try:
        moment = datetime.strptime(text.decode("ascii"), _TEXT_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    stamp = (moment - _EPOCH) // timedelta(microseconds=1)
    return stamp if stamp >= 0 and stamp_text(stamp) == text else None


def is_temporary(name: bytes) -> bool:
    """Whether a file of this name only exists until a program is done with another one."""
    return _TEMPORARY.fullmatch(name) is not None


def backed_up(name: bytes) -> bytes | None:
    """The name of the file that an editor's backup holds a version of; None for other names."""
    return name[: -len(_BACKUP_SUFFIX)] if name.endswith(_BACKUP_SUFFIX) and len(name) > 1 else None


def database_of(name: bytes) -> bytes | None:
    """The database whose rollback journal or log has this name, if it is one; else None."""
    match = _DATABASE_COMPANION.fullmatch(name)
    return match[1] if match else None
