"""`report`: what the page of `cairnfs report` is made from."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from daemon import __version__
from daemon.control_commands.command import Context, NoArguments, VolumeCommand
from daemon.control_protocol import Progress
from daemon.status_report import printable_path
from fsmodel.optimizer.breakdown import Share
from fsmodel.steps import Steps

POINTS_MAX: Final = 400  # of the history; of more, every second, third and so on is left out
PLOTTED: Final = ("logical_bytes", "version_bytes", "unique_bytes", "stored_bytes")

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def report_document(context: Context, arguments: NoArguments) -> Steps[object]:
    """Figures of now, their history, and who takes how much."""
    volume = context.volume
    context.report(Progress(0, 0, "reading the history"))
    history = history_points((yield from volume.metrics_history()))
    context.report(Progress(0, 0, "going through all files"))
    found = yield from volume.break_down()
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "store": printable_path(volume.store),
        "version": __version__,
        "figures": asdict(volume.statistics()),
        "history": history,
        "folders": [_share(share) for share in found.folders],
        "kinds": [_share(share) for share in found.kinds],
        "days": [asdict(day) for day in found.days],
        "counted_one_chunk_in": found.one_in,
    }


def history_points(lines: bytes) -> list[dict[str, Any]]:
    """What can be plotted of a history, in the order of time.

    It lies where users can write: lines that make no sense are left out.
    """
    points = sorted(filter(None, map(_point, lines.splitlines())), key=lambda point: point["time"])
    step = -(-len(points) // POINTS_MAX) or 1
    return points[::-1][::step][::-1]  # the last one stays


def _point(line: bytes) -> dict[str, Any] | None:
    try:
        found = _decode(line)
        time = datetime.fromisoformat(found["time"]).astimezone(UTC)
        point: dict[str, Any] = {"time": time.isoformat(timespec="seconds")}
        for key in PLOTTED:
            value = found[key]
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
                return None
            point[key] = value
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    return point


def _share(share: Share) -> dict[str, Any]:
    return {**asdict(share), "name": printable_path(share.name)}


REPORT: Final = VolumeCommand("report", NoArguments, report_document)
