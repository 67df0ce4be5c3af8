"""Where chunks end, pinned down, and what deduplication needs of it."""

import logging
import sys
from hashlib import sha256, shake_128
from itertools import pairwise
from random import Random
from types import ModuleType

import pytest

import fsmodel.content
from fsmodel.buffers import Buffer
from fsmodel.content.chunk_limits import MAX_SIZE_LIMIT, CutRule
from fsmodel.content.chunking import (
    KERNELS,
    ChunkLimits,
    available_kernels,
    cut_points,
    features,
    is_noise,
)
from fsmodel.content.gear import ADDENDS, GEAR, MULTIPLIERS, RUN_HASH_MIN, WORD_MASK

DEFAULT = ChunkLimits()
GOLDEN_BYTES = shake_128(b"cairnfs golden cuts").digest(1 << 20)
GOLDEN_TEXT = b"".join(b"%d,%d\n" % (n, n * n % 9973) for n in range(60000))


def sizes(cuts: list[int]) -> list[int]:
    return [end - start for start, end in pairwise([0, *cuts])]


def test_cuts_never_move() -> None:
    """Stored chunks were cut so: a moved cut would end deduplication with all of them."""
    assert cut_points(GOLDEN_BYTES, DEFAULT, True) == [
        *(59317, 112766, 198119, 282505, 347153, 368314, 423632, 481198, 583508, 640548, 705845),
        *(767957, 839133, 894220, 982650, 1048576),
    ]
    assert cut_points(GOLDEN_TEXT, DEFAULT, True) == [
        *(57100, 100450, 179942, 241271, 306252, 360054, 413931, 498918, 553270, 591400, 642097),
    ]
    assert cut_points(GOLDEN_BYTES[:40872], ChunkLimits(1000, 4000, 9000), True) == [
        *(3635, 6743, 10661, 14491, 16376, 20729, 25461, 28888, 32604, 36075, 38857, 40872),
    ]


def test_features_never_move() -> None:
    assert features(GOLDEN_BYTES[:65536]) == (
        *(0xFEE6AFFD, 0xFF841E9D, 0xFF382CCA, 0xFDF93377, 0xFE3C62F0, 0xFFC0C796),
        *(0xFFCAC567, 0xFE7F2253, 0xFFC603B6, 0xFF231F96, 0xFFD35F22, 0xFFDF332C),
    )


def test_constants_never_move() -> None:
    words = b"".join(word.to_bytes(8, "big") for word in GEAR + MULTIPLIERS + ADDENDS)
    digest = "37f42b116c4fe94f8820e3de3df7a83f437ba5b3710aa4143e232acedf2f21e2"
    assert sha256(words).hexdigest() == digest


def test_no_run_of_one_byte_can_be_cut_by_its_hash() -> None:
    """The hash of a run of bytes with gear number g is g * (2**64 - 1), that is -g."""
    assert all(-number & WORD_MASK >= RUN_HASH_MIN for number in GEAR)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("limits", [DEFAULT, ChunkLimits(64, 512, 1000)])
def test_zeros_are_cut_at_the_largest_size(kernel: str, limits: ChunkLimits) -> None:
    """Holes rely on it: a stretch of zeros is one chunk, again and again."""
    whole, rest = 3 * limits.max_size, 100
    expected = [limits.max_size * n for n in (1, 2, 3)]
    cut = KERNELS[kernel].cut_points
    assert cut(bytes(whole + rest), limits.rule, False) == expected
    assert cut(bytes(whole + rest), limits.rule, True) == [*expected, whole + rest]
    assert cut(bytes(whole), limits.rule, True) == expected


@pytest.mark.parametrize("byte", range(256))
def test_no_other_byte_cuts_a_run_either(byte: int) -> None:
    limits = ChunkLimits(64, 512, 4000)
    assert cut_points(bytes([byte]) * 8000, limits, False) == [4000, 8000]
    assert features(bytes([byte]) * 8000) == ()


def test_empty_data_has_no_chunk() -> None:
    assert cut_points(b"", DEFAULT, True) == cut_points(b"", DEFAULT, False) == []


def test_a_short_file_is_one_chunk() -> None:
    assert cut_points(b"x", DEFAULT, True) == [1]
    assert cut_points(GOLDEN_BYTES[:16384], DEFAULT, True) == [16384]


def test_the_last_piece_is_listed_only_when_it_is_certain() -> None:
    everything = cut_points(GOLDEN_BYTES, DEFAULT, True)
    assert cut_points(GOLDEN_BYTES, DEFAULT, False) == everything[:-1]
    first = everything[0]
    assert cut_points(GOLDEN_BYTES[: first - 1], DEFAULT, False) == []
    assert cut_points(GOLDEN_BYTES[:first], DEFAULT, False) == [first]


def test_sizes_keep_the_limits_and_the_average() -> None:
    found = sizes(cut_points(Random(1).randbytes(32 << 20), DEFAULT, True))
    assert min(found[:-1]) >= DEFAULT.min_size
    assert max(found) <= DEFAULT.max_size
    assert 0.9 < sum(found) / len(found) / DEFAULT.average < 1.1


@pytest.mark.parametrize("inserted", [1, 63, 5000, 100_000])
def test_cuts_come_back_behind_inserted_bytes(inserted: int) -> None:
    data = Random(2).randbytes(8 << 20)
    old = {end + inserted for end in cut_points(data, DEFAULT, True)}
    new = set(cut_points(Random(3).randbytes(inserted) + data, DEFAULT, True))
    assert len(new - old) <= 4 + inserted // DEFAULT.min_size


