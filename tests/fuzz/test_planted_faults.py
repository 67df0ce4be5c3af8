"""Whoever is given any input is noticed when it fails in a way of its own."""

from pathlib import Path

import pytest
from hypothesis import strategies as st

from daemon.config import CONFIG_FILE, load_settings
from daemon.problems import ConfigInvalid
from fsmodel.errors import CairnError
from tests.fuzz import test_command_line as command_line
from tests.fuzz import test_control_socket as control_socket
from tests.fuzz.test_every_decoder import Decoder, try_any_bytes
from tests.support.planted_faults import planted
from tests.support.requests import arguments_of, line_of, told
from tests.support.searching import search
from tests.support.served_store import served
from tests.support.volumes import make_store


def test_a_decoder_that_fails_in_its_own_way_is_noticed() -> None:
    careless = Decoder("careless", lambda data: data[7], CairnError)
    with pytest.raises(IndexError):
        try_any_bytes(careless, lambda kind, what, number: None)


def test_a_request_that_meets_our_mistake_is_noticed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    store = make_store(tmp_path_factory.mktemp("fault") / "store")  # a socket's path must be short

    def require_sane_answer(arguments: dict[str, object]) -> None:
        replies = told(store, [line_of("jobs-cancel", arguments)])
        control_socket.require_sane(replies, 1)

    drawn = arguments_of(control_socket.COMMANDS["jobs-cancel"])
    noticed = pytest.raises(AssertionError, match="Internal")
    with planted("job_numbers_have_no_limit"), served(store), noticed:
        search(require_sane_answer, drawn)


def test_a_command_line_that_meets_our_mistake_is_noticed(tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    (tmp_path / "work").mkdir()

    def require_sane_outcome(number: int) -> None:
        words = ["jobs", "cancel", str(number)]
        command_line.require_sane(words, command_line.typed(tmp_path, words))

    numbers = st.integers(min_value=0, max_value=1 << 70)
    with planted("job_numbers_have_no_limit"), pytest.raises(AssertionError):
        search(require_sane_outcome, numbers)


def test_a_file_that_is_no_text_and_ends_the_program_is_noticed(tmp_path: Path) -> None:
    def require_settings_or_a_line(data: bytes) -> None:
        (tmp_path / CONFIG_FILE).write_bytes(data)
        try:
            load_settings(tmp_path, {})
        except ConfigInvalid:
            return

    with planted("configuration_is_text"), pytest.raises(UnicodeDecodeError):
        search(require_settings_or_a_line, st.binary(max_size=60))
