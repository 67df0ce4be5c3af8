"""Where journal segments lie: STORE/journal/<first sequence as 16 hex digits>.wal."""

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

_SEGMENT_NAME: Final = re.compile(r"([0-9a-f]{16})\.wal")
_UNFINISHED_NAME: Final = re.compile(r"[0-9a-f]{16}\.wal\.new")


class SegmentPath(NamedTuple):
    """A segment by its first sequence number, and its file."""

    first_sequence: int
    path: Path


def segment_path(folder: Path, first_sequence: int) -> Path:
    """The file of the segment that begins with a sequence number."""
    return folder / f"{first_sequence:016x}.wal"


def unfinished_path(segment: Path) -> Path:
    """Where a segment is made before it gets its name."""
    return segment.with_name(segment.name + ".new")


def list_segments(folder: Path) -> list[SegmentPath]:
    """The segments that exist, in order; other files are passed over. Raises OSError."""
    matches = filter(None, map(_SEGMENT_NAME.fullmatch, os.listdir(folder)))
    return sorted(SegmentPath(int(match[1], 16), folder / match[0]) for match in matches)


def drop_unfinished(folder: Path) -> None:
    """Delete segments whose making was cut short: nothing was ever in them. Raises OSError."""
    for name in filter(_UNFINISHED_NAME.fullmatch, os.listdir(folder)):
        (folder / name).unlink()


def drop_segments_before(folder: Path, first_sequence: int) -> None:
    """Delete the segments in front of the one with this first sequence number. Raises OSError."""
    for segment in list_segments(folder):
        if segment.first_sequence < first_sequence:
            segment.path.unlink()