def test_similar_chunks_share_features_and_others_do_not() -> None:
    random = Random(4)
    chunk = random.randbytes(65536)
    edited = bytearray(chunk)
    for _ in range(10):
        at = random.randrange(len(edited))
        edited[at:at] = random.randbytes(20)
    own = features(chunk)
    assert sum(a == b for a, b in zip(own, features(edited), strict=True)) >= 8
    assert sum(a == b for a, b in zip(own, features(random.randbytes(65536)), strict=True)) == 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_data_too_short_for_a_sample_has_no_features(kernel: str) -> None:
    assert KERNELS[kernel].features(b"") == ()
    assert KERNELS[kernel].features(GOLDEN_BYTES[:63]) == ()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_contiguous_buffer_will_do(kernel: str, kind: type[Buffer]) -> None:
    cut, take, hashed, noise = KERNELS[kernel]
    data = GOLDEN_BYTES[:100_000]
    assert cut(kind(data), DEFAULT.rule, True) == cut(data, DEFAULT.rule, True)
    assert take(kind(data[:9000])) == take(data[:9000])
    assert noise(kind(data))
    assert hashed([kind(data)], DEFAULT.rule, True) == hashed([data], DEFAULT.rule, True)


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_is_no_contiguous_buffer_is_refused(kernel: str) -> None:
    cut, take, hashed, noise = KERNELS[kernel]
    for wrong in ("text", memoryview(GOLDEN_BYTES)[::2]):
        with pytest.raises((TypeError, BufferError)):
            cut(wrong, DEFAULT.rule, True)  # type: ignore[arg-type]
        with pytest.raises((TypeError, BufferError)):
            take(wrong)  # type: ignore[arg-type]
        with pytest.raises((TypeError, BufferError)):
            hashed(wrong, DEFAULT.rule, True)  # type: ignore[arg-type]
        with pytest.raises((TypeError, BufferError)):
            noise(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "limits",
    [
        (63, 512, 1024),
        (64, 511, 1024),
        (512, 512, 1024),
        (64, 1024, 1024),
        (64, 512, MAX_SIZE_LIMIT + 1),
        (-1, 512, 1024),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(limits: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="chunk size"):
        ChunkLimits(*limits)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ((63, 64, 64, 1, 2), ValueError),
        ((64, 63, 64, 1, 2), ValueError),
        ((64, 64, 63, 1, 2), ValueError),
        ((-64, 64, 64, 1, 2), ValueError),
        ((64, 64, 64, 1 << 64, 2), OverflowError),
        ((64, 64, 64, -1, 2), OverflowError),
        ((64, 64, 1 << 64, 1, 2), OverflowError),
        ((64, 64, 64, 1), TypeError),
        ((64, 64, 64, 1, "2"), TypeError),
        ([64, 64, 64, 1, 2], TypeError),
    ],
)
def test_the_extension_refuses_a_wrong_rule(rule: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        KERNELS["native"].cut_points(b"", rule, True)  # type: ignore[arg-type]


def test_a_missing_extension_is_replaced_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "fsmodel.content._chunking", None)
    assert list(available_kernels()) == ["reference"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("wrong", [{"GEAR": GEAR[::-1]}, {"FEATURE_BYTES": 64}, {}])
def test_an_extension_with_other_constants_is_refused(
    wrong: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or without one, as an older build may be."""
    other = ModuleType("fsmodel.content._chunking")
    other.__dict__.update(GEAR=GEAR, MULTIPLIERS=MULTIPLIERS, ADDENDS=ADDENDS, __file__="x")
    other.__dict__.update(wrong)
    monkeypatch.setitem(sys.modules, other.__name__, other)
    monkeypatch.setattr(fsmodel.content, "_chunking", other)
    with pytest.raises(ImportError, match="built from another source"):
        available_kernels()


def test_an_extension_that_hashes_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it might on a processor of a kind that it was never tried on."""
    other = ModuleType("fsmodel.content._chunking")
    other.__dict__.update(vars(sys.modules[other.__name__]))
    other.__dict__.update(cut_chunks=lambda pieces, rule, final: [(len(pieces[0]), bytes(32))])
    monkeypatch.setitem(sys.modules, other.__name__, other)
    monkeypatch.setattr(fsmodel.content, "_chunking", other)
    with pytest.raises(ImportError, match="hashes wrongly"):
        available_kernels()


def test_the_extension_refuses_chunks_too_long_to_be_hashed() -> None:
    with pytest.raises(ValueError, match="too long"):
        KERNELS["native"].cut_chunks([], CutRule(64, 64, MAX_SIZE_LIMIT + 1, 1, 2), True)


NOISE = Random(9).randbytes(65536)


@pytest.mark.parametrize("kernel", KERNELS)
def test_random_bytes_are_noise_from_16_kib_on(kernel: str) -> None:
    assert KERNELS[kernel].is_noise(NOISE)
    assert KERNELS[kernel].is_noise(NOISE[:16384])
    assert not KERNELS[kernel].is_noise(NOISE[:16383])
    assert not KERNELS[kernel].is_noise(b"")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    "data",
    [
        bytes(65536),
        GOLDEN_TEXT[:65536],
        NOISE[:60000] + bytes(5536),
        NOISE[:50000] + GOLDEN_TEXT[:15536],
        bytes(range(256)) * 256,
        NOISE[:1000] * 65,
        bytes(byte & 0xFE for byte in NOISE),
    ],
    ids=["zeros", "text", "zeros behind", "text behind", "count", "again and again", "seven bits"],
)
def test_what_compresses_is_no_noise(kernel: str, data: bytes) -> None:
    assert not KERNELS[kernel].is_noise(data)


def test_hardly_any_random_bytes_are_taken_for_something() -> None:
    assert all(is_noise(Random(seed).randbytes(16384)) for seed in range(300))
