"""The kernel is asked to read further ahead where that is allowed, and else left alone."""

from pathlib import Path

import pytest

from daemon.mount_table import mount_at, read_mount_table
from daemon.read_ahead import READ_AHEAD_KIB, widen_read_ahead


@pytest.fixture
def setting(tmp_path: Path) -> Path:
    """What the kernel has for one device, which is mounted."""
    mount = mount_at(read_mount_table(), "/proc")
    assert mount is not None
    (tmp_path / mount.device).mkdir()
    return tmp_path / mount.device / "read_ahead_kb"


@pytest.mark.parametrize(
    ("before", "after"), [("128\n", str(READ_AHEAD_KIB)), ("0\n", str(READ_AHEAD_KIB))]
)
def test_it_is_widened(setting: Path, before: str, after: str) -> None:
    setting.write_text(before)
    widen_read_ahead("/proc", setting.parent.parent)
    assert setting.read_text() == after


def test_more_than_that_is_left_as_it_is(setting: Path) -> None:
    setting.write_text("4096\n")
    widen_read_ahead("/proc", setting.parent.parent)
    assert setting.read_text() == "4096\n"


@pytest.mark.parametrize("text", [None, "", "no number\n"])
def test_a_host_that_offers_no_such_setting_is_none_to_stop_for(
    setting: Path, text: str | None
) -> None:
    if text is not None:
        setting.write_text(text)
    widen_read_ahead("/proc", setting.parent.parent)
    assert not setting.exists() if text is None else setting.read_text() == text


def test_a_setting_that_may_not_be_written_is_left(
    setting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, text: str) -> int:
        raise PermissionError(path, text)

    setting.write_text("128\n")
    monkeypatch.setattr(Path, "write_text", refused)
    widen_read_ahead("/proc", setting.parent.parent)
    assert setting.read_text() == "128\n"


def test_where_nothing_is_mounted_nothing_is_set(setting: Path, tmp_path: Path) -> None:
    setting.write_text("128\n")
    widen_read_ahead(str(tmp_path), setting.parent.parent)
    assert setting.read_text() == "128\n"
