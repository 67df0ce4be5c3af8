"""A run as data: what was measured, on what, with which settings."""

from collections.abc import Iterable
from statistics import median

import msgspec

from bench.kept_json import KeptResult
from bench.workload import MIB, Sizes, Unit


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One workload on one system in one round.

    The daemon's CPU time counts until it is quiet again; it and the memory are None where there
    is no daemon.
    """

    round: int
    system: str
    workload: str
    amount: int
    seconds: float
    client_cpu_seconds: float
    daemon_cpu_seconds: float | None
    daemon_resident_bytes: int | None


class WorkloadInfo(msgspec.Struct, frozen=True):
    """What a reader of the data has to know of a workload."""

    name: str
    title: str
    unit: Unit


class Run(KeptResult, frozen=True, kw_only=True):
    """Everything one run of the bench found."""

    suite: str = "speeds"
    rounds: int
    sizes: Sizes
    workloads: list[WorkloadInfo]
    measurements: list[Measurement]

    def systems(self) -> list[str]:
        """The systems measured, in the order of the first round."""
        return list(dict.fromkeys(found.system for found in self.measurements))

    def of(self, workload: str, system: str) -> list[Measurement]:
        """The measurements of a workload on a system, by round."""
        found = (
            one for one in self.measurements if (one.workload, one.system) == (workload, system)
        )
        return sorted(found, key=lambda one: one.round)


def rate(measurement: Measurement, unit: Unit) -> float:
    """How much per second, in the workload's unit."""
    scale = MIB if unit is Unit.BYTES else 1
    return measurement.amount / scale / measurement.seconds


def ratios(run: Run, workload: str, system: str, base: str) -> list[float]:
    """How fast one system was beside another, round by round.

    Within a round the two ran one after the other, so that what else the machine did cancels out.
    """
    mine = {one.round: one.amount / one.seconds for one in run.of(workload, system)}
    others = {one.round: one.amount / one.seconds for one in run.of(workload, base)}
    return [mine[number] / others[number] for number in sorted(mine.keys() & others.keys())]


def median_or_none(values: Iterable[float | None]) -> float | None:
    """The median of what is known."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
