"""The types that name things. Numbers and ids of different kinds cannot be mixed up."""

from typing import Final, NewType

InodeId = NewType("InodeId", int)
PackId = NewType("PackId", int)
ObjectId = NewType("ObjectId", bytes)  # BLAKE3-256 of the plain bytes, never of the stored ones
ContentRef = NewType("ContentRef", bytes)  # what a file holds; see content/content_ref.py

ROOT_INODE: Final = InodeId(1)
OBJECT_ID_BYTES: Final = 32
