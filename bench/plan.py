"""Every workload, in suites, and there in the order of a round."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from bench.applications.databases import POSTGRESQL, SQLITE, can_run_postgresql
from bench.applications.programs import BUILDS
from bench.applications.trees import TREES as APPLICATION_TREES
from bench.fio_workloads import FIO
from bench.stream_workloads import RANDOM_ACCESS, STREAMS
from bench.tree_workloads import TREES
from bench.variants.workloads import VARIANT_WORKLOADS
from bench.workload import Caches, Workload

SPEEDS, APPLICATIONS, FIO_JOBS, VARIANTS = "speeds", "applications", "fio", "variants"
SUITES: Mapping[str, tuple[Workload, ...]] = MappingProxyType(
    {
        SPEEDS: (*STREAMS, *RANDOM_ACCESS, *TREES),
        APPLICATIONS: (*APPLICATION_TREES, *BUILDS, *SQLITE, *POSTGRESQL),
        FIO_JOBS: FIO,
        VARIANTS: VARIANT_WORKLOADS,
    }
)
_BY_NAME = {workload.name: workload for suite in SUITES.values() for workload in suite}


def workload_named(name: str) -> Workload:
    """The workload of that name. Raises KeyError."""
    return _BY_NAME[name]


def choose(
    wanted: Collection[str], *, can_drop_caches: bool, suite: str = SPEEDS
) -> list[Workload]:
    """The workloads of a suite whose names contain one of the texts, and those they build on.

    All of them when no text is given. Those that need cold caches are left out where the host's
    cannot be dropped, and those that run commands where these are not installed.
    """
    workloads = [workload for workload in SUITES[suite] if not lacking(workload)]
    chosen = {
        workload.name
        for workload in workloads
        if (not wanted or any(text in workload.name for text in wanted))
        and (can_drop_caches or workload.caches is not Caches.COLD)
    }
    needed = {name for workload in workloads if workload.name in chosen for name in workload.needs}
    return [workload for workload in workloads if workload.name in chosen | needed]


def lacking(workload: Workload) -> list[str]:
    """What has to be installed before a workload can run."""
    if workload in POSTGRESQL and not can_run_postgresql():
        return ["PostgreSQL, and root who runs it as another user"]
    return workload.missing_tools()
