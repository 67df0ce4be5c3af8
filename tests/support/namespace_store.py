"""A namespace on a real index in a folder, with a clock to set and handles to pretend."""

import shutil
from pathlib import Path

from fsmodel.change import Change, Changes
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import AtimeMode, Creator
from fsmodel.namespace.names import NamePolicy, OrdinaryNames
from fsmodel.namespace.namespace import Namespace
from lmdb_index.index import Index
from lmdb_index.records import InodeRecord

UUID = bytes(range(16))
USER = Creator(uid=1000, gid=100)
SECOND_NS = 10**9


class ManualClock:
    """Time stands still until a test advances it."""

    def __init__(self) -> None:
        self._now_ns = 1_700_000_000 * SECOND_NS

    def now_ns(self) -> int:
        return self._now_ns

    def advance(self, seconds: float = 1) -> int:
        """Let time pass and return the new time in nanoseconds."""
        self._now_ns += int(seconds * SECOND_NS)
        return self._now_ns


class NamespaceStore:
    """One store: made, opened, closed and killed as a test wants."""

    def __init__(
        self,
        folder: Path,
        policy: NamePolicy | None = None,
        atime_mode: AtimeMode = AtimeMode.RELATIME,
    ) -> None:
        self.clock = ManualClock()
        self.opened: set[InodeId] = set()
        self.released: list[InodeId] = []
        self._folder = folder
        self._lives = 0
        self._policy = policy or OrdinaryNames()
        self._atime_mode = atime_mode
        self._store = folder / "0"
        self._store.mkdir()
        Index.create(self._store, UUID)
        self._open()
        self.namespace.make_root(0o755, 0, 0)

    def remount(self) -> None:
        """A clean stop and start: nothing is left to replay."""
        self.index.checkpoint()
        self.close()
        self._open()
        self._mount()

    def kill(self) -> None:
        """The process ends without closing anything; what it wrote to its files is there."""
        self._lives += 1
        found = self._folder / str(self._lives)
        shutil.copytree(self._store, found)
        self.close()
        shutil.rmtree(self._store)
        self._store = found
        self._open()
        self._mount()

    def close(self) -> None:
        """Let go of the files."""
        self.index.close()

    def _open(self) -> None:
        self.index = Index.open(self._store, UUID)
        self.inodes = InodeTable(self.index)
        self.changes = Changes(self.index, self.inodes, self.clock)
        self.namespace = Namespace(
            self.index,
            self.inodes,
            self.changes,
            is_open=self.opened.__contains__,
            release_content=self._release,
            policy=self._policy,
            atime_mode=self._atime_mode,
        )

    def _mount(self) -> None:
        self.opened.clear()
        self.namespace.purge_orphans()

    def _release(self, change: Change, inode: InodeId, record: InodeRecord) -> None:
        assert change.inode(inode) is record
        self.released.append(inode)
