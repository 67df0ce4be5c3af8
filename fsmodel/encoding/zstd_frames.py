"""Single zstd frames (RFC 8878), written with their plain size and read within it.

A frame has no checksum of its own: the pack frame around it has one, and the object id names the
result. Any thread may call these functions; each thread keeps its own compressors, as setting one
up costs as much as compressing 20 KiB that do not compress.
"""

import threading
from collections.abc import Mapping
from typing import Final

from backports.zstd import ZstdCompressor, ZstdDecompressor, ZstdDict, ZstdError, get_frame_info

from fsmodel.buffers import Buffer

Prefix = tuple[ZstdDict, int]  # what ZstdDict.as_prefix gives

KEPT_LEVEL_MAX: Final = 4  # compressors of higher levels take megabytes, and are slow anyway


class FrameProblem(Exception):
    """A payload that is no frame of the declared size. The text says why."""


class _Compressors(threading.local):
    """The compressors of one thread that are not at work, by level."""

    def __init__(self) -> None:
        self.idle: dict[int, ZstdCompressor] = {}


_compressors: Final = _Compressors()


def compress(plain: Buffer, level: int) -> bytes:
    """One frame that holds these bytes. Raises ValueError for a level zstd does not have."""
    idle = _compressors.idle
    compressor = idle.pop(level, None) or ZstdCompressor(level)  # one that failed is not kept
    frame = compressor.compress(plain, ZstdCompressor.FLUSH_FRAME)
    if level <= KEPT_LEVEL_MAX:
        idle[level] = compressor
    return frame


def compress_after(prefix: Prefix | None, plain: Buffer, options: Mapping[int, int]) -> bytes:
    """One frame that may refer to the bytes of a prefix as if they stood before it."""
    compressor = ZstdCompressor(options=options, zstd_dict=prefix)
    return compressor.compress(plain, ZstdCompressor.FLUSH_FRAME)


def decompress(frame: Buffer, plain_size: int, prefix: Prefix | None = None) -> bytes:
    """The bytes of a frame, exactly `plain_size` of them. Raises FrameProblem.

    The size the frame declares is compared first, and zstd bounds its own buffers by that, so a
    forged frame cannot make this take more memory than the caller expects.
    """
    _require_size(frame, plain_size)
    try:
        decompressor = ZstdDecompressor(zstd_dict=prefix)
        plain = decompressor.decompress(frame, plain_size)
    except ZstdError as error:
        raise FrameProblem("the payload is no valid zstd frame") from error
    if len(plain) != plain_size or not decompressor.eof:
        raise FrameProblem(f"the payload ends after {len(plain)} of {plain_size} bytes")
    if decompressor.unused_data:
        raise FrameProblem(f"{len(decompressor.unused_data)} bytes follow the zstd frame")
    return plain


def _require_size(frame: Buffer, plain_size: int) -> None:
    try:
        declared = get_frame_info(frame).decompressed_size
    except ZstdError as error:
        raise FrameProblem("the payload is no valid zstd frame") from error
    if declared != plain_size:
        raise FrameProblem(f"the payload declares a size of {declared}, not {plain_size}")


class GradualFrame:
    """A frame that is decompressed bit by bit, in order, as far as somebody wants."""

    def __init__(self, frame: Buffer, plain_size: int) -> None:
        """Raises FrameProblem for a frame that declares another size; that bounds what it takes."""
        _require_size(frame, plain_size)
        self._decompressor = ZstdDecompressor()
        self._input: Buffer = frame
        self._left = plain_size

    def take(self, size: int) -> bytes:
        """Exactly the next `size` bytes. Raises FrameProblem, after which it is of no use."""
        assert 0 <= size <= self._left
        pieces: list[bytes] = []
        wanted = size
        while wanted:
            pieces.append(self._next(wanted))
            wanted -= len(pieces[-1])
        self._left -= size
        if size and not self._left:
            self._require_end()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _next(self, size_max: int) -> bytes:
        given, self._input = self._input, b""
        try:
            piece = self._decompressor.decompress(given, size_max)
        except (ZstdError, EOFError) as error:
            raise FrameProblem("the payload is no valid zstd frame") from error
        if not piece:
            raise FrameProblem(f"the payload ends {self._left} bytes early, or before")
        return piece

    def _require_end(self) -> None:
        try:
            tail = b"" if self._decompressor.eof else self._decompressor.decompress(b"", 1)
        except ZstdError as error:
            raise FrameProblem("the payload is no valid zstd frame") from error
        if tail or not self._decompressor.eof or self._decompressor.unused_data:
            raise FrameProblem("the zstd frame does not end where it says")
