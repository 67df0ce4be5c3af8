"""A view to test the framework with: a small tree in memory that can be written.

It takes the place of `.metadata` in every directory, and is listed where the path begins with
`listed`; in `/full` there is one of each kind of node. Run as a program, it is the command line
with that view.
"""

import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fsmodel.errors import (
    AlreadyExists,
    CrossesDevice,
    DirectoryNotEmpty,
    DocumentInvalid,
    IsADirectory,
    NotADirectory,
    NotFound,
)
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import AttributeChange, Creator
from fsmodel.steps import Steps, Work
from fsmodel.views.nodes import ViewAttributes, ViewDirectory, ViewFile, ViewLink
from fsmodel.views.views import Found, ViewProvider
from fsmodel.volume import Volume

VIEW: Final = b".metadata"
LISTED: Final = b"listed"
FORBIDDEN: Final = b"forbidden"  # bytes that no file here may hold
SLOW_NAME: Final = b"slow"  # reading it waits until the file its text names is there
WAIT_SECONDS: Final = 60.0
BIG: Final = 1 << 30  # work of that size is for a thread


class SampleFile(ViewFile):
    """Bytes in memory."""

    def __init__(self, identity: bytes, data: bytes = b"", mode: int = 0o644) -> None:
        super().__init__(identity)
        self.data = bytearray(data)
        self.mode = mode
        self.mtime_ns = 10**18

    def attributes(self) -> Steps[ViewAttributes]:
        mode = stat.S_IFREG | self.mode
        return ViewAttributes(mode, 0, 0, len(self.data), self.mtime_ns, self.mtime_ns)
        yield

    def set_attributes(self, wanted: AttributeChange) -> Steps[None]:
        self.mode = self.mode if wanted.mode is None else wanted.mode & 0o7777
        self.mtime_ns = self.mtime_ns if wanted.mtime_ns is None else wanted.mtime_ns
        return
        yield

    def open(self, *, writing: bool) -> Steps[None]:
        return
        yield

    def read(self, offset: int, size: int) -> Steps[bytes]:
        return bytes(self.data[offset : offset + size])
        yield

    def write(self, offset: int, data: bytes) -> Steps[None]:
        self.data[len(self.data) : offset] = bytes(max(offset - len(self.data), 0))
        self.data[offset : offset + len(data)] = data
        self.mtime_ns += 1
        return
        yield

    def truncate(self, size: int) -> Steps[None]:
        del self.data[size:]
        self.data.extend(bytes(size - len(self.data)))
        return
        yield

    def flush(self) -> Steps[None]:
        if FORBIDDEN in self.data:
            raise DocumentInvalid("forbidden")
        return
        yield


class FixedFile(ViewFile):
    """Bytes that stay the same, so that the kernel may keep them."""

    direct = False
    cache_seconds = 60.0

    def attributes(self) -> Steps[ViewAttributes]:
        return ViewAttributes(stat.S_IFREG | 0o444, 0, 0, 100_000, 10**18, 10**18)
        yield

    def read(self, offset: int, size: int) -> Steps[bytes]:
        return (b"fixed" * 20_000)[offset : offset + size]
        yield


class SlowFile(SampleFile):
    """Reading takes as long as somebody wants."""

    def read(self, offset: int, size: int) -> Steps[bytes]:
        yield Work(self._wait, BIG)
        return bytes(self.data[offset : offset + size])

    def _wait(self) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not Path(bytes(self.data).decode()).exists() and time.monotonic() < end:
            time.sleep(0.01)


class GrowingFile(SampleFile):
    """Longer by a byte and a nanosecond each time somebody asks."""

    def attributes(self) -> Steps[ViewAttributes]:
        self.data += b"g"
        self.mtime_ns += 1
        return (yield from super().attributes())


class SampleLink(ViewLink):
    """Points nowhere in particular."""

    def attributes(self) -> Steps[ViewAttributes]:
        return ViewAttributes(stat.S_IFLNK | 0o777, 0, 0, 6, 10**18, 10**18)
        yield

    def target(self) -> bytes:
        return b"target"


