"""What the model can refuse or report, as one small tree.

    CairnError
    |-- Refused                 the caller asked for something the filesystem must refuse
    |   |-- NotFound            no such name
    |   |   `-- Stale           an inode that was deleted while somebody still knew its number
    |   |-- AlreadyExists       the name is taken
    |   |-- NotADirectory, IsADirectory, DirectoryNotEmpty
    |   |-- InvalidArgument     a value that has no meaning here
    |   |-- NotPermitted        the object's state or kind forbids it
    |   |-- AccessDenied        the caller's permissions forbid it
    |   |-- NameTooLong, TooManyLinks, CrossesDevice, TooBig, LoopOfLinks
    |   |-- NoSuchAttribute     no such extended attribute
    |   |-- AttributeTooBig     an extended attribute beyond the limit
    |   |-- NotSupported        something cairnfs does not offer
    |   |-- PathRefused         the path policy forbids it
    |   |-- NameInvalid         a name that has no place in the folder it is meant for
    |   |-- DocumentInvalid     a JSON document that may not be committed
    |   |-- ReadOnly            the mount or the view cannot be written
    |   |-- NoSpace             the host is full
    |   |-- ChangedMeanwhile    not what the caller has seen any more
    |   |-- JobCancelled        somebody has ended it before it was done
    |   `-- Busy                in use, try again
    |-- StoreError              the store as a whole cannot be used as asked
    |   |-- NotAStore, StoreExists, StoreLocked, FormatTooNew
    |   |-- BackupInvalid       a file that is no backup, or a damaged or another store's one
    |   `-- StoreDamaged        the index or the journal, or format.json
    |       `-- IndexCorrupt    a row, or what holds the rows
    `-- DataError               stored data is missing or wrong
        |-- ChunkNotFound       no such object
        |-- HashMismatch        the bytes are not those the id names
        |-- FrameCorrupt        a pack frame that fails its checksum
        |-- BaseUnreadable      a delta whose base cannot be read
        |-- CompressionError    a payload that cannot be decoded
        `-- BackendError        the host failed to read or write

The daemon maps each leaf to one errno (daemon/errnos.py); a test demands that none is missing.
"""


class CairnError(Exception):
    """Anything the model reports on purpose. Its text is one line for a person."""


class Refused(CairnError):
    """The caller asked for something the filesystem must refuse; nothing was changed."""


class NotFound(Refused):
    """No such name."""


class Stale(NotFound):
    """An inode that was deleted while somebody still knew its number.

    Whoever found the number by a path looks the path up again: another file may have its name.
    """


class AlreadyExists(Refused):
    """The name is taken."""


class NotADirectory(Refused):
    """A directory was needed."""


class IsADirectory(Refused):
    """Something other than a directory was needed."""


class DirectoryNotEmpty(Refused):
    """Only an empty directory can be removed or replaced."""


class InvalidArgument(Refused):
    """A value that has no meaning here, such as a rename into the moved directory itself."""


class NotPermitted(Refused):
    """The kind or state of the object forbids it, whoever asks."""


class AccessDenied(Refused):
    """The permissions of the caller forbid it."""


class NameTooLong(Refused):
    """A name beyond 255 bytes."""


class TooManyLinks(Refused):
    """One more link would exceed the limit."""


class CrossesDevice(Refused):
    """The two places are in different trees that cannot share an inode."""


class TooBig(Refused):
    """A size or offset beyond what a file can have."""


class LoopOfLinks(Refused):
    """A path that runs through too many symbolic links."""


class NoSuchAttribute(Refused):
    """The extended attribute does not exist."""


class AttributeTooBig(Refused):
    """An extended attribute's name or value beyond the limit."""


class NotSupported(Refused):
    """Something cairnfs does not offer."""


class PathRefused(Refused):
    """The path policy forbids this name, target or link: `path`, as far as it was given."""

    def __init__(self, text: str, path: bytes = b"") -> None:
        super().__init__(text)
        self.path = path


