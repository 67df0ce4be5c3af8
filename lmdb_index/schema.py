"""Every table: key, value, invariant. The reference for stored metadata.

A stored value is a checksum over table number, key and what follows, the table's version, and the
MessagePack record (values.py). So a flipped bit or a row under a wrong key is noticed when it is
read. Numbers of tables stand in journal records: one is never used again for another table.
"""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from lmdb_index.block_keys import KeyForm
from lmdb_index.records import (
    DamagedRecord,
    DigestRecord,
    DirentOrderRecord,
    DirentRecord,
    ExtentRecord,
    IndexedRecord,
    InodeRecord,
    JobRecord,
    ObjectRecord,
    PackRecord,
    RawRecord,
    ScrubRecord,
    SnapshotRecord,
    UserIndexRecord,
)

Record = TypeVar("Record", bound=msgspec.Struct)


@dataclass(frozen=True, eq=False, slots=True)
class Table(Generic[Record]):
    """One LMDB database: its number in journal records, its name, its value's type and version."""

    number: int
    name: bytes
    record: type[Record]
    version: int = 1
    packed_keys: KeyForm | None = None  # of its blocks of packed rows; None: it has none


SCHEMA_VERSION: Final = 2  # raised by each migration of these tables; a greater one is refused

# packed: blocks of packed rows of the tables that have `packed_keys` (packed.py). No table, as no
# operation changes it: it has no number.
#   key  number of the table, key of the block's last row      value  block_format.py
#   key  zero                       value  how many rows of tables count by being packed (packed.py)
PACKED: Final = b"packed"
PACKED_DATABASE: Final = 0  # stands for it where databases have numbers

# meta: the index's own state.
#   key    text       value  raw bytes
#   "schema"   SCHEMA_VERSION of the cairnfs that wrote the index, u64
#   "migrating" number of the migration that was begun, up or down, and has not ended, u64
#   "store"    uuid of the store the index belongs to
#   "applied"  sequence number of the last operation the last commit contains, u64
#   "counters" all counters at that moment (MessagePack map)
#   "root"    id of the root object that was written last (fsmodel/history/roots.py)
META: Final = Table(1, b"meta", RawRecord)

# inode: one row for each filesystem object, the root being number 1.
#   key  inode number      value  InodeRecord
#   A number is never used again. Every row is reachable from the root, or in `orphan`.
INODE: Final = Table(2, b"inode", InodeRecord, packed_keys=KeyForm.COUNTED)

# dirent: the names of a directory.
#   key  directory, name   value  DirentRecord
DIRENT: Final = Table(3, b"dirent", DirentRecord, packed_keys=KeyForm.LISTED)

# dirent_order: the same entries in the order they are listed in.
#   key  directory, cookie value  DirentOrderRecord
#   Exactly one row for each dirent row. A cookie never changes while its entry lives and is never
#   given out again, so that a listing stays correct while entries come and go.
DIRENT_ORDER: Final = Table(4, b"dirent_order", DirentOrderRecord, packed_keys=KeyForm.LISTED)

# link: names of an inode beyond the one its own row remembers (parent, cookie).
#   key  inode, directory, cookie      value  nothing
#   A non-directory has nlink - 1 rows here.
LINK: Final = Table(5, b"link", RawRecord, packed_keys=KeyForm.LISTED)

# xattr: extended attributes, access control lists among them.
#   key  inode, name       value  the attribute's bytes
XATTR: Final = Table(6, b"xattr", RawRecord, packed_keys=KeyForm.LISTED)

# extent: bytes that are durable but not yet part of a file's content.
#   key  inode, sequence   value  ExtentRecord
EXTENT: Final = Table(7, b"extent", ExtentRecord)

# object: one row for each immutable object in the packs that is known, groups left out.
#   key  object id         value  ObjectRecord
#   References equal the number of inode contents, manifest slots, tree entries, roots, versions,
#   snapshots and delta children that name it: fsck counts them again.
OBJECT: Final = Table(8, b"object", ObjectRecord, packed_keys=KeyForm.FIXED)

# unreferenced: objects that nothing names; they stay until GC, so a new write can revive them.
#   key  object id         value  nothing
#   Exactly the objects whose row says references == 0.
UNREFERENCED: Final = Table(9, b"unreferenced", RawRecord)

