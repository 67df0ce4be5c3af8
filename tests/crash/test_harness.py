"""The comparison that judges a crash notices what it is there to notice."""

from collections.abc import Callable
from typing import Final

import pytest

from tests.crash.killing import require_before_or_after, require_equal, require_equal_but_for_one
from tests.support.recorded_writer import Action, File, Model


def two_files() -> Model:
    return Model({"a": File(b"bytes"), "b": File(b"others", mark=b"1")})


def lose_a_file(model: Model) -> None:
    del model.files["a"]


def lose_a_byte(model: Model) -> None:
    model.files["a"].data = b"byte"


def swap_a_byte(model: Model) -> None:
    model.files["a"].data = b"bytEs"


def change_the_mode(model: Model) -> None:
    model.files["a"].mode = 0o600


def lose_an_attribute(model: Model) -> None:
    model.files["b"].mark = None


def bring_a_file_back(model: Model) -> None:
    model.files["c"] = File()


def join_two_files(model: Model) -> None:
    model.files["a"] = model.files["b"]


FAULTS: Final = (
    lose_a_file,
    lose_a_byte,
    swap_a_byte,
    change_the_mode,
    lose_an_attribute,
    bring_a_file_back,
    join_two_files,
)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_difference_is_noticed(fault: Callable[[Model], None]) -> None:
    damaged = two_files()
    fault(damaged)
    require_equal(two_files(), two_files())
    with pytest.raises(AssertionError):
        require_equal(damaged, two_files())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_difference_beside_the_action_under_way_is_noticed(
    fault: Callable[[Model], None],
) -> None:
    for pending in (Action("remove", "d"), Action("create", "d", size=3)):
        damaged = two_files()
        damaged.files["d"] = File(b"d")
        fault(damaged)
        before = two_files()
        before.files["d"] = File(b"d")
        check = require_before_or_after if pending.is_atomic else require_equal_but_for_one
        with pytest.raises(AssertionError):
            check(damaged, before, pending)


def test_half_of_an_atomic_action_is_noticed() -> None:
    """A rename that left both names."""
    half = two_files()
    half.files["c"] = half.files["a"]
    with pytest.raises(AssertionError):
        require_before_or_after(half, two_files(), Action("rename", "a", other="c"))


def test_bytes_that_nobody_wrote_are_noticed() -> None:
    pending = Action("append", "a", size=10, seed=1)
    for data, right in (
        (b"bytes", True),
        (b"bytes" + pending.data, True),
        (b"bytes" + pending.data[:5], True),
        (b"bytes" + bytes(5) + pending.data[5:], True),
        (b"bytes" + b"\xee" * 10, False),
        (b"", False),
        (b"bytes" + pending.data + b"x", False),
    ):
        actual = two_files()
        actual.files["a"].data = data
        if right:
            require_equal_but_for_one(actual, two_files(), pending)
        else:
            with pytest.raises(AssertionError):
                require_equal_but_for_one(actual, two_files(), pending)
