"""The daemon's figures: as Prometheus reads them, and as a line of a history."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from daemon.live_figures import LiveTotals, OperationTotals
from daemon.metric_catalogue import FLAT
from daemon.operation_tallies import Tallies
from daemon.process_figures import process_figures
from daemon.prometheus_text import Figures
from daemon.status_report import StatusReport
from fsmodel.volume import Volume


class Observed(Protocol):
    """What figures are made from: a volume being served."""

    @property
    def volume(self) -> Volume:
        """The volume."""
        ...

    @property
    def tallies(self) -> Tallies:
        """The kernel's requests."""
        ...

    @property
    def checkpoint_age_seconds(self) -> float:
        """Since the last checkpoint, or since serving began."""
        ...

    @property
    def checkpoint_problem(self) -> str | None:
        """Why the last checkpoint failed; None if it did not."""
        ...

    def status(self) -> StatusReport:
        """How it does."""
        ...


def gather(service: Observed) -> Figures:
    """All figures of this moment, by key, in the order of the catalogue. Raises BackendError."""
    status = service.status()
    inner = asdict(service.volume.inner_figures())
    known: Figures = {
        **asdict(service.volume.statistics()),
        **_flow(service.tallies),
        **process_figures(),
        **inner,
        "archived_bytes": service.volume.archived_bytes,
        "open_files": status.open_files or 0,
        "dirty_bytes": status.dirty_bytes or 0,
        "errors": status.errors or 0,
        "uptime_seconds": status.uptime_seconds or 0,
        "read_only": int(bool(status.read_only)),
        "checkpoint_age_seconds": service.checkpoint_age_seconds,
        "checkpoint_failing": int(service.checkpoint_problem is not None),
        "long_work_running": int(bool(inner["long_work"])),
    }
    return {metric.key: known[metric.key] for metric in FLAT}


def live_totals(service: Observed) -> LiveTotals:
    """The same for whoever makes rates of them, with each kind of request. Raises BackendError."""
    status = service.status()
    return LiveTotals(
        monotonic_seconds=time.monotonic(),
        store=status.store,
        mountpoint=status.mountpoint or "",
        version=status.version,
        long_work=service.volume.inner_figures().long_work,
        figures=gather(service),
        operations={
            name: OperationTotals(
                tally.started, tally.total_ns, tally.errors.total(), tuple(tally.classes)
            )
            for name, tally in service.tallies.items()
            if tally.started
        },
    )


def history_line(figures: Figures, now: datetime) -> bytes:
    """The figures as one line of JSON, with the time in UTC."""
    stamped = {"time": now.astimezone(UTC).isoformat(timespec="seconds"), **figures}
    return msgspec.json.encode(stamped) + b"\n"


def trigger(figures: Figures) -> tuple[int | float, ...]:
    """What changes when somebody uses the volume, but not when figures are written."""
    used = ("files", "directories", "symlinks", "versions", "logical_bytes", "open_files", "errors")
    return tuple(figures[name] for name in used)


def _flow(tallies: Tallies) -> Figures:
    started = sum(tally.started for tally in tallies.values())
    return {
        "operations": started,
        "operations_in_flight": started - sum(tally.ended for tally in tallies.values()),
        "read_bytes": tallies["read"].bytes,
        "written_bytes": tallies["write"].bytes,
    }
