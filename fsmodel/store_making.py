"""Makes a store: folders, index, first directories, and at last what says that it is one."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from fsmodel.change import Changes
from fsmodel.clock import SystemClock
from fsmodel.content.chunk_limits import CHUNKER, ChunkLimits
from fsmodel.index_border import index_errors_translated
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.names import OrdinaryNames
from fsmodel.namespace.namespace import Namespace
from fsmodel.series.layout import make_structured_folders
from fsmodel.store.format_file import Chunking, StoreFormat, write_format
from fsmodel.store.layout import StoreLayout
from lmdb_index.index import Index

ROOT_MODE: Final = 0o40755


def create_store(folder: Path, *, plain: bool) -> None:
    """Make a store: its folders, format.json, index, root directory, and structured folders.

    A plain store does not have the last ones. format.json is written last, so a folder whose making
    was cut short is no store. Raises StoreExists, NoSpace, BackendError.
    """
    layout = StoreLayout(folder)
    layout.create()
    limits = ChunkLimits()
    chunking = Chunking(CHUNKER, limits.min_size, limits.average, limits.max_size)
    content = StoreFormat(uuid=uuid4(), created=datetime.now(UTC), chunking=chunking)
    with index_errors_translated():
        Index.create(folder, content.uuid.bytes)
        index = Index.open(folder, content.uuid.bytes)
    _make_directories(index, plain=plain)
    with index_errors_translated():
        index.checkpoint()
        index.close()
    write_format(layout, content)


def _make_directories(index: Index, *, plain: bool) -> None:
    inodes = InodeTable(index)
    namespace = Namespace(
        index,
        inodes,
        Changes(index, inodes, SystemClock()),
        is_open=lambda inode: False,
        release_content=lambda change, inode, record: None,
        policy=OrdinaryNames(),
    )
    owner = Creator(os.getuid(), os.getgid())
    namespace.make_root(ROOT_MODE, owner.uid, owner.gid)
    if not plain:
        with namespace.changes.begin() as change:
            make_structured_folders(change, namespace, owner)
