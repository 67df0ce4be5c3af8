"""The part of the facade that is about open files: opening, writing, committing, closing."""

from collections.abc import Iterable

from fsmodel.content.file_state import FileState
from fsmodel.errors import AlreadyExists, CairnError, InvalidArgument, IsADirectory
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import (
    REGULAR,
    AttributeChange,
    Creator,
    is_directory,
    kind_of,
    require_unlocked,
)
from fsmodel.steps import Steps
from fsmodel.volume_upkeep import VolumeUpkeep


class VolumeFiles(VolumeUpkeep):
    """Files in use, and drafts of documents. Owner: the thread that owns the index."""

    def open_file(self, inode: InodeId, *, writing: bool, thread: int = 0) -> FileState:
        """Hold a regular file open.

        Raises IsADirectory, ReadOnly, NotPermitted, DataError; Stale when its name leads to another
        file by now, as that of a document does while somebody writes it. A `thread` that is told so
        finds a file for itself when it looks the name up again.
        """
        record = self._names.record(inode)
        if is_directory(record):
            raise IsADirectory(f"inode {inode} is a directory")
        if kind_of(record) != REGULAR:
            raise InvalidArgument(f"inode {inode} has no bytes")
        if writing:
            self._require_writable()
            require_unlocked(inode, record)
        file = self.contents.open(inode)
        drafts = self._parts.drafts
        try:
            if writing:
                drafts.begin(inode, thread)
            else:
                drafts.begin_reading(inode, thread)
        except CairnError:
            self.contents.close(inode)
            raise
        if self._parts.series is not None:
            self._parts.series.cache.note_use(inode)
        return file

    def create_file(
        self,
        parent: InodeId,
        name: bytes,
        mode: int,
        creator: Creator,
        *,
        exclusive: bool = True,
        thread: int = 0,
    ) -> InodeId:
        """Make a regular file and open it for writing; a document gets its name when committed.

        Raises AlreadyExists if it is to be `exclusive`, else Stale for a name that was free when
        the caller looked: who looks it up again opens that file with its own permissions. Raises
        Refused.
        """
        self._require_room()
        drafts = self._parts.drafts
        is_document = self._parts.commits.is_document(parent, name)
        try:
            if is_document:
                return drafts.create(parent, name, mode, creator, exclusive=exclusive)
            inode = self._names.make_node(parent, name, mode, 0, creator)
        except AlreadyExists:
            if exclusive:
                raise
            drafts.send_back(thread if is_document else 0, f"{name!r} has been made meanwhile")
        self.contents.open(inode, name)
        return inode

    def is_draft(self, inode: InodeId) -> bool:
        """Whether an open file is the draft of a document, to be committed when it is flushed."""
        return self._parts.drafts.is_draft(inode)

    def is_fleeting(self, inode: InodeId) -> bool:
        """Whether a file is likely to be deleted soon, and nothing will be left of it then."""
        record = self._names.record(inode)
        return record.nlink == 1 and self._parts.versions.keeper.goes_with_a_database(inode)

    def is_document(self, parent: InodeId, name: bytes) -> bool:
        """Whether what has this name is a JSON document that is committed whole."""
        return self._parts.commits.is_document(parent, name)

    def commit_document(self, inode: InodeId) -> Steps[None]:
        """Let everybody see what a settled draft holds; of any other file, nothing to do.

        Raises DocumentInvalid, Refused: then the document is what it was.
        """
        return self._parts.drafts.commit(inode)

    def is_volatile(self, parent: InodeId, name: bytes) -> bool:
        """Whether a name comes and goes without being asked for: nobody may remember it."""
        return self._parts.rules.is_volatile(parent, name)

    def has_volatile_names(self, directory: InodeId) -> bool:
        """Whether any name of a directory may be volatile: of most none is, whatever it is."""
        return self._parts.rules.has_volatile_names(directory)

    def close_file(self, inode: InodeId, *, writing: bool = False) -> None:
        """End one use of a file; one without a name is deleted with the last.

        `writing` says that it was opened for that.
        """
        try:
            if writing:
                self._parts.drafts.end(inode)
        finally:  # also where there is no room for what that changes
            self.contents.close(inode)
        if self._is_lost(inode):
            self._names.close_orphan(inode)

    def is_orphan(self, inode: InodeId) -> bool:
        """Whether only open handles keep the inode."""
        return self._names.record(inode).nlink == 0

    def hold(self, inode: InodeId) -> None:
        """Keep an inode even when its last name goes, until as many holds are given back."""
        self._parts.holds.add(inode)

    def hold_each(self, inodes: Iterable[InodeId]) -> None:
        """The same for many."""
        self._parts.holds.add_each(inodes)

    def give_back(self, holds: Iterable[tuple[InodeId, int]]) -> None:
        """End holds: inodes and how often. Those that nothing keeps any more are deleted."""
        ended = [inode for inode, times in holds if self._parts.holds.drop(inode, times)]
        lost = [inode for inode in ended if self._is_lost(inode)]
        if lost:
            self._names.close_orphans(lost)

    def is_held(self, inode: InodeId) -> bool:
        """Whether there are holds of an inode that have not ended."""
        return inode in self._parts.holds

    def _is_lost(self, inode: InodeId) -> bool:
        """Whether an inode has no name and nobody who holds it, so that it can be deleted."""
        return self._names.orphans.is_lost(inode) and not self.read_only

    def write(
        self, inode: InodeId, offset: int, data: bytes, *, privileged: bool = False
    ) -> FileState:
        """Put bytes into an open file. Raises NoSpace, TooBig.

        Set-user and set-group bits go, unless the writer is `privileged` to keep them.
        """
        self._require_room(len(data))
        require_unlocked(inode, self._parts.inodes.get(inode))
        self._names.clear_privileges(inode, keep_set_ids=privileged)
        self.contents.write(inode, offset, data)
        file = self.contents.file(inode)
        assert file is not None
        return file

    def truncate(
        self,
        inode: InodeId,
        size: int,
        wanted: AttributeChange | None = None,
        *,
        privileged: bool = False,
    ) -> None:
        """Give an open file another size, zeros filling what is new. Raises TooBig, Refused.

        What else is `wanted` is set in the same change. Set-user and set-group bits go, unless the
        caller is `privileged` to keep them.
        """
        self._require_writable()
        if wanted is not None:
            self._observe(wanted)
        with self._parts.changes.begin() as change:
            record = change.edit(inode)
            if kind_of(record) != REGULAR:
                raise InvalidArgument(f"inode {inode} has no size to change")
            require_unlocked(inode, record)
            self._names.attributes.clear_privileges(change, inode, keep_set_ids=privileged)
            self._names.attributes.touch_modified(change, inode)
            self.contents.truncate(change, inode, size)
            if wanted is not None:
                self._names.attributes.set(change, inode, wanted)
        if wanted is not None:
            self._times_set(inode, wanted)
