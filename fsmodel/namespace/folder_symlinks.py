"""The attribute by which a folder says whether links in it are contained (contained_links.py)."""

from fsmodel.change import Changes
from fsmodel.errors import InvalidArgument, NoSuchAttribute, NotSupported
from fsmodel.ids import InodeId
from fsmodel.namespace.contained_links import CONTAINED, FREE, SYMLINKS
from fsmodel.namespace.inodes import is_directory, require_unlocked
from fsmodel.namespace.namespace import Namespace


class FolderSymlinks:
    """The attribute of directories. Owner: the thread that owns the index."""

    def __init__(self, changes: Changes, namespace: Namespace) -> None:
        self._changes = changes
        self._namespace = namespace

    def text(self, inode: InodeId) -> bytes:
        """What a directory itself says. Raises NoSuchAttribute."""
        record = self._namespace.record(inode)
        text = self._namespace.xattrs.find(inode, record, SYMLINKS)
        if text is None:
            raise NoSuchAttribute(f"inode {inode} says nothing about symbolic links")
        return text

    def set(self, inode: InodeId, text: bytes | None) -> None:
        """Let a directory say where links in it may lead, or no longer say it.

        Links that are there stay as they are. Raises InvalidArgument, NotSupported for what is no
        directory, NotPermitted if locked, NoSuchAttribute when there is nothing to remove.
        """
        if text not in (None, CONTAINED, FREE):
            raise InvalidArgument(f"symlinks {text!r}: say contained or free")
        xattrs = self._namespace.xattrs
        with self._changes.begin() as change:
            record = change.edit(inode)
            if not is_directory(record):
                raise NotSupported(f"inode {inode} is no directory: set it on the one above")
            require_unlocked(inode, record)
            record.ctime_ns = change.now_ns
            if text is not None:
                xattrs.put(change, inode, SYMLINKS, text)
            elif not xattrs.discard(change, inode, SYMLINKS):
                raise NoSuchAttribute(f"inode {inode} says nothing about symbolic links")
