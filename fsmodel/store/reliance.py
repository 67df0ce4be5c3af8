"""Objects that somebody counts on before anything names them.

A write that finds its bytes stored already stores nothing and names what it found a little later.
In between only this says that the object is wanted: GC leaves alone whatever is relied upon.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from fsmodel.ids import ObjectId


class Relied:
    """Objects that are relied upon while its block runs."""

    __slots__ = ("_counted", "_held")

    def __init__(self, counted: Counter[ObjectId], held: list[ObjectId]) -> None:
        self._counted = counted
        self._held = held

    def __enter__(self) -> None:
        self._counted.update(self._held)

    def __exit__(self, *_: object) -> None:
        counted = self._counted
        for each in self._held:
            count = counted.pop(each) - 1
            if count:
                counted[each] = count


class Reliance:
    """What is relied upon now, counted. Owner: the thread that owns the index."""

    def __init__(self) -> None:
        self._counted: Counter[ObjectId] = Counter()

    def on(self, objects: Iterable[ObjectId]) -> "Relied":
        """A context manager: keeps objects until its block ends, stored yet or not."""
        return Relied(self._counted, list(objects))

    def __iter__(self) -> Iterator[ObjectId]:
        return iter(tuple(self._counted))
