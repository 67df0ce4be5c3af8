"""What a series says that nobody has configured: the same as `series/default.json`, if there."""

from collections.abc import Callable
from typing import Final

from fsmodel.change import Change
from fsmodel.content.whole import WholeContents
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.series.artifact_names import document_name
from fsmodel.series.layout import StructuredFolders
from fsmodel.series.series_document import DEFAULT_DOCUMENT
from fsmodel.series.unchecked_names import UncheckedNames
from fsmodel.steps import run_inline

DEFAULT_SERIES: Final = b"default"

Put = Callable[[Change, InodeId], None]  # gives an empty file the content


class DefaultDocument:
    """Gives new documents their content. Owner: the thread that owns the index."""

    def __init__(
        self,
        names: UncheckedNames,
        inodes: InodeTable,
        whole: WholeContents,
        folders: StructuredFolders,
    ) -> None:
        self._names = names
        self._inodes = inodes
        self._whole = whole
        self._folders = folders

    def prepared(self) -> Put:
        """How a file gets the content, in a change that begins at once. Raises NoSpace."""
        default = self._names.find(self._folders.series, document_name(DEFAULT_SERIES))
        if default is None:
            return self._stored()
        template = self._inodes.get(default)

        def put(change: Change, document: InodeId) -> None:
            record = change.edit(document)
            self._whole.share(change, record, template.content, template.size)

        return put

    def _stored(self) -> Put:
        file = run_inline(self._whole.store(DEFAULT_DOCUMENT))

        def put(change: Change, document: InodeId) -> None:
            self._whole.put(change, change.edit(document), file)

        return put
