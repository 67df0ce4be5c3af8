"""What docs/operations.md says may keep a mount from starting has a test, each of it."""

from typing import Final

from tests.support.processes import PROJECT

PAGE: Final = (PROJECT / "docs" / "operations.md").read_text()
SECTION: Final = "What may keep it from starting"
STARTS: Final = "tests/mount/test_bad_starts.py"
TESTS: Final = {
    "bad TOML, an unknown key, a value out of range": f"{STARTS}::test_a_bad_configuration",
    "a store that is already mounted, by another unit or person": (
        f"{STARTS}::test_a_mount_that_is_in_use_or_was_killed"
    ),
    "a mount point that is missing, occupied, or in the store": (
        "tests/mount/test_bad_input.py::test_a_mount_point_that_cannot_be_used"
    ),
    "a dead mount there": f"{STARTS}::test_a_mount_that_is_in_use_or_was_killed",
    "a full disk": (
        "tests/mount/test_full_host.py"
        "::test_a_store_that_is_full_from_the_start_can_be_read_and_emptied"
    ),
    "a library that is missing or broken": f"{STARTS}::test_a_library_that_is_missing",
    "another user than the store's, or root": (
        "tests/mount/test_attacks.py::test_another_user_is_told_who_may"
    ),
    "a command of another version than the daemon": (
        "tests/unit/daemon/test_control_server.py"
        "::test_a_client_of_another_version_is_told_whatever_else_it_says"
    ),
}


def test_everything_in_the_list_has_a_test() -> None:
    lines = PAGE.split(f"## {SECTION}\n")[1].split("\n## ")[0].splitlines()
    rows = [line.split(" | ")[0].strip("| ") for line in lines if line.startswith("| ")]
    assert rows[1:] == list(TESTS)


def test_every_test_exists() -> None:
    for test in TESTS.values():
        path, _, name = test.partition("::")
        assert f"def {name}(" in (PROJECT / path).read_text(), test
