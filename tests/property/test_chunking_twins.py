"""The C kernel answers as the reference does, and cutting piece by piece as cutting at once."""

from itertools import accumulate, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fsmodel.buffers import Buffer
from fsmodel.content._chunking import digest
from fsmodel.content.chunk_limits import MAX_SIZE_LIMIT, CutRule
from fsmodel.content.chunking import KERNELS, ChunkLimits, cut_points
from fsmodel.encoding.hashing import object_id

NATIVE, REFERENCE = KERNELS["native"], KERNELS["reference"]

# Stretches that are random, of one byte, or of a short pattern: (kind, seed, length).
stretches = st.tuples(
    st.sampled_from(["random", "run", "pattern", "few"]),
    st.integers(0, 2**32),
    st.integers(0, 12_000),
)


def stretch(kind: str, seed: int, length: int) -> bytes:
    random = Random(seed)
    if kind == "random":
        return random.randbytes(length)
    if kind == "run":
        return bytes([seed % 256]) * length
    if kind == "few":
        return bytes(random.choices(b"ACGT\n", k=length))
    pattern = random.randbytes(seed % 90 + 1)
    return (pattern * (length // len(pattern) + 1))[:length]


structured = st.lists(stretches, max_size=4).map(
    lambda parts: b"".join(stretch(*part) for part in parts)
)
inputs = st.one_of(st.binary(max_size=300), structured)


@st.composite
def limits(draw: st.DrawFn) -> ChunkLimits:
    """Limits small enough to make cuts of every kind in little data."""
    average = draw(st.integers(512, 9000))
    smallest = draw(st.integers(64, average - 1))
    largest = draw(st.integers(average + 1, 5 * average))
    return ChunkLimits(smallest, average, largest)


@st.composite
def dense_rules(draw: st.DrawFn) -> CutRule:
    """Rules with a cut in every few bytes, for whatever happens at the edges of a stretch."""
    smallest, normal, largest = sorted(draw(st.tuples(*[st.integers(64, 2000)] * 3)))
    bits = draw(st.integers(52, 63))
    return CutRule(smallest, normal, largest, 1 << (bits - 2), 1 << bits)


@given(data=inputs, limits=limits(), final=st.booleans())
@example(data=stretch("random", 1, 60_000), limits=ChunkLimits(64, 30_000, 50_000), final=True)
@example(data=stretch("random", 2, 60_000), limits=ChunkLimits(64, 512, 50_000), final=False)
def test_the_kernel_cuts_like_the_reference(data: bytes, limits: ChunkLimits, final: bool) -> None:
    expected = REFERENCE.cut_points(data, limits.rule, final)
    assert NATIVE.cut_points(data, limits.rule, final) == expected


@given(seed=st.integers(0, 2**32), rule=dense_rules(), final=st.booleans())
def test_the_kernel_cuts_densely_like_the_reference(seed: int, rule: CutRule, final: bool) -> None:
    data = stretch("random", seed, 10_000)
    assert NATIVE.cut_points(data, rule, final) == REFERENCE.cut_points(data, rule, final)


def test_the_kernel_cuts_what_is_just_long_enough_like_the_reference() -> None:
    data, rule = stretch("random", 5, 2000), CutRule(64, 64, 65, 1 << 60, 1 << 60)
    for start in range(len(data) - 64):
        piece = data[start : start + 64]
        assert NATIVE.cut_points(piece, rule, False) == REFERENCE.cut_points(piece, rule, False)


def marker(rule: CutRule) -> bytes:
    """64 bytes that end a chunk, and nothing near them does, when all around them is zero."""
    for seed in range(100_000):
        found = Random(seed).randbytes(64)
        if NATIVE.cut_points(bytes(64) + found + bytes(64), rule, False) == [128]:
            return found
    raise AssertionError("no marker was found")


def test_the_kernel_finds_the_first_of_two_cuts_wherever_the_second_lies() -> None:
    """The kernel looks at four stretches of 200 bytes at once; the first cut is at their edges."""
    size, rule = 64 + 4 * 200 - 1, CutRule(64, 64, 64 + 4 * 200 - 1, 1, 1 << 57)
    mark = marker(rule)
    for first in (63 + edge + near for edge in (200, 400, 600) for near in (-1, 0, 1, 2)):
        for second in range(first + 128, size):
            data = bytearray(size)
            data[first - 64 : first] = data[second - 64 : second] = mark
            assert NATIVE.cut_points(data, rule, False)[0] == first


@pytest.mark.parametrize("seed", range(8))
def test_the_kernel_cuts_long_data_like_the_reference(seed: int) -> None:
    """Long enough for whole blocks of lanes, with a hit in each of them now and then."""
    data, rule = stretch("random", seed, 200_000), ChunkLimits(100, 8000, 65536).rule
    assert NATIVE.cut_points(data, rule, True) == REFERENCE.cut_points(data, rule, True)


@given(data=inputs, limits=limits(), final=st.booleans(), borders=st.lists(st.integers(0, 60_000)))
@example(stretch("random", 1, 60_000), ChunkLimits(64, 30_000, 50_000), True, [])
@example(stretch("random", 1, 60_000), ChunkLimits(64, 3_000, 50_000), False, [1, 7_000, 7_000])
def test_the_kernel_cuts_and_hashes_pieces_like_the_reference(
    data: bytes, limits: ChunkLimits, final: bool, borders: list[int]
) -> None:
    """However they are divided; the reference joins them."""
    ends = sorted(min(border, len(data)) for border in [0, *borders, len(data)])
    pieces: list[Buffer] = [data[low:high] for low, high in pairwise(ends)]
    expected = REFERENCE.cut_chunks([data], limits.rule, final)
    assert NATIVE.cut_chunks(pieces, limits.rule, final) == expected
    assert REFERENCE.cut_chunks(pieces, limits.rule, final) == expected


@pytest.mark.parametrize("wrong", [b"bytes", [3], [b"", None]])
def test_the_kernel_takes_pieces_only(wrong: Any) -> None:
    with pytest.raises(TypeError):
        NATIVE.cut_chunks(wrong, ChunkLimits().rule, True)


@pytest.mark.parametrize("lanes_max", [1, 8, 16])
def test_any_width_hashes_like_blake3(lanes_max: int) -> None:
    """Lengths around whole blocks, pieces, vectors of pieces and subtrees of 256 KiB."""
    data = stretch("random", 7, 3 << 18)
    whole = [
        64,
        1024,
        *(1024 * pieces for pieces in (2, 3, 4, 8, 9, 16, 31, 32, 33, 255, 256, 513)),
    ]
    lengths = [0, 1, *(length + more for length in whole for more in (-1, 0, 1, 65)), len(data)]
    for length in lengths:
        assert digest(data[:length], lanes_max) == object_id(data[:length]), length


def test_the_longest_chunk_is_hashed_like_blake3() -> None:
    data = bytes(MAX_SIZE_LIMIT)
    assert digest(data, 16) == object_id(data)
    with pytest.raises(ValueError, match="too many"):
        digest(data + b"0", 16)


@given(data=inputs)
@example(data=stretch("random", 3, 64))
@example(data=stretch("random", 4, 20_000))
def test_the_kernel_finds_the_features_of_the_reference(data: bytes) -> None:
    assert NATIVE.features(data) == REFERENCE.features(data)


def test_the_kernel_samples_the_first_window_like_the_reference() -> None:
    data = stretch("random", 6, 2000)
    for start in range(len(data) - 64):
        piece = data[start : start + 64]
        assert NATIVE.features(piece) == REFERENCE.features(piece)


@given(data=inputs, limits=limits(), pieces=st.lists(st.integers(1, 9000), max_size=20))
def test_cutting_piece_by_piece_is_cutting_at_once(
    data: bytes, limits: ChunkLimits, pieces: list[int]
) -> None:
    cuts: list[int] = []
    for known in accumulate(pieces):
        start = cuts[-1] if cuts else 0
        cuts += [start + end for end in cut_points(data[start:known], limits, False)]
    start = cuts[-1] if cuts else 0
    cuts += [start + end for end in cut_points(data[start:], limits, True)]
    assert cuts == cut_points(data, limits, True)


@given(data=inputs, limits=limits())
def test_every_chunk_is_the_first_of_what_begins_with_it(data: bytes, limits: ChunkLimits) -> None:
    """A cut depends on nothing before the chunk, nor on what follows it."""
    start = 0
    for end in cut_points(data, limits, False):
        assert cut_points(data[start:end], limits, False) == [end - start]
        start = end


@given(data=inputs, limits=limits())
def test_sizes_keep_the_limits(data: bytes, limits: ChunkLimits) -> None:
    cuts = cut_points(data, limits, True)
    sizes = [end - start for start, end in zip([0, *cuts], cuts, strict=False)]
    assert sum(sizes) == len(data)
    assert all(limits.min_size <= size <= limits.max_size for size in sizes[:-1])
    assert all(0 < size <= limits.max_size for size in sizes[-1:])


@given(data=inputs, repeated=st.integers(1, 20))
@example(data=stretch("random", 8, 20_000), repeated=1)
@example(data=stretch("random", 8, 300), repeated=200)
def test_the_kernel_tells_noise_like_the_reference(data: bytes, repeated: int) -> None:
    assert NATIVE.is_noise(data * repeated) == REFERENCE.is_noise(data * repeated)
