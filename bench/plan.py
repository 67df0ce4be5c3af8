"""Every workload, in the order of a round."""

from collections.abc import Collection

from bench.stream_workloads import RANDOM_ACCESS, STREAMS
from bench.tree_workloads import TREES
from bench.workload import Caches, Workload

WORKLOADS: tuple[Workload, ...] = (*STREAMS, *RANDOM_ACCESS, *TREES)


def workload_named(name: str) -> Workload:
    """The workload of that name. Raises KeyError."""
    return {workload.name: workload for workload in WORKLOADS}[name]


def choose(wanted: Collection[str], *, can_drop_caches: bool) -> list[Workload]:
    """The workloads whose names contain one of the texts, and those they build on.

    All of them when no text is given. Those that need cold caches are left out where the host's
    cannot be dropped.
    """
    chosen = {
        workload.name
        for workload in WORKLOADS
        if (not wanted or any(text in workload.name for text in wanted))
        and (can_drop_caches or workload.caches is not Caches.COLD)
    }
    needed = {name for workload in WORKLOADS if workload.name in chosen for name in workload.needs}
    return [workload for workload in WORKLOADS if workload.name in chosen | needed]
