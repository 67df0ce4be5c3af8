"""Where neighbours of a chunk would lie, until that was wrong too often."""

from fsmodel.content.stretches import WRONG_MAX, Sequel, Stretch
from fsmodel.ids import PackId
from fsmodel.store.pack_format import FRAME_HEADER

HEADER = FRAME_HEADER.size
PACK = PackId(7)


def test_nothing_is_guessed_at_first() -> None:
    assert Stretch().guess(0, 0) is None


def test_frames_lie_as_far_apart_as_their_bytes_and_headers() -> None:
    stretch = Stretch()
    stretch.learn(3, 1_000, (PACK, 50_000))
    assert stretch.guess(3, 1_000) == (PACK, 50_000)
    assert stretch.guess(5, 1_700) == (PACK, 50_700 + 2 * HEADER)
    assert stretch.guess(0, 0) == (PACK, 49_000 - 3 * HEADER)


def test_what_is_learned_later_counts() -> None:
    stretch = Stretch()
    stretch.learn(3, 1_000, (PACK, 50_000))
    stretch.was_wrong()
    assert stretch.guess(3, 1_000) is None
    stretch.learn(4, 1_200, (PackId(8), 48))
    assert stretch.guess(5, 1_300) == (PackId(8), 148 + HEADER)


def test_there_is_an_end_of_wrong_guesses() -> None:
    stretch = Stretch()
    for _ in range(WRONG_MAX):
        stretch.learn(0, 0, (PACK, 48))
        stretch.was_wrong()
    stretch.learn(0, 0, (PACK, 48))
    assert stretch.guess(0, 0) is None


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
