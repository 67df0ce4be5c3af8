"""What a soak has shown: how long things took, for whom, and what the daemon needed meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

MEMORY_GROWTH_MAX: Final = 1.25  # from the median of the first half to that of the second
MEMORY_SLACK_BYTES: Final = 48 << 20  # caches that are still being filled
DESCRIPTORS_SLACK: Final = 32
STARVED_SHARE: Final = 8  # whoever did less than such a part of what the median client did


@dataclass(frozen=True, slots=True)
class Sample:
    """What the daemon needed at some moment."""

    second: float
    own_bytes: int  # of memory: not files it has mapped
    descriptors: int


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls of one kind took, in milliseconds."""

    count: int
    p50: float
    p99: float
    longest: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The whole of it, as it is printed."""

    seed: int
    seconds: float
    load: float  # of the machine in the last minute, at the end
    operations: int
    kinds: dict[str, Latency]
    clients: list[Latency]  # each client, all kinds but commands
    samples: list[Sample]  # some of them, in order
    first: Sample  # medians of the two halves
    second: Sample

    def require_fair(self) -> None:
        """Nobody starved. Raises AssertionError."""
        usual = median(client.count for client in self.clients)
        for number, client in enumerate(self.clients):
            assert client.count * STARVED_SHARE >= usual, (
                f"client {number} starved: {client.count} operations, others {usual:.0f}"
            )

    def require_flat(self) -> None:
        """The daemon needs no more than before; says nothing of a run that only fills caches.

        Raises AssertionError.
        """
        allowed = self.first.own_bytes * MEMORY_GROWTH_MAX + MEMORY_SLACK_BYTES
        assert self.second.own_bytes <= allowed, (
            f"memory grows: {self.first.own_bytes} and then {self.second.own_bytes} bytes"
        )
        assert self.second.descriptors <= self.first.descriptors + DESCRIPTORS_SLACK, (
            f"descriptors grow: {self.first.descriptors} and then {self.second.descriptors}"
        )


def latency_of(microseconds: Sequence[int]) -> Latency:
    """The figures of some calls, of which there is at least one."""
    ordered = sorted(microseconds)
    p99 = ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)]
    return Latency(len(ordered), ordered[len(ordered) // 2] / 1000, p99 / 1000, ordered[-1] / 1000)


def by_kind(clients: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Latency]:
    """Each kind of work, of all clients."""
    kinds = sorted({kind for client in clients for kind in client})
    return {
        kind: latency_of([took for client in clients for took in client.get(kind, ())])
        for kind in kinds
    }


def halves(samples: Sequence[Sample]) -> tuple[Sample, Sample]:
    """The medians of the first and the second half of some samples, of which there are two."""
    middle = len(samples) // 2
    first, second = (
        Sample(
            half[0].second,
            int(median(each.own_bytes for each in half)),
            int(median(each.descriptors for each in half)),
        )
        for half in (samples[:middle], samples[middle:])
    )
    return first, second
