"""The strategies by name, in the order in which one helps the next."""

from enum import StrEnum


class StrategyName(StrEnum):
    """What an optimization can do, in the order in which it is done."""

    DEDUPLICATION = "deduplication"
    DELTA = "delta"
    COMPRESSION = "compression"
    ARCHIVAL = "archival"
    CACHING = "caching"
    REPACKING = "repacking"
    GC = "gc"


def in_order(names: list[StrategyName]) -> list[StrategyName]:
    """The strategies that were asked for, each once; all when none was."""
    return [name for name in StrategyName if name in names or not names]
