"""`.metadata/`: a folder of documents beside the files they are about.

    DIR/.metadata/<aa>/<sha256>.json

`aa` are the first two digits of the hash. All 256 of these folders can be entered; those with
documents are listed. What is written takes effect when it is closed under the name of a hash, or
gets such a name; before that it is a draft (metadata_file.py, metadata_drafts.py). `.gitignore`,
which is not listed, keeps Git from taking documents for files of a work tree.

A document cannot really be deleted while its file is there: that resets the analysis. So folders
whose documents say nothing of their own can be removed, and are there again when asked for.
"""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from fsmodel.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    IsADirectory,
    NotFound,
    PathRefused,
)
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import AttributeChange, Creator, is_directory
from fsmodel.namespace.namespace import Namespace
from fsmodel.steps import Steps
from fsmodel.views.former_analyses_view import FormerAnalyses
from fsmodel.views.metadata_drafts import TEMPORARY_NAME, Draft, DraftKey
from fsmodel.views.metadata_file import DocumentFile, MetadataTools
from fsmodel.views.metadata_folder import FolderOfDirectory
from fsmodel.views.metadata_places import MetadataPlaces
from fsmodel.views.nodes import ViewDirectory, ViewFile, ViewNode
from fsmodel.views.text_file import Text, TextFile
from fsmodel.views.views import ViewProvider

FORMER: Final = b".versions"
GITIGNORE: Final = b".gitignore"
_FOLDER: Final = re.compile(rb"[0-9a-f]{2}")
_DOCUMENT: Final = re.compile(rb"([0-9a-f]{64})\.json")


class _FollowingFolder(FolderOfDirectory):
    """One that is written in, too."""

    def set_attributes(self, wanted: AttributeChange) -> Steps[None]:
        """Nothing: it follows its directory. Tools that copy set everything."""
        return
        yield  # a generator, as its overrides are


class MetadataFolder(_FollowingFolder):
    """`.metadata` of one directory."""

    def __init__(self, tools: MetadataTools, directory: InodeId) -> None:
        super().__init__(tools, b"metadata/%d" % directory, directory, directory)

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """A folder of documents, listed or not. Raises NotFound."""
        if name == GITIGNORE:
            return _Gitignore(self.tools, self.of)
        if not _FOLDER.fullmatch(name):
            raise NotFound(f"no folder {name!r} of metadata documents")
        return self._folder(name)
        yield  # a generator, as its overrides are

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """The folders that hold documents."""
        hashes = yield from self.tools.documents.names(self.of)
        folders = (digits.encode() for digits, _ in groupby(hashes, key=lambda name: name[:2]))
        return [(name, self._folder(name)) for name in folders]

    def make_directory(self, name: bytes, mode: int, creator: Creator) -> Steps[ViewDirectory]:
        """All that there can be is there. Raises AlreadyExists, PathRefused."""
        if _FOLDER.fullmatch(name):
            raise AlreadyExists(f"folder {name!r} of metadata documents")
        raise _refused(name)

    def create(self, name: bytes, mode: int, creator: Creator) -> Steps[ViewFile]:
        """Refused: documents lie in folders named by two digits. Raises PathRefused."""
        raise _refused(name)

    def unlink(self, name: bytes) -> Steps[None]:
        """There is no file to be removed. Raises NotFound, IsADirectory."""
        yield from self.lookup(name)
        raise IsADirectory(f"{name!r} is a folder of metadata documents")

    def rmdir(self, name: bytes) -> Steps[None]:
        """Accepted when nothing is lost by it. Raises NotFound, DirectoryNotEmpty."""
        yield from self.lookup(name)
        yield from self.require_unwritten(name.decode())

    def require_unwritten(self, digits: str = "") -> Steps[None]:
        """Raises DirectoryNotEmpty if a document that begins so says anything of its own."""
        hashes = yield from self.tools.documents.names(self.of, digits)
        for sha256 in hashes:
            if self.tools.documents.is_analysed(sha256):
                raise DirectoryNotEmpty(f"document {sha256} of directory {self.of} has an analysis")

    def rename(self, name: bytes, directory: ViewDirectory, new_name: bytes) -> Steps[None]:
        """Refused: these folders are named by what is in them. Raises PathRefused."""
        raise _refused(new_name)

    def _folder(self, name: bytes) -> "DocumentFolder":
        return DocumentFolder(self.tools, self.of, name, self.inode)


