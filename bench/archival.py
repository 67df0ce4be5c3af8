"""Keeping daemons from archiving what is new."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

NO_ARCHIVAL: Final = {
    "CAIRNFS_ARCHIVE_STOP_SECONDS": "0",
    "CAIRNFS_ARCHIVE_IDLE_SECONDS": str(86400),
}


@contextmanager
def without_archival() -> Iterator[None]:
    """Have daemons that are started meanwhile leave what is new as it is.

    Archiving it costs so much for each byte, once, whatever else a store holds, when nothing has
    been asked of it for a while, or at a stop: with several stores that take turns, while another
    one is measured.
    """
    before = dict(os.environ)
    os.environ.update(NO_ARCHIVAL)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
