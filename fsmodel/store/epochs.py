"""When does nobody hold a place any more that was looked up before a moment?

Whoever looks an object up gets, with its place, the epoch of that moment, and keeps it as long as
he keeps the place: in a generator that waits for a worker, in work that waits for a thread. When
packs are retired a new epoch begins, and their files stay until all earlier epochs are gone. They
go with their last holder, as objects do that nobody refers to; no holder has to say that he is
done, and none can forget to.
"""

from weakref import ref


class Epoch:
    """A stretch of time between two retirements of packs."""

    __slots__ = ("__weakref__",)


class Past:
    """The epochs up to a moment."""

    def __init__(self, epochs: list["ref[Epoch]"]) -> None:
        self._epochs = epochs

    @property
    def over(self) -> bool:
        """Whether nobody holds anything from then."""
        self._epochs = [epoch for epoch in self._epochs if epoch() is not None]
        return not self._epochs


class Epochs:
    """The epochs of one open store. Owner: the thread that owns the index."""

    def __init__(self) -> None:
        self.current = Epoch()
        self._living: list[ref[Epoch]] = []

    def renew(self) -> Past:
        """Begin a new epoch; tells, from then on, whether all earlier ones are over."""
        self._living = [epoch for epoch in self._living if epoch() is not None]
        self._living.append(ref(self.current))
        self.current = Epoch()
        return Past(list(self._living))
