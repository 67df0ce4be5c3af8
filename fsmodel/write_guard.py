"""Whether a volume may be written to now: what every change that is not a deletion asks first."""

from fsmodel.errors import ReadOnly
from fsmodel.store.space import HostSpace


class WriteGuard:
    """Refuses changes of a read-only volume, and such as need room that is not there."""

    def __init__(self, space: HostSpace, *, read_only: bool) -> None:
        self._space = space
        self.read_only = read_only

    def require_writable(self) -> None:
        """Raises ReadOnly."""
        if self.read_only:
            raise ReadOnly("the volume is mounted read-only")

    def require_room(self) -> None:
        """Raises ReadOnly, NoSpace."""
        self.require_writable()
        self._space.require(0)
