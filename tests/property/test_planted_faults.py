"""What must hold for any bytes, cuts and values does not hold when a fault is planted."""

import pytest
from hypothesis import strategies as st

from fsmodel.content import chunking
from tests.property import test_canonical_contents as canonical
from tests.property import test_chunking_twins as twins
from tests.property import test_value_keys as keys
from tests.support.planted_faults import planted
from tests.support.searching import search
from tests.support.volumes import small_limits
from tests.unit.fsmodel.content import test_logging_amid_settling as logging


def test_a_file_whose_chunks_depend_on_how_it_was_written_is_noticed() -> None:
    actions = st.lists(st.one_of(canonical.CHANGES, canonical.CHANGES, canonical.UPKEEP))
    check = canonical.test_a_file_is_its_bytes_however_they_came_about
    with small_limits(), planted("appends_leave_the_last_chunk"), pytest.raises(AssertionError):
        search(check, actions)


def test_edits_that_cut_otherwise_than_a_first_write_are_noticed() -> None:
    check = canonical.test_edits_far_apart_are_settled_as_one_would_be
    drawn = canonical.SECTIONS, canonical.EDITS, st.booleans()
    with small_limits(), planted("appends_leave_the_last_chunk"), pytest.raises(AssertionError):
        search(check, *drawn)


def test_reads_that_miss_bytes_on_their_way_are_noticed() -> None:
    check = canonical.test_requests_between_the_steps_of_settling_see_and_change_the_bytes
    sections = st.lists(canonical.PAYLOADS, max_size=1)
    requests = st.lists(canonical.REQUESTS, min_size=10, max_size=20)
    with small_limits(), planted("reads_miss_what_is_being_settled"), pytest.raises(AssertionError):
        search(check, sections, st.integers(0, 5_000), requests)


def test_a_stream_below_older_bytes_is_noticed() -> None:
    check = canonical.test_a_stream_is_settled_as_it_comes_whatever_it_is_written_over
    drawn = st.lists(canonical.PAYLOADS, max_size=4), canonical.STREAM_STARTS, canonical.STREAMS
    fault = planted("old_bytes_count_more_than_a_stream")
    with small_limits(), fault, pytest.raises(AssertionError):
        search(check, *drawn)


def test_synced_bytes_behind_a_cut_are_noticed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    orders = st.lists(logging.ACTION, min_size=20, max_size=25)

    def check(actions: list[tuple[str, ...]]) -> None:
        logging.check_order(logging.Edited(tmp_path_factory.mktemp("edited")), actions)

    fault = planted("rows_outlive_a_cut")
    with small_limits(), fault, pytest.raises(AssertionError):
        search(check, orders)


def test_a_clone_that_counts_as_settled_is_noticed() -> None:
    check = canonical.test_a_clone_is_what_the_rows_say_and_any_other_file_from_then_on
    steps = st.lists(st.tuples(canonical.STATES, st.integers(0, 3_000)), min_size=1, max_size=4)
    fault = planted("clones_of_cut_files_count_as_settled")
    with small_limits(), fault, pytest.raises(AssertionError):
        search(check, canonical.FEW_BYTES, steps)


def test_a_kernel_that_cuts_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    check = twins.test_the_kernel_cuts_like_the_reference
    with planted("the_longest_chunk_is_a_byte_short"):
        monkeypatch.setattr(twins, "NATIVE", chunking.KERNELS["native"])
        with pytest.raises(AssertionError):
            search(check, twins.inputs, twins.limits(), st.booleans())


def test_pieces_that_are_cut_otherwise_than_the_whole_are_noticed() -> None:
    check = twins.test_cutting_piece_by_piece_is_cutting_at_once
    pieces = st.lists(st.integers(1, 9000), max_size=20)
    with planted("every_piece_is_the_last"), pytest.raises(AssertionError):
        search(check, st.binary(max_size=300), twins.limits(), pieces)


def test_keys_in_another_order_than_their_values_are_noticed() -> None:
    check = keys.test_neighbours_are_told_apart
    with planted("negative_numbers_by_size"), pytest.raises(AssertionError):
        search(check, keys.numbers)
