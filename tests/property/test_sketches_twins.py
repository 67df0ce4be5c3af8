"""The C kernel reads blocks of sketches as the reference does, and refuses what it refuses."""

import sys
from array import array
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsmodel.store
from fsmodel.store.sketches import (
    FEATURE_COUNT,
    KERNELS,
    SKETCH_BYTES,
    Note,
    available_kernels,
    note_block,
    reference_note,
)

NATIVE = KERNELS["native"]
PLACES = 40


def tables(slots: int) -> tuple["array[int]", "array[int]"]:
    return array("I", bytes(4 * FEATURE_COUNT * PLACES)), array("I", bytes(4 * slots))


@given(
    counts=st.lists(st.integers(0, 10), max_size=4),
    bits=st.integers(0, 12),
    seed=st.integers(0, 2**32),
)
def test_both_make_the_same_tables(counts: list[int], bits: int, seed: int) -> None:
    """Few slots: many features meet in one, where the first stays."""
    source = Random(seed)
    blocks = [source.randbytes(count * SKETCH_BYTES) for count in counts]
    places = [source.randrange(PLACES - 9) for _ in blocks]
    made = []
    for kernel in (NATIVE, reference_note):
        features, slots = tables(1 << bits)
        for block, place in zip(blocks, places, strict=True):
            kernel(block, place, features, slots)
        made.append((features, slots))
    assert made[0] == made[1]


@pytest.mark.parametrize("note", [NATIVE, reference_note, note_block])
@pytest.mark.parametrize(
    ("size", "place", "slots"),
    [
        (SKETCH_BYTES - 1, 0, 8),
        (SKETCH_BYTES, PLACES, 8),
        (SKETCH_BYTES * 2, PLACES - 1, 8),
        (SKETCH_BYTES, -1, 8),
        (SKETCH_BYTES, 0, 7),
        (SKETCH_BYTES, 0, 0),
    ],
)
def test_what_has_no_room_is_refused(note: Note, size: int, place: int, slots: int) -> None:
    features, slot_table = tables(slots)
    with pytest.raises(ValueError, match="no room for"):
        note(bytes(size), place, features, slot_table)
    assert not any(features)


def test_tables_that_cannot_be_written_are_refused() -> None:
    features, _ = tables(8)
    with pytest.raises((TypeError, BufferError)):
        NATIVE(bytes(SKETCH_BYTES), 0, features, bytes(32))  # type: ignore[arg-type]


def test_without_the_extension_the_reference_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsmodel.store._sketches", None)
    monkeypatch.delattr(fsmodel.store, "_sketches")
    assert list(available_kernels()) == ["reference"]
