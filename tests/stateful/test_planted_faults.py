"""Each machine notices faults planted in what it drives."""

from typing import Final

import pytest
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from fsmodel.errors import CairnError
from lmdb_index.errors import IndexProblem
from tests.property.test_index_recovery import IndexAgainstStates
from tests.stateful.test_collection_machine import CollectionBesideWrites
from tests.stateful.test_delta_machine import Versions
from tests.stateful.test_documents_machine import DocumentsMachine
from tests.stateful.test_namespace_machine import NamespaceAgainstReference
from tests.stateful.test_packing_machine import PackingAgainstRows
from tests.stateful.test_series_machine import SeriesMachine
from tests.stateful.test_snapshot_machine import SnapshotMachine
from tests.stateful.test_versions_machine import POLICY, VersionsAgainstOracle
from tests.stateful.test_volume_machine import VolumeAgainstModel
from tests.support.planted_faults import planted
from tests.support.searching import BOUNDED

NOTICED: Final = (AssertionError, CairnError, IndexProblem)  # a fault that just breaks is none


class VersionsOfATree(VersionsAgainstOracle):
    """Begins with a file in a folder, and as many versions of it as are kept.

    From nothing, it takes hundreds of runs until a folder is renamed that has any.
    """

    def __init__(self) -> None:
        super().__init__()
        self.make_folder(0, "a")
        for number in range(POLICY.count + 1):
            self.write(1, "b", b"%d" % number)
            self.let_time_pass(3600)
        assert len(self.oracle.versions["/a/b"]) == POLICY.count


class VersionsOfAFormerFolder(VersionsAgainstOracle):
    """Begins with versions of a folder that is gone, and a folder that has none."""

    def __init__(self) -> None:
        super().__init__()
        self.make_folder(0, "a")
        self.write(1, "a", b"1")
        self.remove_tree(1)
        self.make_folder(0, "b")
        self.compare()
        assert self.oracle.versions["/a/a"]


PLANTED: Final = [
    pytest.param(VolumeAgainstModel, "bytes_beside_their_place", marks=pytest.mark.crash),
    (VolumeAgainstModel, "answers_before_the_journal"),
    (NamespaceAgainstReference, "exchange_replaces"),
    (IndexAgainstStates, "replayed_backwards"),
    (IndexAgainstStates, "no_journal_checksum"),
    (PackingAgainstRows, "deleted_rows_are_packed_still"),
    (PackingAgainstRows, "a_failed_step_forgets_counts"),
    (PackingAgainstRows, "absent_keys_stay_absent"),
    (DocumentsMachine, "files_that_come_are_not_noted"),
    (SeriesMachine, "deleted_series_are_shown"),
    (SnapshotMachine, "changes_stay_in_their_folder"),
    (VersionsOfATree, "versions_stay_behind"),
    (VersionsOfATree, "a_version_too_many"),
    (VersionsOfAFormerFolder, "moved_folders_are_known_still"),
    (Versions, "chains_without_end"),
    (CollectionBesideWrites, "pages_go_alone"),
    (CollectionBesideWrites, "outlines_outlive_failed_commits"),
]


@pytest.mark.parametrize(("machine", "fault"), PLANTED)
def test_a_machine_notices_a_fault(machine: type[RuleBasedStateMachine], fault: str) -> None:
    with planted(fault), pytest.raises(NOTICED):
        run_state_machine_as_test(machine, settings=BOUNDED)


def test_a_tree_to_begin_with_is_no_fault() -> None:
    VersionsOfATree().teardown()
    VersionsOfAFormerFolder().teardown()
