"""Changes that did not come from where they are going to be seen.

Whoever keeps names and attributes in a cache of his own, as the kernel does for a mount, knows of
the changes he has asked for himself. Of all others he is told here.
"""

from collections.abc import Callable

from fsmodel.ids import InodeId

EntryChanged = Callable[[InodeId, bytes], None]  # told the directory and the name
DirectoryChanged = Callable[[InodeId], None]


def _nobody_is_told(directory: InodeId) -> None:
    """Until somebody wants to know."""


class OutsideChanges:
    """Passes on that a name stands for something else now. Owner: the index's thread."""

    def __init__(self) -> None:
        self._listeners: list[EntryChanged] = []
        self.directory_changed: DirectoryChanged = _nobody_is_told  # in its own attributes

    def listen(self, listener: EntryChanged) -> None:
        """Be told the directory and the name, each time, when the change is certain."""
        self._listeners.append(listener)

    def tell(self, directory: InodeId, name: bytes) -> None:
        """A name has appeared, has gone, or stands for another inode."""
        for listener in self._listeners:
            listener(directory, name)
