"""An attribute by which a folder says how it wants what is in it: stored, and checked when set."""

from collections.abc import Callable

from fsmodel.change import Changes
from fsmodel.errors import NoSuchAttribute, NotSupported
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import is_directory, require_unlocked
from fsmodel.namespace.namespace import Namespace


class FolderAttribute:
    """One such attribute of all directories. Owner: the thread that owns the index."""

    def __init__(
        self,
        changes: Changes,
        namespace: Namespace,
        name: bytes,
        check: Callable[[bytes], object],
        subject: str,
    ) -> None:
        """`check` raises InvalidArgument for what it cannot say; `subject` is what it is about."""
        self._changes = changes
        self._namespace = namespace
        self._name = name
        self._check = check
        self._subject = subject

    def text(self, inode: InodeId) -> bytes:
        """What a directory itself says. Raises NoSuchAttribute."""
        record = self._namespace.record(inode)
        text = self._namespace.xattrs.find(inode, record, self._name)
        if text is None:
            raise self._lacking(inode)
        return text

    def set(self, inode: InodeId, text: bytes | None) -> None:
        """Let a directory say something else, or no longer anything.

        Raises InvalidArgument, NotSupported for what is no directory, NotPermitted if locked,
        NoSuchAttribute when there is nothing to remove.
        """
        xattrs = self._namespace.xattrs
        with self._changes.begin() as change:
            record = change.edit(inode)
            if not is_directory(record):
                raise NotSupported(f"inode {inode} is no directory: set it on the one above")
            require_unlocked(inode, record)
            record.ctime_ns = change.now_ns
            if text is not None:
                self._check(text)
                xattrs.put(change, inode, self._name, text)
            elif not xattrs.discard(change, inode, self._name):
                raise self._lacking(inode)

    def _lacking(self, inode: InodeId) -> NoSuchAttribute:
        return NoSuchAttribute(f"inode {inode} says nothing about {self._subject}")
