"""The bytes of a file, in pieces small enough to travel."""

from typing import Final

from fsmodel.ids import InodeId
from fsmodel.library.answers import Piece
from fsmodel.steps import Steps
from fsmodel.volume import Volume

PIECE_BYTES_MAX: Final = 512 << 10  # of a file in one call


def read_piece(
    volume: Volume, inode: InodeId, offset: int, length: int, version: str | None
) -> Steps[Piece]:
    """Some bytes of a file, so many at most as travel at once."""
    file = volume.open_file(inode, writing=False)
    try:
        size, length = file.size, min(max(length, 0), PIECE_BYTES_MAX)
        data = yield from volume.contents.read(inode, max(offset, 0), length)
        return Piece(bytes(data), size, version)
    finally:
        volume.close_file(inode)
