"""What the modules of this package work with."""

from dataclasses import dataclass

from fsmodel.change import Changes
from fsmodel.content.contents import Contents
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.namespace import Namespace
from fsmodel.store.objects import ObjectStore
from fsmodel.versions.policy import VersionPolicies
from fsmodel.versions.version_folders import VersionFolders
from fsmodel.versions.version_rows import VersionRows
from lmdb_index.index import Index


@dataclass(frozen=True, slots=True)
class VersionParts:
    """Parts of an open volume, and of what it knows about versions."""

    index: Index
    inodes: InodeTable
    changes: Changes
    objects: ObjectStore
    contents: Contents
    namespace: Namespace
    folders: VersionFolders
    rows: VersionRows
    policies: VersionPolicies
