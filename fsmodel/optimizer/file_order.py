"""The chunks that files name, in the order of directories and, in each, of names.

So neighbours here are what was made together and is read together. Directories come in the order
they were made in. A file with several names, and a chunk in several places, comes several times.
"""

from collections.abc import Iterator
from typing import NamedTuple

from fsmodel.content.content_ref import is_manifest, object_of
from fsmodel.content.lineages import extension
from fsmodel.content.manifest import LEAF_LEVEL, level_of, named_objects
from fsmodel.errors import DataError
from fsmodel.ids import InodeId, ObjectId
from fsmodel.namespace.inodes import REGULAR
from fsmodel.optimizer.jobs import LoadObject
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import name_of, number_key, number_of
from lmdb_index.schema import DIRENT, INODE


class NamedFile(NamedTuple):
    """A regular file with content, by one of its names."""

    inode: InodeId
    directory: InodeId
    name: bytes
    content: bytes  # its content ref

    @property
    def extension(self) -> bytes:
        """What kind of file its name says it is."""
        return extension(self.name).lower()


def files_in_order(view: IndexView) -> Iterator[NamedFile]:
    """Every name of every regular file that has content."""
    for key, dirent in view.scan(DIRENT):
        if dirent.kind != REGULAR:
            continue
        record = view.get(INODE, number_key(dirent.inode))
        if record is not None and record.content:
            inode, directory = InodeId(dirent.inode), InodeId(number_of(key))
            yield NamedFile(inode, directory, name_of(key), record.content)


def chunks_of(content: bytes, load: LoadObject) -> Iterator[ObjectId]:
    """The chunks of a content, in order; up to a page that cannot be read, which a scrub tells."""
    named = object_of(content)
    if named is None:
        return
    if not is_manifest(content):
        yield named
        return
    stack = [named]
    while stack:
        try:
            page = load(stack.pop())
            below = named_objects(page)
        except DataError:
            return
        if level_of(page) == LEAF_LEVEL:
            yield from below
        else:
            stack += reversed(below)
