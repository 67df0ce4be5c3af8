"""Reading the whole LMDB file without LMDB, which a garbled one can make end the process.

The binding has a verifier, which takes one thing for damage that LMDB does itself: when a long
value gives way to a shorter one in the same transaction, it stays in the pages that the long one
was given. So there may be more of these than it needs, and all are its own.
"""

import os
from pathlib import Path
from typing import Any

from lmdb.verify import VerifyError, _Verifier

from lmdb_index.environment import DATA_FILE
from lmdb_index.errors import IndexCorrupt


def check_structure(folder: Path) -> None:
    """Read all pages of an index's file, and what each says of others.

    Nothing may have it open for writing. Takes about a second for 60 MB. Raises IndexCorrupt.
    """
    try:
        problems = _problems(folder / DATA_FILE)
    except (VerifyError, OSError) as error:
        problems = [str(error)]
    if problems:
        raise IndexCorrupt(
            f"{folder / DATA_FILE}: {problems[0]} ({len(problems)} such): run cairnfs rebuild-index"
        )


def _problems(path: Path) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        found: list[str] = _StructureCheck(file, size).verify()  # type: ignore[no-untyped-call]  # no stubs of it
        return found


class _StructureCheck(_Verifier):
    """The binding's, which has no other name for it, with values that have pages to spare."""

    def _bigdata(
        self, ctx: Any, pgno: int, i: int, buf: Any, doff: int, dsize: int, want_bytes: bool
    ) -> bytes | None:
        """Check a value in pages of its own as if it were as long as they allow."""
        held = max(dsize, self._room(buf, doff))
        data: bytes | None = super()._bigdata(  # type: ignore[no-untyped-call]  # no stubs of it
            ctx, pgno, i, buf, doff, held, want_bytes
        )
        return None if data is None else data[:dsize]

    def _room(self, buf: Any, doff: int) -> int:
        """How long a value may be in the pages that the first of them says there are."""
        number = bytes(buf[doff : doff + 8])
        first = self.read_page(int.from_bytes(number, "little"))  # type: ignore[no-untyped-call]  # no stubs
        if first is None:
            return 0
        pages: int = self._pg_pages(first, 0)  # type: ignore[no-untyped-call]  # no stubs
        return pages * int(self.psize) - int(self.hdrsz)
