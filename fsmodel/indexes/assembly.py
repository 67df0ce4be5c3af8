"""Puts together what user-defined indexes are made of."""

from collections.abc import Callable

from fsmodel.change import Changes
from fsmodel.content.whole import WholeContents
from fsmodel.ids import InodeId
from fsmodel.indexes.building import Building
from fsmodel.indexes.catalogue import Catalogue
from fsmodel.indexes.indexes import Indexes
from fsmodel.indexes.keeper import IndexKeeper
from fsmodel.indexes.queries import Queries
from fsmodel.indexes.reading import DocumentReader
from fsmodel.indexes.verifying import Verifying
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.namespace import Namespace
from lmdb_index.index import Index


def assemble_indexes(
    index: Index,
    inodes: InodeTable,
    changes: Changes,
    namespace: Namespace,
    whole: WholeContents,
    is_open: Callable[[InodeId], bool],
) -> Indexes:
    """The indexes of a volume; they are told of every name and every change from now on."""
    reader, catalogue = DocumentReader(whole), Catalogue(index, inodes, changes, namespace)
    directories, paths_of = namespace.directories, namespace.paths_of
    keeper = IndexKeeper(index, inodes, changes, catalogue, reader, is_open, directories.watcher)
    directories.watcher = keeper
    return Indexes(
        index,
        inodes,
        changes,
        catalogue,
        Building(index, changes, catalogue, keeper, reader, paths_of),
        Queries(index, paths_of),
        Verifying(index, changes, catalogue, reader, paths_of),
        reader,
    )
