"""The machines notice faults planted in what they drive, and the fuzzer one in a decoder."""

from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from fsmodel.errors import CairnError
from tests.fuzz.test_every_decoder import Decoder, try_any_bytes
from tests.property.test_index_recovery import IndexAgainstStates
from tests.stateful.test_namespace_machine import NamespaceAgainstReference
from tests.stateful.test_volume_machine import VolumeAgainstModel
from tests.support.planted_faults import planted

ENOUGH: Final = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
PLANTED: Final = [
    pytest.param(VolumeAgainstModel, "bytes_beside_their_place", marks=pytest.mark.crash),
    (VolumeAgainstModel, "answers_before_the_journal"),
    (NamespaceAgainstReference, "exchange_replaces"),
    (IndexAgainstStates, "replayed_backwards"),
    (IndexAgainstStates, "no_journal_checksum"),
]


@pytest.mark.parametrize(("machine", "fault"), PLANTED)
def test_a_machine_notices_a_fault(machine: type[RuleBasedStateMachine], fault: str) -> None:
    with planted(fault), pytest.raises(Exception):  # noqa: B017, PT011
        run_state_machine_as_test(machine, settings=ENOUGH)


def test_a_decoder_that_fails_in_its_own_way_is_noticed() -> None:
    careless = Decoder("careless", lambda data: data[7], CairnError)
    with pytest.raises(IndexError):
        try_any_bytes(careless, lambda kind, what, number: None)
