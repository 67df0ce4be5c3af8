"""Few letters: told by a taste, written one by one, and compared by long runs."""

from random import Random

import pytest

from fsmodel.encoding.codecs import Codec, decode, encode, encode_delta
from fsmodel.encoding.delta import level_matters
from fsmodel.encoding.taste import (
    LETTERS_MAX,
    TASTED_BYTES_MIN,
    tastes_incompressible,
    tastes_of_few_letters,
)
from fsmodel.encoding.zstd_frames import compress

GENOME = bytes(Random(1).choices(b"ACGT", weights=(33, 17, 17, 33), k=70_000))
TEXT = b"".join(b"line %d of a Text with Words, %x\n" % (n, n * 7919) for n in range(4000))
NOISE = Random(2).randbytes(70_000)


def strain(genome: bytes) -> bytes:
    """The genome with a letter changed in each thousand, and some missing."""
    random, changed = Random(3), bytearray(genome)
    for _ in range(len(genome) // 1000):
        changed[random.randrange(len(genome))] = random.choice(b"ACGT")
    del changed[30_000:30_011]
    return bytes(changed)


def test_a_taste_tells_kinds_of_bytes_apart() -> None:
    assert [tastes_of_few_letters(each) for each in (GENOME, TEXT, NOISE)] == [True, False, False]
    assert [tastes_incompressible(each) for each in (GENOME, TEXT, NOISE)] == [False, False, True]


def test_what_is_small_is_not_tasted() -> None:
    assert tastes_of_few_letters(bytes(TASTED_BYTES_MIN))
    assert not tastes_of_few_letters(bytes(TASTED_BYTES_MIN - 1))
    assert not tastes_incompressible(NOISE[: TASTED_BYTES_MIN - 1])


@pytest.mark.parametrize("letters", [LETTERS_MAX, LETTERS_MAX + 1])
def test_how_many_letters_are_few(letters: int) -> None:
    assert tastes_of_few_letters(bytes(range(letters)) * 2000) is (letters == LETTERS_MAX)


def test_letters_are_written_by_the_entropy_coder() -> None:
    codec, payload = encode(GENOME, 3)
    assert codec is Codec.ZSTD
    assert decode(codec, payload, len(GENOME)) == GENOME
    assert len(payload) < 0.9 * len(compress(GENOME, 3))


def test_few_letters_that_repeat_are_still_told_by_their_repeats() -> None:
    """The smaller of both ways counts."""
    payload = encode(GENOME[:1000] * 60, 3)[1]
    assert len(payload) < 1000


@pytest.mark.parametrize("level", [1, 3, 6])
def test_a_strain_costs_little_more_than_its_mutations(level: int) -> None:
    changed = strain(GENOME)
    payload = encode_delta(changed, GENOME, level)
    assert decode(Codec.DELTA, payload, len(changed), GENOME) == changed
    assert len(payload) < len(changed) // 25
    assert payload == encode_delta(changed, GENOME, 3)
    assert not level_matters(changed)


def test_the_level_matters_to_text() -> None:
    assert level_matters(TEXT)


@pytest.mark.parametrize("size", [TASTED_BYTES_MIN, 100_000, 300_000])
def test_every_part_of_the_base_is_within_reach(size: int) -> None:
    base = bytes(Random(size).choices(b"ACGT", k=size))
    plain = base[size // 2 :] + b"N" + base[: size // 2]
    assert len(encode_delta(plain, base, 3)) < 100 + size // 500
