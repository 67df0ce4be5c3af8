"""A user who does something at random to a tree, as a seed decides."""

import random
import stat
from contextlib import suppress

from fsmodel.errors import Refused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import run_inline
from lmdb_index.keys import number_of
from lmdb_index.records import InodeFlag
from lmdb_index.schema import INODE
from tests.support.filled_tree import write_file
from tests.support.volume_store import USER, VolumeStore, random_bytes

NAMES = [b"a", b"b", b"c", b"\xff"]


class RandomUser:
    """Does something at random, as a seed decides; what is refused is passed over."""

    def __init__(self, store: VolumeStore, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)

    def inode(self, *, directory: bool) -> InodeId:
        """Some inode that has a name which users see."""
        rows = self.store.volume._parts.index.scan(INODE)
        found = [
            InodeId(number_of(key))
            for key, record in rows
            if stat.S_ISDIR(record.mode) == directory and record.nlink
            if not record.flags & InodeFlag.HIDDEN
        ]
        return self.random.choice(found) if found else ROOT_INODE

    def step(self) -> None:
        draw, volume = self.random, self.store.volume
        directory, name = self.inode(directory=True), draw.choice(NAMES)
        with suppress(Refused):
            match draw.randrange(12):
                case 0 | 1:
                    volume.make_directory(directory, name, draw.randrange(0o1000), USER)
                case 2 | 3:
                    mode = draw.choice([stat.S_IFREG, stat.S_IFREG, stat.S_IFIFO]) | 0o644
                    volume.make_node(directory, name, mode, 0, USER)
                case 4:
                    size = draw.choice([0, 10, 100_000])
                    write_file(volume, self.inode(directory=False), random_bytes(size, size))
                case 5:
                    volume.link(self.inode(directory=False), directory, name)
                case 6:
                    volume.unlink(directory, name)
                case 7:
                    volume.rmdir(directory, name)
                case 8:
                    flags = draw.choice([RenameFlag(0), RenameFlag.EXCHANGE])
                    other = self.inode(directory=True)
                    volume.rename(directory, name, other, draw.choice(NAMES), flags)
                case 9:
                    change = AttributeChange(
                        mode=draw.randrange(0o1000), mtime_ns=draw.randrange(9)
                    )
                    volume.set_attributes(self.inode(directory=draw.random() < 0.5), change)
                case 10:
                    value = random_bytes(name, draw.choice([3, 500]))
                    volume.set_xattr(self.inode(directory=draw.random() < 0.5), b"user.x", value)
                case 11:
                    run_inline(volume.write_root())
