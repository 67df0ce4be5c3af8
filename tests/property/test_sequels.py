"""Cutting what a pack may have already: quicker, and to the same chunks whatever lies there."""

from collections.abc import Iterator
from itertools import pairwise
from os import close, memfd_create, pwrite
from random import Random

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


def two_as_one() -> tuple[bytes, bytes]:
    """Two chunks that are short enough for one, joined, and what follows them."""
    chunks = chunks_of(DATA)
    joined = next(n for n, pair in enumerate(pairwise(chunks)) if len(b"".join(pair)) < 2048)
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
