"""`DIR/.metadata/<aa>/.versions/<sha256>.json/<UTC time>`: what analyses were, to be read.

As `.versions/` beside the documents, named as that is beside files; the time is that of when the
analysis was written. A document copied from here over the present one brings its analysis back.
"""

from collections.abc import Sequence
from typing import Final

from fsmodel.documents.analyses import Analysis
from fsmodel.errors import NoSuchAttribute, NotFound
from fsmodel.ids import InodeId
from fsmodel.steps import Steps
from fsmodel.versions.version_names import stamp_from_text, stamp_text
from fsmodel.views.access_lists import access_list
from fsmodel.views.metadata_file import MetadataTools
from fsmodel.views.metadata_folder import FolderOfDirectory
from fsmodel.views.nodes import ViewNode
from fsmodel.views.text_file import Text, TextFile

_READ: Final = 0o444


class _FolderOfFormer(FolderOfDirectory):
    """A folder in which nobody can write."""

    shown_permissions = 0o555


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
        hashes = yield from self.tools.documents.names(self.of, self._digits)
        names = [b"%b.json" % each.encode() for each in hashes if self.tools.documents.former(each)]
        return [(name, self._folder(name)) for name in names]

    def _folder(self, name: bytes) -> "_FormerOfOne":
        return _FormerOfOne(self.tools, self.identity + b"/" + name, self.inode, self.of)


class _FormerOfOne(_FolderOfFormer):
    """What one analysis was, by the time."""

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """What it was. Raises NotFound."""
        wanted = stamp_from_text(name)
        for stamp, analysis in self.tools.documents.former(self._sha256):
            if stamp == wanted:
                return self._file(stamp, analysis)
        raise NotFound(f"no analysis was written at {name!r}")
        yield  # a generator, as its overrides are

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """Oldest first."""
        former = self.tools.documents.former(self._sha256)
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
