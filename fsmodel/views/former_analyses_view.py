"""`DIR/.metadata/<aa>/.versions/<sha256>.json/<UTC time>`: what analyses were, to be read.

As `.versions/` beside the documents, named as that is beside files; the time is that of when the
analysis was written. A document copied from here over the present one brings its analysis back.
"""

import stat
from collections.abc import Sequence
from typing import Final

from fsmodel.documents.analyses import Analysis
from fsmodel.errors import NoSuchAttribute, NotFound
from fsmodel.ids import InodeId
from fsmodel.steps import Steps
from fsmodel.versions.version_names import stamp_from_text, stamp_text
from fsmodel.views.access_lists import access_list
from fsmodel.views.metadata_file import MetadataTools
from fsmodel.views.nodes import ViewAttributes, ViewDirectory, ViewNode
from fsmodel.views.text_file import Text, TextFile

_READ: Final = 0o444
_READ_AND_ENTER: Final = 0o555


class _FolderOfFormer(ViewDirectory):
    """A folder that bears owner, time and, but for writing, permissions of a directory."""

    def __init__(
        self,
        tools: MetadataTools,
        identity: bytes,
        parent: InodeId,
        of: InodeId,
    ) -> None:
        super().__init__(identity, parent)
        self.tools = tools
        self.documents = tools.documents
        self.of = of

    def attributes(self) -> Steps[ViewAttributes]:
        """Those of the directory. Raises NotFound."""
        record = self.tools.inodes.get(self.of)
        mode = stat.S_IFDIR | record.mode & _READ_AND_ENTER
        return ViewAttributes(mode, record.uid, record.gid, 0, record.mtime_ns, record.ctime_ns)
        yield  # a generator, as its overrides are

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """The access list of the directory counts here too. Raises NoSuchAttribute."""
        return access_list(self.tools.namespace, self.of, name)
        yield  # a generator, as its overrides are


class FormerAnalyses(_FolderOfFormer):
    """A folder for each document of a directory that was another one."""

    def __init__(
        self,
        tools: MetadataTools,
        directory: InodeId,
        digits: str,
        parent: InodeId,
    ) -> None:
        identity = b"metadata/%d/%b/former" % (directory, digits.encode())
        super().__init__(tools, identity, parent, directory)
        self._digits = digits

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """What one document was. Raises NotFound."""
        names = [found for found, _ in (yield from self.entries())]
        if name not in names:
            raise NotFound(f"document {name!r} has no former analyses here")
        return self._folder(name)

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """Documents that are listed in the directory and have former analyses."""
        hashes = yield from self.documents.names(self.of, self._digits)
        names = [b"%b.json" % each.encode() for each in hashes if self.documents.former(each)]
        return [(name, self._folder(name)) for name in names]

    def _folder(self, name: bytes) -> "_FormerOfOne":
        return _FormerOfOne(self.tools, self.identity + b"/" + name, self.inode, self.of)


class _FormerOfOne(_FolderOfFormer):
    """What one analysis was, by the time."""

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """What it was. Raises NotFound."""
        wanted = stamp_from_text(name)
        for stamp, analysis in self.documents.former(self._sha256):
            if stamp == wanted:
                return self._file(stamp, analysis)
        raise NotFound(f"no analysis was written at {name!r}")
        yield  # a generator, as its overrides are

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """Oldest first."""
        former = self.documents.former(self._sha256)
        return [(stamp_text(stamp), self._file(stamp, each)) for stamp, each in former]
        yield  # a generator, as its overrides are

    @property
    def _sha256(self) -> str:
        return self.identity.rpartition(b"/")[2].removesuffix(b".json").decode()

    def _file(self, stamp_us: int, analysis: Analysis) -> "_FormerFile":
        identity = self.identity + b"/%d" % stamp_us
        return _FormerFile(self.tools, identity, self.of, analysis)


class _FormerFile(TextFile):
    """What an analysis was, as a document."""

    def __init__(
        self,
        tools: MetadataTools,
        identity: bytes,
        directory: InodeId,
        analysis: Analysis,
    ) -> None:
        super().__init__(identity)
        self._tools = tools
        self._documents = tools.documents
        self._directory = directory
        self._analysis = analysis

    def text(self) -> Steps[Text]:
        """For whoever may read the document itself. Raises NotFound, DataError."""
        now = yield from self._documents.shown(self._directory, self._analysis.sha256)
        text = yield from self._documents.shown_former(self._analysis)
        mtime_ns = self._analysis.record.mtime_ns
        return Text(text, mtime_ns, now.permissions & _READ, now.uid, now.gid)

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """The access list of the file that the document follows. Raises NoSuchAttribute."""
        now = yield from self._documents.shown(self._directory, self._analysis.sha256)
        if now.follows is None:
            raise NoSuchAttribute(f"a former analysis has no attribute {name!r}")
        return access_list(self._tools.namespace, now.follows, name)
