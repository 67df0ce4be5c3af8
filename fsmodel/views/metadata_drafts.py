"""Documents that are being written, and temporary files beside them, in memory.

A document takes effect when a descriptor of it is closed, or a temporary file gets its name. Until
then it is here, and a kill loses it: nobody has been told that it is stored. Temporary files that
nobody has open may be dropped for want of room, the oldest first.
"""

import logging
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fsmodel.documents.metadata_document import DOCUMENT_BYTES_MAX
from fsmodel.errors import NoSpace, TooBig
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import Creator

DRAFTS_MAX: Final = 4096
DRAFT_BYTES_MAX: Final = 64 << 20  # of all together
# What rsync, tar, sed, editors and programs that replace files atomically name theirs.
TEMPORARY_NAME: Final = re.compile(
    rb"\..+|.*~|#.+#|4913|sed\w{6}|XX\w{6}|tmp.*|.+\.(?:tmp|temp|new|part|partial|bak|orig|\d+)",
    re.DOTALL,
)

_log = logging.getLogger(__name__)


class DraftKey(NamedTuple):
    """Where a draft is: a name in a folder of a directory's documents."""

    directory: InodeId
    folder: bytes
    name: bytes


@dataclass(slots=True)
class Draft:
    """A file that is not stored."""

    owner: Creator
    mode: int
    mtime_ns: int
    data: bytearray = field(default_factory=bytearray)
    given_mtime_ns: int | None = None  # what somebody has set
    is_changed: bool = False  # since it was stored
    opens: int = 0
    writer: int = field(init=False)  # uid of who has made it; chown does not change that

    def __post_init__(self) -> None:
        """Whoever makes it owns it at first."""
        self.writer = self.owner.uid


class Drafts:
    """All drafts. Owner: the thread that owns the index."""

    def __init__(self) -> None:
        self._drafts: dict[DraftKey, Draft] = {}

    def find(self, key: DraftKey) -> Draft | None:
        """The draft of a name."""
        return self._drafts.get(key)

    def add(self, key: DraftKey, draft: Draft) -> None:
        """A new one, in place of what had the name. Raises NoSpace."""
        self._drafts.pop(key, None)
        self._make_room(len(draft.data))
        self._drafts[key] = draft

    def rename(self, key: DraftKey, new_key: DraftKey) -> None:
        """A draft gets another name."""
        self._drafts[new_key] = self._drafts.pop(key)

    def drop(self, key: DraftKey) -> None:
        """Forget a draft, if there is one."""
        self._drafts.pop(key, None)

    def names_in(self, directory: InodeId, folder: bytes) -> list[bytes]:
        """The names of a folder's drafts, in order."""
        return sorted(key.name for key in self._drafts if key[:2] == (directory, folder))

    def write(self, draft: Draft, offset: int, data: bytes, now_ns: int) -> None:
        """Put bytes into a draft, zeros before them if they begin behind its end.

        Raises TooBig, NoSpace.
        """
        self._resize(draft, max(offset + len(data), len(draft.data)))
        draft.data[offset : offset + len(data)] = data
        self._touch(draft, now_ns)

    def truncate(self, draft: Draft, size: int, now_ns: int) -> None:
        """Give a draft another size. Raises TooBig, NoSpace."""
        self._resize(draft, size)
        self._touch(draft, now_ns)

    def _resize(self, draft: Draft, size: int) -> None:
        if size > DOCUMENT_BYTES_MAX:
            raise TooBig(f"a metadata document of more than {DOCUMENT_BYTES_MAX} bytes")
        if size > len(draft.data):
            self._make_room(size - len(draft.data))
            draft.data.extend(bytes(size - len(draft.data)))
        else:
            del draft.data[size:]

    def _touch(self, draft: Draft, now_ns: int) -> None:
        draft.is_changed = True
        draft.mtime_ns, draft.given_mtime_ns = now_ns, None

    def _make_room(self, size: int) -> None:
        held = sum(len(draft.data) for draft in self._drafts.values()) + size
        for key, draft in list(self._drafts.items()):
            if held <= DRAFT_BYTES_MAX and len(self._drafts) < DRAFTS_MAX:
                return
            if not draft.opens:
                _log.warning("temporary file %r of metadata was dropped for want of room", key.name)
                held -= len(self._drafts.pop(key).data)
        if held > DRAFT_BYTES_MAX or len(self._drafts) >= DRAFTS_MAX:
            raise NoSpace("too many metadata documents are being written at once")
