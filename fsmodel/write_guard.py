"""Whether a volume may be written to now: what every change asks first, new data also for room."""

from fsmodel.durability import Durability
from fsmodel.errors import ReadOnly
from fsmodel.store.space import HostSpace


class WriteGuard:
    """Refuses changes of a read-only volume, and such as need room that is not there.

    A volume whose disk has failed is read-only until it is opened again: what was accepted from
    then on could not be made durable.
    """

    def __init__(self, space: HostSpace, durability: Durability, *, read_only: bool) -> None:
        """`read_only`: whoever opened the volume wants it so."""
        self._space = space
        self._durability = durability
        self._read_only = read_only

    @property
    def read_only(self) -> bool:
        """Whether every change is refused."""
        return self._read_only or self._durability.failure is not None

    def require_writable(self) -> None:
        """Raises ReadOnly."""
        if self._read_only:
            raise ReadOnly("the volume is mounted read-only")
        failure = self._durability.failure
        if failure is not None:
            raise ReadOnly(f"no change is accepted any more: {failure}")

    def require_room(self, size_bytes: int = 0) -> None:
        """Raises ReadOnly, NoSpace."""
        self.require_writable()
        self._space.require(size_bytes)
