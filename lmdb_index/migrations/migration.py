"""What a migration is."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from lmdb_index.index import Index

Steps = Callable[[Index], Iterator[int]]


class Migration(NamedTuple):
    """Leads from the schema below to `number` (up), and from there to the one below (down).

    Both work in operations of some thousand rows and yield after each how many rows they have
    done. Begun on what either has left that was killed, they end as if that had never begun. A
    migration that was released is never changed.
    """

    number: int
    title: str
    up: Steps
    down: Steps
