"""Cutting what a pack may have already: quicker, and to the same chunks whatever lies there."""

from collections.abc import Iterator
from ctypes import CDLL, addressof, c_size_t, c_ubyte, c_void_p
from itertools import accumulate, pairwise
from mmap import ACCESS_COPY, mmap
from mmap import PAGESIZE as PAGE
from os import (
    O_CREAT,
    O_RDWR,
    POSIX_FADV_DONTNEED,
    close,
    fdatasync,
    memfd_create,
    posix_fadvise,
    pwrite,
)
from os import open as host_open
from pathlib import Path
from random import Random
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.buffers import Buffer
from fsmodel.content.chunk_limits import CutRule
from fsmodel.content.chunking import KERNELS, ChunkLimits
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.store.pack_format import ObjectKind, encode_frame

NATIVE, REFERENCE = KERNELS["native"], KERNELS["reference"]
RULE = ChunkLimits(64, 512, 2048).rule
LARGE = ChunkLimits(8192, 16384, 65536).rule  # each chunk begins in another page of the host
DATA = Random(1).randbytes(60_000)
SEED = 5
PLAIN_SIZE_AT = 24


def frame(data: bytes, kind: ObjectKind = ObjectKind.CHUNK) -> bytes:
    """A chunk as it stands in a pack."""
    made = encode_frame(kind, Codec.RAW, len(data), object_id(data), data)
    return b"".join(made.sealed(SEED))


def chunks_of(data: bytes, rule: CutRule = RULE) -> list[bytes]:
    ends = [end for end, _, _ in REFERENCE.cut_chunks([data], rule, True)]
    return [data[low:high] for low, high in pairwise([0, *ends])]


@pytest.fixture(scope="module")
def descriptor() -> Iterator[int]:
    """A file that stands for a pack."""
    descriptor = memfd_create("pack")
    yield descriptor
    close(descriptor)


def cut(
    descriptor: int, pack: bytes, data: bytes, *, border: int = 0, final: bool = True
) -> object:
    """What the kernel makes of data in two pieces, with a pack that may have its chunks."""
    pwrite(descriptor, pack + bytes(64), 0)
    pieces: list[Buffer] = [data[:border], data[border:]]
    return NATIVE.cut_chunks(pieces, RULE, final, descriptor, 0)


edits = st.lists(st.tuples(st.integers(0, 59_999), st.binary(max_size=700)), max_size=3)
others = st.sampled_from([b"", frame(b"page", ObjectKind.MANIFEST), frame(b"chunk of others")])


