"""`.cairnfs/` in the root: what cairnfs has to say about itself, and contents by their hash."""

import json
import stat
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

from fsmodel.errors import NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.statistics import VolumeStatistics
from fsmodel.steps import Steps
from fsmodel.views.by_hash_view import BY_HASH, ByHashFolder, ContentTools
from fsmodel.views.nodes import ViewAttributes, ViewDirectory, ViewNode
from fsmodel.views.text_file import Text, TextFile
from fsmodel.views.views import ViewProvider

STATS: Final = b"stats.json"

GatherStatistics = Callable[[], VolumeStatistics]
Now = Callable[[], int]  # nanoseconds since the epoch
MakeNode = Callable[[InodeId], ViewNode]  # of an entry, given the folder it lies in


class StatsFile(TextFile):
    """The figures of `cairnfs stats --json`, as of now."""

    def __init__(self, gather: GatherStatistics, now_ns: Now) -> None:
        super().__init__(b"cairnfs/stats.json")
        self._gather = gather
        self._now_ns = now_ns

    def text(self) -> Steps[Text]:
        """Gather them, which costs the same whatever the store holds."""
        figures = json.dumps(asdict(self._gather()), indent=2)
        return Text(figures.encode() + b"\n", self._now_ns())
        yield  # a generator, as its overrides are


class CairnfsFolder(ViewDirectory):
    """The folder itself."""

    def __init__(self, tools: ContentTools, entries: dict[bytes, MakeNode]) -> None:
        super().__init__(b"cairnfs", ROOT_INODE)
        self._tools = tools
        self._entries = entries

    def attributes(self) -> Steps[ViewAttributes]:
        """For everybody."""
        return self._tools.attributes(stat.S_IFDIR | 0o755, len(self._entries))
        yield  # a generator, as its overrides are

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """One of the entries. Raises NotFound."""
        make = self._entries.get(name)
        if make is None:
            raise NotFound(f"no {name!r} in .cairnfs")
        return make(self.inode)
        yield  # a generator, as its overrides are

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """All of them."""
        return [(name, make(self.inode)) for name, make in sorted(self._entries.items())]
        yield  # a generator, as its overrides are


class CairnfsProvider(ViewProvider):
    """Shows the folder in the root, where nothing else has this name."""

    def __init__(self, tools: ContentTools, gather: GatherStatistics, now_ns: Now) -> None:
        self._tools = tools
        self._entries: dict[bytes, MakeNode] = {
            BY_HASH: lambda parent: ByHashFolder(tools, parent),
            STATS: lambda parent: StatsFile(gather, now_ns),
        }

    def add(self, name: bytes, make: MakeNode) -> None:
        """Show one more entry."""
        self._entries[name] = make

    def view_in(self, directory: InodeId) -> Steps[ViewDirectory | None]:
        """The folder, in the root only."""
        return CairnfsFolder(self._tools, self._entries) if directory == ROOT_INODE else None
        yield  # a generator, as its overrides are
