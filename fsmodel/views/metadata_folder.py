"""What the folders below `.metadata/` have in common: they look like the directory it is in."""

import stat
from typing import ClassVar

from fsmodel.ids import InodeId
from fsmodel.steps import Steps
from fsmodel.views.access_lists import access_list
from fsmodel.views.metadata_file import MetadataTools
from fsmodel.views.nodes import ViewAttributes, ViewDirectory


class FolderOfDirectory(ViewDirectory):
    """A folder that bears owner, time and permissions of a directory."""

    shown_permissions: ClassVar[int] = 0o1777  # of the directory's; the sticky bit is one

    def __init__(self, tools: MetadataTools, identity: bytes, parent: InodeId, of: InodeId) -> None:
        super().__init__(identity, parent)
        self.tools = tools
        self.of = of

    def attributes(self) -> Steps[ViewAttributes]:
        """Those of the directory. Raises NotFound."""
        record = self.tools.inodes.get(self.of)
        mode = stat.S_IFDIR | record.mode & self.shown_permissions
        return ViewAttributes(mode, record.uid, record.gid, 0, record.mtime_ns, record.ctime_ns)
        yield  # a generator, as its overrides are

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """The access list of the directory counts here too. Raises NoSuchAttribute."""
        return access_list(self.tools.namespace, self.of, name)
        yield  # a generator, as its overrides are