@given(
    edits=edits,
    others=st.lists(others, min_size=200, max_size=200),
    first=st.integers(0, 20),
    torn=st.integers(0, 60_000),
    border=st.integers(0, 60_000),
    final=st.booleans(),
)
def test_a_pack_changes_no_cut(
    descriptor: int,
    edits: list[tuple[int, bytes]],
    others: list[bytes],
    first: int,
    torn: int,
    border: int,
    final: bool,
) -> None:
    """Not with other frames between, not where it ends, and not for data that differs."""
    stored = chunks_of(DATA)[first:]
    pack = b"".join(b"".join(pair) for pair in zip(map(frame, stored), others, strict=False))
    data = bytearray(DATA)
    for at, new in edits:
        data[at : at + len(new) // 2] = new
    expected = REFERENCE.cut_chunks([bytes(data)], RULE, final)
    found = cut(descriptor, pack[: max(torn, 64)], bytes(data), border=border, final=final)
    assert found == expected


@given(pack=st.binary(max_size=400))
def test_neither_does_what_is_no_pack(descriptor: int, pack: bytes) -> None:
    assert cut(descriptor, pack, DATA) == REFERENCE.cut_chunks([DATA], RULE, True)


def test_a_descriptor_that_is_not_open_is_no_pack() -> None:
    expected = REFERENCE.cut_chunks([DATA], RULE, True)
    assert NATIVE.cut_chunks([DATA], RULE, True, 1 << 20, 0) == expected
    assert NATIVE.cut_chunks([DATA], RULE, True, -1, 0) == expected


def two_as_one(data: bytes = DATA, rule: CutRule = RULE) -> tuple[bytes, bytes]:
    """Two chunks that are short enough for one, joined, and what follows them."""
    chunks = chunks_of(data, rule)
    most = rule.max_size
    joined = next(n for n, pair in enumerate(pairwise(chunks)) if len(b"".join(pair)) < most)
    return b"".join(chunks[joined : joined + 2]), b"".join(chunks[joined + 2 :])


@pytest.mark.parametrize("border", [0, 100, 50_000])
def test_chunks_that_a_pack_has_are_not_searched_for_cuts(descriptor: int, border: int) -> None:
    """As a chunk which no store can have shows, since there is a cut in the middle of it."""
    joined, behind = two_as_one()
    found = cut(descriptor, frame(joined), joined + behind, border=border)
    assert isinstance(found, list)
    assert found[0] == (len(joined), object_id(joined), b"")
    assert [end - len(joined) for end, _, _ in found[1:]] == [
        end for end, _, _ in REFERENCE.cut_chunks([behind], RULE, True)
    ]


@pytest.mark.parametrize("cut_off", [1, 30])
def test_a_chunk_that_does_not_end_by_the_rule_is_searched(descriptor: int, cut_off: int) -> None:
    """As the last chunk of a file, which ended there for want of bytes."""
    joined, behind = two_as_one()
    found = cut(descriptor, frame(joined[:-cut_off]), joined + behind)
    assert found == REFERENCE.cut_chunks([joined + behind], RULE, True)


@pytest.mark.parametrize("size", [0, 1, 63, 500, 2049, (1 << 32) - 1])
def test_a_size_that_no_chunk_has_is_passed_over(descriptor: int, size: int) -> None:
    pack = bytearray(frame(chunks_of(DATA)[0]))
    pack[PLAIN_SIZE_AT : PLAIN_SIZE_AT + 4] = size.to_bytes(4, "little")
    assert cut(descriptor, bytes(pack), DATA) == REFERENCE.cut_chunks([DATA], RULE, True)


def test_a_pack_is_gone_on_with_behind_a_chunk_that_differs(descriptor: int) -> None:
    """So one edit does not end it: what stands behind is taken at its word again."""
    chunks = chunks_of(DATA)
    joined, behind = two_as_one()
    pack = frame(chunks[3]) + frame(joined)
    data = chunks[0] + joined + behind
    found = cut(descriptor, pack, data)
    assert isinstance(found, list)
    assert [end for end, _, _ in found[:2]] == [len(chunks[0]), len(chunks[0]) + len(joined)]


def is_in_memory(descriptor: int, offset: int) -> bool:
    """Whether the host has a page of a file, which this does not make it bring."""
    found = (c_ubyte * 1)()
    with mmap(descriptor, PAGE, access=ACCESS_COPY, offset=offset) as pages:
        first = c_ubyte.from_buffer(pages)
        CDLL(None).mincore(c_void_p(addressof(first)), c_size_t(PAGE), found)
        del first
    return bool(found[0] & 1)


def forget(descriptor: int, offset: int) -> None:
    """Have the host drop a page of a file from memory, or skip the test if it keeps it."""
    offset -= offset % PAGE
    deadline = monotonic() + 2
    while is_in_memory(descriptor, offset):
        if monotonic() > deadline:
            pytest.skip("the host keeps what it is told to forget")
        fdatasync(descriptor)
        posix_fadvise(descriptor, offset, PAGE, POSIX_FADV_DONTNEED)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[int]:
    """A pack that is no memory of its own."""
    descriptor = host_open(tmp_path / "pack", O_RDWR | O_CREAT)
    yield descriptor
    close(descriptor)


def write_frames(descriptor: int, chunks: list[bytes]) -> list[int]:
    """Where each begins. What lies in a page of its own can be forgotten by itself."""
    at, begins = 0, list[int]()
    for chunk in chunks:
        begins.append(at)
        made = frame(chunk)
        to_page = PAGE - at % PAGE
        for part in (made[:to_page], made[to_page : to_page + PAGE], made[to_page + PAGE :]):
            at += pwrite(descriptor, part, at)
    return begins


@pytest.mark.parametrize("absent", [1, 3])
def test_headers_that_are_not_in_memory_are_passed_over(disk: int, absent: int) -> None:
    """Their chunks are searched, and what follows them is not."""
    data = Random(2).randbytes(1_000_000)
    joined, behind = two_as_one(data, LARGE)
    before = chunks_of(data, LARGE)[:absent]
    for begin in write_frames(disk, [*before, joined])[:-1]:
        forget(disk, begin)
    pieces: list[Buffer] = [b"".join(before), joined + behind]
    ends = [end for end, _, _ in NATIVE.cut_chunks(pieces, LARGE, True, disk, 0)]
    assert ends[: absent + 1] == [*accumulate(map(len, [*before, joined]))]
