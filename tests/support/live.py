"""Made-up looks at a daemon, for what is made of them."""

from daemon.live_figures import LiveTotals, OperationTotals
from daemon.metric_catalogue import FLAT
from daemon.operation_tallies import CLASSES


def operation(*ended: int, errors: int = 0, waiting: int = 0) -> OperationTotals:
    """Requests that took at most 2 ** N nanoseconds each, N as given."""
    classes = [0] * CLASSES
    for exponent in ended:
        classes[exponent] += 1
    total_ns = sum(1 << exponent for exponent in ended)
    return OperationTotals(len(ended) + waiting, total_ns, errors, tuple(classes))


def totals(at: float, kinds: dict[str, OperationTotals], **figures: float) -> LiveTotals:
    """A look at some second; figures that are not given are 0."""
    every = {metric.key: figures.get(metric.key, 0) for metric in FLAT}
    assert figures.keys() <= every.keys()
    return LiveTotals(at, "/store", "/mount", "0", "", every, kinds)