class SampleDirectory(ViewDirectory):
    """A directory in memory."""

    def __init__(self, identity: bytes, parent: InodeId) -> None:
        super().__init__(identity, parent)
        self.found: dict[bytes, Found] = {}

    def attributes(self) -> Steps[ViewAttributes]:
        return ViewAttributes(stat.S_IFDIR | 0o755, 0, 0, len(self.found), 10**18, 10**18, 2)
        yield

    def set_attributes(self, wanted: AttributeChange) -> Steps[None]:
        return  # as copying tools want it
        yield

    def lookup(self, name: bytes) -> Steps[Found]:
        if name not in self.found:
            raise NotFound(f"no entry {name!r}")
        return self.found[name]
        yield

    def entries(self) -> Steps[Sequence[tuple[bytes, Found]]]:
        return sorted(self.found.items())
        yield

    def make_directory(self, name: bytes, mode: int, creator: Creator) -> Steps[ViewDirectory]:
        self._require_free(name)
        made = SampleDirectory(self.identity + b"/" + name, self.inode)
        self.found[name] = made
        return made
        yield

    def create(self, name: bytes, mode: int, creator: Creator) -> Steps[ViewFile]:
        self._require_free(name)
        kind = SlowFile if name == SLOW_NAME else SampleFile
        made = kind(self.identity + b"/" + name, mode=mode & 0o7777)
        self.found[name] = made
        return made
        yield

    def unlink(self, name: bytes) -> Steps[None]:
        if isinstance((yield from self.lookup(name)), ViewDirectory):
            raise IsADirectory(f"{name!r}")
        del self.found[name]

    def rmdir(self, name: bytes) -> Steps[None]:
        found = yield from self.lookup(name)
        if not isinstance(found, SampleDirectory):
            raise NotADirectory(f"{name!r}")
        if found.found:
            raise DirectoryNotEmpty(f"{name!r}")
        del self.found[name]

    def rename(self, name: bytes, directory: ViewDirectory, new_name: bytes) -> Steps[None]:
        found = yield from self.lookup(name)
        if not isinstance(found, SampleFile) or not isinstance(directory, SampleDirectory):
            raise CrossesDevice("only files are renamed here")
        moved = SampleFile(directory.identity + b"/" + new_name, bytes(found.data), found.mode)
        moved.mtime_ns = found.mtime_ns
        directory.found[new_name] = moved
        del self.found[name]

    def _require_free(self, name: bytes) -> None:
        if name in self.found:
            raise AlreadyExists(f"{name!r}")


class SampleProvider(ViewProvider):
    """One tree in memory for each directory that is asked about."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self.trees: dict[InodeId, SampleDirectory] = {}

    def view_in(self, directory: InodeId) -> Steps[ViewDirectory | None]:
        tree = self.trees.get(directory)
        if tree is None:
            tree = self.trees[directory] = SampleDirectory(b"sample/%d" % directory, directory)
        if self._volume.paths_of(directory) == [b"/full"] and not tree.found:
            self._fill(tree)
        return tree
        yield

    def _fill(self, tree: SampleDirectory) -> None:
        tree.found = {
            b"fixed": FixedFile(tree.identity + b"fixed"),
            b"growing": GrowingFile(tree.identity + b"growing"),
            b"link": SampleLink(tree.identity + b"link"),
            b"stored": self._volume.lookup(tree.parent, b"file"),
        }

    def is_listed(self, directory: InodeId) -> bool:
        return any(path.startswith(b"/" + LISTED) for path in self._volume.paths_of(directory))

    def remove(self, directory: InodeId) -> Steps[None]:
        if directory in self.trees and self.trees[directory].found:
            raise DirectoryNotEmpty("the view")
        self.trees.pop(directory, None)
        return
        yield


def install() -> None:
    """Let every volume this process opens have the sample view."""
    former = Volume.__init__

    def with_sample(volume: Volume, *arguments: object) -> None:
        former(volume, *arguments)  # type: ignore[arg-type]
        volume.views.register(VIEW, SampleProvider(volume))

    Volume.__init__ = with_sample  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    from daemon.cli.main import main

    install()
    main()