class DocumentFolder(_FollowingFolder):
    """The documents of one directory whose hashes begin with the same two digits."""

    def __init__(
        self, tools: MetadataTools, directory: InodeId, digits: bytes, parent: InodeId
    ) -> None:
        super().__init__(tools, b"metadata/%d/%b" % (directory, digits), parent, directory)
        self._digits = digits

    def lookup(self, name: bytes) -> Steps[ViewNode | InodeId]:
        """A document or a draft; what documents were, unlisted. Raises NotFound."""
        if name == FORMER:
            return FormerAnalyses(self.tools, self.of, self._digits.decode(), self.inode)
        sha256 = self.hash_in(name)
        if self.tools.drafts.find(self._key(name)) is not None:
            return self._node(name)
        if sha256 is None or not (yield from self.tools.documents.has(self.of, sha256)):
            raise NotFound(f"no metadata document {name!r} in directory {self.of}")
        return self._node(name)

    def entries(self) -> Steps[Sequence[tuple[bytes, ViewNode | InodeId]]]:
        """Documents of files that are there, and drafts."""
        hashes = yield from self.tools.documents.names(self.of, self._digits.decode())
        names = [b"%b.json" % each.encode() for each in hashes]
        drafts = self.tools.drafts.names_in(self.of, self._digits)
        return [(name, self._node(name)) for name in dict.fromkeys((*names, *drafts))]

    def make_directory(self, name: bytes, mode: int, creator: Creator) -> Steps[ViewDirectory]:
        """Refused. Raises PathRefused."""
        raise _refused(name)

    def create(self, name: bytes, mode: int, creator: Creator) -> Steps[ViewFile]:
        """A draft, under the name of a hash or a temporary one. Raises PathRefused, NoSpace."""
        self._check(name)
        draft = Draft(creator, mode & 0o666, self.tools.changes.now_ns())
        self.tools.drafts.add(self._key(name), draft)
        return self._node(name)
        yield  # a generator, as its overrides are

    def unlink(self, name: bytes) -> Steps[None]:
        """Drop a draft, or reset a document. Raises NotFound."""
        yield from self.lookup(name)
        sha256 = self.hash_in(name)
        if sha256 is not None:
            yield from self.tools.documents.reset(self.of, sha256)
        self.tools.drafts.drop(self._key(name))

    def rmdir(self, name: bytes) -> Steps[None]:
        """There is no folder to be removed. Raises NotFound."""
        raise NotFound(f"no folder {name!r} among metadata documents")

    def rename(self, name: bytes, directory: ViewDirectory, new_name: bytes) -> Steps[None]:
        """Let a draft become a document, or a document a draft.

        Raises NotFound, DocumentInvalid, PathRefused, NoSpace.
        """
        if not isinstance(directory, DocumentFolder):
            raise _refused(new_name)
        directory._check(new_name)
        yield from self.lookup(name)
        sha256, new_sha256 = self.hash_in(name), directory.hash_in(new_name)
        if sha256 is not None and sha256 == new_sha256:
            return  # one document, whatever directory it is looked at from
        drafts, key, new_key = self.tools.drafts, self._key(name), directory._key(new_name)
        draft = drafts.find(key)
        if new_sha256 is not None:
            yield from directory.store(new_sha256, draft or (yield from self.drafted(name)))
            drafts.drop(key)
        elif draft is not None:
            drafts.rename(key, new_key)
        else:
            drafts.add(new_key, (yield from self.drafted(name)))
        if sha256 is not None:
            yield from self.tools.documents.reset(self.of, sha256)

    def hash_in(self, name: bytes) -> str | None:
        """The hash that a document of this name would have; None when it cannot be one here."""
        match = _DOCUMENT.fullmatch(name)
        if match is None or not name.startswith(self._digits):
            return None
        return match[1].decode()

    def drafted(self, name: bytes) -> Steps[Draft]:
        """A document as a draft of the same bytes. Raises NotFound, DataError."""
        sha256 = self.hash_in(name)
        assert sha256 is not None
        shown = yield from self.tools.documents.shown(self.of, sha256)
        owner = Creator(shown.uid, shown.gid)
        return Draft(owner, shown.permissions, shown.mtime_ns, bytearray(shown.text))

    def store(self, sha256: str, draft: Draft) -> Steps[None]:
        """Let a document say what a draft says. Raises DocumentInvalid, NoSpace."""
        data = bytes(draft.data)
        yield from self.tools.documents.write(
            self.of, sha256, data, draft.owner, draft.mode, draft.given_mtime_ns, draft.writer
        )

    def _check(self, name: bytes) -> None:
        """Refuse a name that neither a document nor a temporary file can have here."""
        if self.hash_in(name) is None and (
            name == FORMER or _DOCUMENT.fullmatch(name) or not TEMPORARY_NAME.fullmatch(name)
        ):
            raise _refused(name)

    def _key(self, name: bytes) -> DraftKey:
        return DraftKey(self.of, self._digits, name)

    def _node(self, name: bytes) -> DocumentFile:
        return DocumentFile(self, name, self._key(name))


class _Gitignore(TextFile):
    """Has Git ignore the whole folder."""

    def __init__(self, tools: MetadataTools, directory: InodeId) -> None:
        super().__init__(b"metadata/%d/gitignore" % directory)
        self._tools = tools
        self._directory = directory

    def text(self) -> Steps[Text]:
        record = self._tools.inodes.get(self._directory)
        return Text(b"*\n", record.mtime_ns, 0o444, record.uid, record.gid)
        yield  # a generator, as its overrides are


def _refused(name: bytes) -> PathRefused:
    return PathRefused(
        f"{name!r} cannot lie in .metadata: documents are <aa>/<sha256>.json, aa being the first "
        "two digits"
    )


class MetadataProvider(ViewProvider):
    """Shows the documents of every directory. Owner: the thread that owns the index."""

    def __init__(self, tools: MetadataTools, namespace: Namespace, places: MetadataPlaces) -> None:
        self._tools = tools
        self._namespace = namespace
        self._places = places

    def view_in(self, directory: InodeId) -> Steps[ViewDirectory | None]:
        """The documents of a directory that people see. Raises Stale."""
        record = self._namespace.record(directory)
        if not is_directory(record) or self._namespace.system.contains(directory):
            return None
        return MetadataFolder(self._tools, directory)
        yield  # a generator, as its overrides are

    def is_listed(self, directory: InodeId) -> bool:
        """Below the visible folders."""
        return self._places.is_listed(directory)

    def remove(self, directory: InodeId) -> Steps[None]:
        """Accepted when nothing is lost by it, as for `rm -rf`. Raises DirectoryNotEmpty."""
        yield from MetadataFolder(self._tools, directory).require_unwritten()