# pack: one row for each pack file.
#   key  pack number       value  PackRecord
PACK: Final = Table(10, b"pack", PackRecord)

# orphan: inodes without a name that a process still holds open; emptied at mount.
#   key  inode number      value  nothing
ORPHAN: Final = Table(11, b"orphan", RawRecord)

# unsettled: regular files whose content ref does not name all their bytes (see InodeRecord).
#   key  inode number      value  nothing
UNSETTLED: Final = Table(12, b"unsettled", RawRecord)

# digest: whole-file hashes, so that each content is hashed once however many files have it.
#   key  content ref       value  DigestRecord
#   A cache: a row may be missing, and goes when GC removes the object its ref names.
DIGEST: Final = Table(13, b"digest", DigestRecord)

# sketch: what recent chunks resemble, so that similar ones are found (fsmodel/store/similarity.py).
#   key  block number, rising          value  the sketches of up to 96 chunks
#   A hint: any row may be missing, and what a sketch speaks of may be gone.
SKETCH: Final = Table(14, b"sketch", RawRecord)

# damaged: objects that scrub could not read; a write of the same bytes stores them again.
#   key  object id         value  DamagedRecord
#   Each has an object row. The row goes when the object is stored again or removed, or when a
#   later scrub can read it.
DAMAGED: Final = Table(15, b"damaged", DamagedRecord)

# scrub: how far the last scrub has come.
#   key  b"progress"       value  ScrubRecord
SCRUB: Final = Table(16, b"scrub", ScrubRecord)

# snapshot: the root of each named snapshot.
#   key  name              value  SnapshotRecord
#   Each counts as a reference to its root. The next root lists them (fsmodel/history/snapshots.py).
SNAPSHOT: Final = Table(19, b"snapshot", SnapshotRecord)

# sha256: which content has this SHA-256.
#   key  SHA-256           value  content ref
#   Exactly one row for each row of `digest`, made and removed with it.
SHA256: Final = Table(17, b"sha256", RawRecord)

# artifact: what the series have made, by address (fsmodel/series/artifacts.py).
#   key  folder of the series' output, address NUL kind folder NUL extension      value  nothing
#   Exactly one row for each name in a kind folder that has an extension and no leading dot.
ARTIFACT: Final = Table(18, b"artifact", RawRecord)

# user_index: how far each user-defined index is (fsmodel/indexes/).
#   key  inode that holds its definition      value  UserIndexRecord
#   A definition without a row is to be built; a row without a definition is to be emptied.
USER_INDEX: Final = Table(20, b"user_index", UserIndexRecord)

# index_entry: user-defined indexes, in the order of the values.
#   key  index, value key, inode       value  the values as JSON; nothing if that is long
#   Exactly the entries that the shown rows of `indexed` list.
INDEX_ENTRY: Final = Table(21, b"index_entry", RawRecord)

# indexed: what each document has in each user-defined index.
#   key  index, inode      value  IndexedRecord
#   A row for each document the index is about, once that has been looked at.
INDEXED: Final = Table(22, b"indexed", IndexedRecord)

# job: long work that has not ended, to be gone on with after a crash (fsmodel/jobs.py).
#   key  number, rising    value  JobRecord
JOB: Final = Table(23, b"job", JobRecord)

# untried: packs with chunks that nobody has tried to compress (fsmodel/store/untried.py).
#   key  pack number       value  nothing
#   A row may speak of a pack that has none any more, or that is gone: then it means nothing.
UNTRIED: Final = Table(24, b"untried", RawRecord)

TABLES: Final[tuple[Table[msgspec.Struct], ...]] = (
    META,
    INODE,
    DIRENT,
    DIRENT_ORDER,
    LINK,
    XATTR,
    EXTENT,
    OBJECT,
    UNREFERENCED,
    PACK,
    ORPHAN,
    UNSETTLED,
    DIGEST,
    SKETCH,
    DAMAGED,
    SCRUB,
    SNAPSHOT,
    SHA256,
    ARTIFACT,
    USER_INDEX,
    INDEX_ENTRY,
    INDEXED,
    JOB,
    UNTRIED,
)  # type: ignore[assignment]  # a tuple of tables of several record types
