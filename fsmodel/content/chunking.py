"""Content-defined chunking, and the features by which similar chunks find each other.

Cutting is normalized gear-hash chunking: FastCDC (Xia et al., USENIX ATC 2016, and its successor
in IEEE TPDS 31, 2020). Where a chunk ends depends on nothing but the bytes from its own start, so
that after an edit the old cuts come back as soon as one of them is met.

Features follow Odess (Zou et al., ICDE 2021): the gear hash samples positions by content, and
each feature is the largest value of one fixed transform over the sampled hashes. Two chunks agree
in a feature with about the probability that a sample of one is a sample of the other.

Two kernels do the work and answer alike: `native` (_chunking.c and what it names) and `reference`
(chunking_reference.py), some 500 times slower, which stands in where the extension is missing.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Final, NamedTuple, Protocol

from fsmodel.buffers import Buffer
from fsmodel.content import chunking_reference
from fsmodel.content.chunk_limits import ChunkLimits, CutRule
from fsmodel.content.gear import ADDENDS, FEATURE_BYTES, GEAR, MULTIPLIERS
from fsmodel.encoding.hashing import object_id
from fsmodel.store.pack_format import FACTS_FROM, FRAME_HEADER
from fsmodel.store.sections import SECTIONED_ABOVE, SECTIONED_MAX, section_values

__all__ = ["KERNELS", "ChunkLimits", "cut_chunks", "cut_points", "features", "is_noise"]

_log = logging.getLogger(__name__)

_SAMPLE_PATTERNS: Final = 133  # for one chunk of pieces in vectors of each width, and a rest

_CONSTANTS: Final[Mapping[str, object]] = {
    "GEAR": GEAR,
    "MULTIPLIERS": MULTIPLIERS,
    "ADDENDS": ADDENDS,
    "FEATURE_BYTES": FEATURE_BYTES,
    "FRAME_LAYOUT": (FRAME_HEADER.size, FACTS_FROM, SECTIONED_ABOVE, SECTIONED_MAX),
}


class Sequel(NamedTuple):
    """Where the chunks may lie that are cut next: from an offset on in a pack that is open."""

    descriptor: int
    offset: int


NO_SEQUEL: Final = Sequel(-1, 0)


class CutChunks(Protocol):
    """Cuts bytes that come in pieces."""

    def __call__(
        self,
        pieces: list[Buffer],
        rule: CutRule,
        final: bool,
        pack: int = ...,
        offset: int = ...,
        /,
    ) -> Sequence[tuple[int, bytes, bytes]]:
        """Ends and object ids of the chunks, and the values of their sections."""
        ...


class Kernel(NamedTuple):
    """One implementation of all functions."""

    cut_points: Callable[[Buffer, CutRule, bool], list[int]]
    features: Callable[[Buffer], tuple[int, ...]]
    cut_chunks: CutChunks
    is_noise: Callable[[Buffer], bool]


def available_kernels() -> Mapping[str, Kernel]:
    """Every kernel this machine can run, by name, the fastest first.

    Raises ImportError when the extension was built with other constants: its cuts would not
    match stored chunks.
    """
    kernels: dict[str, Kernel] = {}
    try:
        import fsmodel.content._chunking as native
    except ModuleNotFoundError:
        _log.warning(
            "the chunking extension is not built: cutting takes some 500 times longer; "
            "reinstall cairnfs with a C compiler at hand"
        )
    else:
        _check_constants(native)
        _check_hashes(native)
        kernels["native"] = Kernel(
            native.cut_points, native.features, native.cut_chunks, native.is_noise
        )
    kernels["reference"] = Kernel(
        chunking_reference.cut_points,
        chunking_reference.features,
        chunking_reference.cut_chunks,
        chunking_reference.is_noise,
    )
    return MappingProxyType(kernels)


def _check_constants(extension: ModuleType) -> None:
    found = [getattr(extension, name, None) for name in _CONSTANTS]
    if found != list(_CONSTANTS.values()):
        raise ImportError(
            f"{extension.__file__} was built from another source and would cut elsewhere; "
            "reinstall cairnfs"
        )


def _check_hashes(extension: ModuleType) -> None:
    """The extension hashes in another way on each kind of processor: see that it is right here."""
    sample = bytes(range(256)) * _SAMPLE_PATTERNS
    rule = ChunkLimits().rule
    found = extension.cut_chunks([sample], rule, True)
    if found != [(len(sample), object_id(sample), section_values(sample))]:
        raise ImportError(
            f"{extension.__file__} hashes wrongly on this processor; reinstall cairnfs"
        )


KERNELS: Final = available_kernels()
_KERNEL: Final = next(iter(KERNELS.values()))


def cut_points(data: Buffer, limits: ChunkLimits, final: bool) -> list[int]:
    """End offsets, in bytes, of the chunks of `data`, which begins at a chunk boundary.

    With `final`, the data ends where the file ends, and the last cut is its length. Otherwise
    more may follow, and the last piece is listed only if its end is certain already: cutting the
    remainder together with what follows gives the same cuts as cutting all at once. Zeros are
    always cut at `max_size`. Any thread may call it. Raises TypeError or BufferError unless
    `data` is contiguous bytes.
    """
    return _KERNEL.cut_points(data, limits.rule, final)


def cut_chunks(
    pieces: list[Buffer], limits: ChunkLimits, final: bool, sequel: Sequel = NO_SEQUEL
) -> Sequence[tuple[int, bytes, bytes]]:
    """The same cuts of bytes that come in pieces, with each chunk's object id and section values.

    The values come out of the hashing (fsmodel/store/sections.py); short chunks have none.

    If these are the chunks that a pack goes on with, no cut has to be looked for: a chunk was cut
    where its bytes say so, hence there is no earlier cut in these bytes, wherever they stand again.
    So a chunk that has the expected id ends where that one does. What the host does not have in
    memory is not waited for.

    One call for all: whoever cuts and hashes them one by one waits for the interpreter's lock after
    each, which a thread that takes in requests holds most of the time.
    """
    return _KERNEL.cut_chunks(pieces, limits.rule, final, *sequel)


def features(data: Buffer) -> tuple[int, ...]:
    """Twelve 32-bit features of a chunk; empty when no position of it is sampled.

    Chunks that share most bytes share most features. Any thread may call it. Raises TypeError or
    BufferError unless `data` is contiguous bytes.
    """
    return _KERNEL.features(data)


def is_noise(data: Buffer) -> bool:
    """Whether a sample of a chunk looks random, so that hardly any way of compressing can pay.

    Never for less than 16 KiB. It may be wrong: what is repeated at a distance is not seen. Any
    thread may call it. Raises TypeError or BufferError unless `data` is contiguous bytes.
    """
    return _KERNEL.is_noise(data)
