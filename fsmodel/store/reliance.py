"""Objects that somebody counts on before anything names them.

A write that finds its bytes stored already stores nothing and names what it found a little later.
In between only this says that the object is wanted: GC leaves alone whatever is relied upon.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fsmodel.ids import ObjectId


class Reliance:
    """What is relied upon now, counted. Owner: the thread that owns the index."""

    def __init__(self) -> None:
        self._counted: Counter[ObjectId] = Counter()

    @contextmanager
    def on(self, objects: Iterable[ObjectId]) -> Iterator[None]:
        """Keep objects until the block ends, whether they are stored yet or not."""
        held = list(objects)
        self._counted.update(held)
        try:
            yield
        finally:
            for each in held:
                self._counted[each] -= 1
                if not self._counted[each]:
                    del self._counted[each]

    def __iter__(self) -> Iterator[ObjectId]:
        return iter(tuple(self._counted))