class NameInvalid(Refused):
    """A name that is none for the folder: not an artifact of its kind, or not text."""


class DocumentInvalid(Refused):
    """A JSON document that may not be committed; the old one stays.

    `place` is what is wrong in it, or the name of the document; empty when it is all of it.
    """

    def __init__(self, text: str, place: str = "") -> None:
        super().__init__(text)
        self.place = place


class ReadOnly(Refused):
    """The mount, the view or the snapshot cannot be written."""


class NoSpace(Refused):
    """The host has no room; reading and deleting go on."""


class ChangedMeanwhile(Refused):
    """Somebody else has changed what the caller wanted to replace: look again, and decide anew."""


class JobCancelled(Refused):
    """Long work that somebody has ended before it was done; what it had done stays."""


class Busy(Refused):
    """In use by something that must end first."""


class StoreError(CairnError):
    """The store as a whole cannot be used as asked."""


class NotAStore(StoreError):
    """The folder holds no cairnfs store."""


class StoreExists(StoreError):
    """The folder is not empty, so no store may be made in it."""


class StoreLocked(StoreError):
    """Another process holds the store; which, and where it is mounted, as far as that is known."""

    def __init__(
        self, text: str, store: str = "", pid: int | None = None, mountpoint: str | None = None
    ) -> None:
        super().__init__(text)
        self.store = store
        self.pid = pid
        self.mountpoint = mountpoint


class FormatTooNew(StoreError):
    """The store, or `place` in it, was written by a later version of cairnfs."""

    def __init__(self, text: str, place: str = "") -> None:
        super().__init__(text)
        self.place = place


class BackupInvalid(StoreError):
    """A file that is no backup, is damaged, or is that of another store."""


class StoreDamaged(StoreError):
    """The index, the journal or format.json (`place`) fails its checks."""

    def __init__(self, text: str, place: str = "") -> None:
        super().__init__(text)
        self.place = place


class IndexCorrupt(StoreDamaged):
    """A row of the index, by `table` and `key`, or what holds the rows (both empty)."""

    def __init__(self, text: str, table: str = "", key: bytes = b"") -> None:
        super().__init__(text, f"index table {table}, row {key.hex()}" if table else "index")
        self.table = table
        self.key = key


class DataError(CairnError):
    """Stored data is missing or wrong. Never answered with wrong bytes."""


class ChunkNotFound(DataError):
    """No object has this id.

    Also raised for manifests and other objects, which differ from chunks only in what they hold.
    """

    def __init__(self, object_id: bytes, place: str = "the index") -> None:
        super().__init__(f"object {object_id.hex()} is not in {place}")
        self.object_id = object_id
        self.place = place


class HashMismatch(DataError):
    """The stored bytes are not those the id names."""

    def __init__(self, object_id: bytes, place: str) -> None:
        super().__init__(f"object {object_id.hex()} at {place} has other bytes than its id names")
        self.object_id = object_id
        self.place = place


class FrameCorrupt(DataError):
    """A pack frame that is cut short or fails its checksum."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"frame at {place}: {reason}")
        self.place = place
        self.reason = reason


class BaseUnreadable(DataError):
    """A delta that is whole itself, but whose base cannot be read."""

    def __init__(self, object_id: bytes, base: bytes, reason: str) -> None:
        super().__init__(f"object {object_id.hex()} needs base {base.hex()}: {reason}")
        self.object_id = object_id
        self.base = base


class CompressionError(DataError):
    """A payload that does not decode to the size its frame declares."""

    def __init__(self, object_id: bytes, reason: str, place: str = "") -> None:
        where = f" at {place}" if place else ""
        super().__init__(f"object {object_id.hex()}{where}: {reason}")
        self.object_id = object_id
        self.reason = reason
        self.place = place


class BackendError(DataError):
    """The host failed to read or write a store file."""

    def __init__(self, place: str, cause: OSError) -> None:
        super().__init__(f"{place}: {cause.strerror or cause}")
        self.place = place
        self.errno = cause.errno
