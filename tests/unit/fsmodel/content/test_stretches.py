"""Where neighbours of a chunk would lie, until that was wrong too often."""

from random import Random

import pytest

from fsmodel.content.stretches import COMPRESSED_MAX, WRONG_MAX, Sequel, Stretch
from fsmodel.ids import PackId

PACK = PackId(7)


def test_nothing_is_guessed_at_first() -> None:
    assert Stretch().guess(0, 0) is None


def test_chunks_lie_as_far_apart_as_the_frames_between_them_are_long() -> None:
    stretch = Stretch()
    stretch.learn(3, 1_000, (PACK, 50_000))
    assert stretch.guess(3, 1_000) == (PACK, 50_000)
    assert stretch.guess(5, 1_700) == (PACK, 50_700)
    assert stretch.guess(0, 0) == (PACK, 49_000)


def test_the_nearest_chunk_that_is_known_is_asked() -> None:
    stretch = Stretch()
    stretch.learn(3, 3_000, (PACK, 50_000))
    stretch.learn(9, 9_000, (PackId(8), 48))
    assert stretch.guess(5, 5_000) == (PACK, 52_000)
    assert stretch.guess(8, 8_000) == (PackId(8), 48 - 1_000)
    assert stretch.guess(20, 20_000) == (PackId(8), 11_048)
    assert stretch.guess(0, 0) == (PACK, 47_000)


def test_what_is_learned_later_counts() -> None:
    stretch = Stretch()
    stretch.learn(3, 1_000, (PACK, 50_000))
    stretch.was_wrong(is_raw=True)
    stretch.learn(3, 1_000, (PackId(8), 48))
    assert stretch.guess(3, 1_000) == (PackId(8), 48)
    assert stretch.guess(4, 1_200) == (PackId(8), 248)


@pytest.mark.parametrize("gaps", [[], [500], [1, 999], [300, 301, 302], [100, 500, 900]])
def test_gaps_are_found_by_a_few_wrong_guesses(gaps: list[int]) -> None:
    """A page of a thousand frames of 100 bytes, with frames of others in front of some of them."""

    def place(number: int) -> tuple[PackId, int]:
        others = sum(gap <= number for gap in gaps)
        return PACK, 48 + number * 100 + others * 5_000

    stretch, source, wrong = Stretch(), Random(5), 0
    for number in source.choices(range(1000), k=1000):
        guess = stretch.guess(number, number * 100)
        if guess != place(number):
            wrong += 1
            if guess is not None:
                stretch.was_wrong(is_raw=True)
            stretch.learn(number, number * 100, place(number))
    assert wrong <= 1 + 8 * len(gaps)
    right = sum(stretch.guess(number, number * 100) == place(number) for number in range(1000))
    assert right >= 950


def test_there_is_an_end_of_wrong_guesses() -> None:
    stretch = Stretch()
    for _ in range(WRONG_MAX):
        stretch.learn(0, 0, (PACK, 48))
        stretch.was_wrong(is_raw=True)
    stretch.learn(0, 0, (PACK, 48))
    assert stretch.guess(0, 0) is None


def test_compressed_chunks_end_guessing_soon() -> None:
    stretch = Stretch()
    stretch.learn(0, 0, (PACK, 48))
    for _ in range(COMPRESSED_MAX):
        assert stretch.guess(5, 500) is not None
        stretch.was_wrong(is_raw=False)
    assert stretch.guess(5, 500) is None


def test_two_frames_in_a_row_tell_of_a_third() -> None:
    sequel = Sequel()
    assert sequel.guess() is None
    sequel.found((PACK, 100), 30)
    assert sequel.guess() is None
    sequel.found((PACK, 130), 70)
    assert sequel.guess() == (PACK, 200)
    sequel.found((PACK, 200), 5)
    assert sequel.guess() == (PACK, 205)


def test_a_frame_elsewhere_ends_the_row() -> None:
    sequel = Sequel()
    sequel.found((PACK, 100), 30)
    sequel.found((PACK, 130), 70)
    sequel.found((PackId(8), 200), 70)
    assert sequel.guess() is None
    sequel.found((PackId(8), 270), 1)
    assert sequel.guess() == (PackId(8), 271)


def test_what_is_not_stored_as_it_is_ends_the_row() -> None:
    sequel = Sequel()
    sequel.found((PACK, 100), 30)
    sequel.found((PACK, 130), 70)
    sequel.end()
    assert sequel.guess() is None
    sequel.found((PACK, 200), 1)
    assert sequel.guess() is None


def test_the_nearest_is_asked_whatever_is_known() -> None:
    stretch, source, known = Stretch(), Random(8), dict[int, tuple[PackId, int]]()
    for number in source.sample(range(200), 40):
        known[number] = (PackId(source.randrange(1, 1 << 30)), source.randrange(1 << 30))
        stretch.learn(number, 0, known[number])
        for wanted in range(200):
            # of two that are as near, the one behind
            nearest = min(known, key=lambda each: (abs(each - wanted), -each))
            assert stretch.guess(wanted, 0) == known[nearest]


def test_across_a_gap_the_other_neighbour_is_right() -> None:
    stretch = Stretch()
    assert stretch.second_guess(5, 500) is None
    stretch.learn(2, 200, (PACK, 1_000))
    assert stretch.second_guess(5, 500) is None
    stretch.learn(8, 800, (PACK, 9_000))
    assert (stretch.guess(4, 400), stretch.second_guess(4, 400)) == ((PACK, 1_200), (PACK, 8_600))
    assert (stretch.guess(6, 600), stretch.second_guess(6, 600)) == ((PACK, 8_800), (PACK, 1_400))
    assert stretch.second_guess(1, 100) is None
    assert stretch.second_guess(9, 900) is None
    stretch.learn(4, 400, (PACK, 1_200))
    assert stretch.second_guess(3, 300) is None  # says the same
