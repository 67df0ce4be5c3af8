"""The times that programs were shown are the times of the store."""

from pathlib import Path

import pytest

from tests.support.mounted import mounted


def times(folder: Path) -> dict[str, tuple[int, int]]:
    """When each file was written and changed, as stat(2) says."""
    found = {path.name: path.stat() for path in folder.iterdir()}
    return {name: (status.st_mtime_ns, status.st_ctime_ns) for name, status in found.items()}


@pytest.mark.parametrize("ended", ["unmounted", "killed"])
def test_two_changes_at_one_tick_of_the_clock(ended: str) -> None:
    """The kernel does not tell of the second one: it has not changed a time by it."""
    with mounted() as store:
        for number in range(300):
            with (store.mountpoint / f"{number}").open("wb") as file:
                file.truncate(1 << 20)
                file.write(b"x")
        shown = times(store.mountpoint)
        store.kill() if ended == "killed" else store.umount()
        store.mount()
        assert times(store.mountpoint) == shown
