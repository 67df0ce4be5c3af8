"""What each series is configured to do, as it stands beside its output.

The folder of a series' output bears in an attribute what its document says. So whether a name may
come into being is decided without reading the document.
"""

from typing import Final

from fsmodel.change import Change
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.xattrs import Xattrs
from fsmodel.series.series_document import SeriesConfig, decode_config
from fsmodel.versions.policy import VersionPolicy
from lmdb_index.index import Index
from lmdb_index.keys import named_key
from lmdb_index.schema import XATTR

CONFIG_ATTRIBUTE: Final = b"cairnfs.series"  # of the folder of a series' output
_DEFAULT: Final = SeriesConfig()


class SeriesConfigs:
    """Reads and sets configurations. Owner: the thread that owns the index."""

    def __init__(self, index: Index, inodes: InodeTable, xattrs: Xattrs) -> None:
        self._index = index
        self._inodes = inodes
        self._xattrs = xattrs

    def of(self, series: InodeId) -> SeriesConfig:
        """The configuration of the series with this folder of output. Sees a change in progress."""
        return self._stored(series) or _DEFAULT

    def set(self, change: Change, series: InodeId, config: SeriesConfig) -> None:
        """Let the rules follow a document from the end of this change on."""
        self._xattrs.put(change, series, CONFIG_ATTRIBUTE, config.encoded())
        change.edit(series).ctime_ns = change.now_ns

    def version_policy(self, directory: InodeId) -> VersionPolicy | None:
        """How many versions a series wants to have kept, if the directory is that of one."""
        config = self._stored(directory)
        return None if config is None else config.versions

    def metadata_view(self, directory: InodeId) -> bool | None:
        """Whether the series that a directory lies in wants its metadata listed."""
        while directory:
            config = self._stored(directory)
            if config is not None:
                return config.metadata_view
            directory = InodeId(self._inodes.get(directory).parent)
        return None

    def _stored(self, series: InodeId) -> SeriesConfig | None:
        row = self._index.get(XATTR, named_key(series, CONFIG_ATTRIBUTE))
        return None if row is None else decode_config(row.value)
