"""The kernel is asked for larger and fewer requests where that is allowed, and else left alone."""

from pathlib import Path

import pytest

from daemon.kernel_requests import BACKGROUND_MAX, CONGESTED, READ_AHEAD_KIB, adjust_requests
from daemon.mount_table import mount_at, read_mount_table


class Kernel:
    """What the kernel has for one device, which is mounted at /proc."""

    def __init__(self, folder: Path) -> None:
        mount = mount_at(read_mount_table(), "/proc")
        assert mount is not None
        self.devices = folder / "devices"
        self.connections = folder / "connections"
        device = self.devices / mount.device
        connection = self.connections / mount.device.partition(":")[2]
        device.mkdir(parents=True)
        connection.mkdir(parents=True)
        self.read_ahead = device / "read_ahead_kb"
        self.background = connection / "max_background"
        self.congested = connection / "congestion_threshold"
        self.begin_with("128\n", "12\n", "9\n")

    def begin_with(self, *texts: str) -> None:
        """These settings, in the order of `found`."""
        for setting, text in zip(self._settings, texts, strict=True):
            setting.write_text(text)

    def adjust(self, mountpoint: str = "/proc") -> None:
        """As the daemon does once its mount answers."""
        adjust_requests(mountpoint, self.devices, self.connections)

    @property
    def found(self) -> list[str]:
        """How far it reads ahead, how many requests wait, and how many are many."""
        return [setting.read_text() for setting in self._settings]

    @property
    def _settings(self) -> tuple[Path, Path, Path]:
        return self.read_ahead, self.background, self.congested


ADJUSTED = [str(READ_AHEAD_KIB), str(BACKGROUND_MAX), str(CONGESTED)]


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


@pytest.mark.parametrize("read_ahead", ["128\n", "0\n"])
def test_requests_become_larger_and_fewer(kernel: Kernel, read_ahead: str) -> None:
    kernel.begin_with(read_ahead, "12\n", "9\n")
    kernel.adjust()
    assert kernel.found == ADJUSTED


def test_what_goes_further_already_is_left_as_it_is(kernel: Kernel) -> None:
    texts = ["4096\n", "2\n", "1\n"]
    kernel.begin_with(*texts)
    kernel.adjust()
    assert kernel.found == texts


@pytest.mark.parametrize("text", ["", "no number\n"])
def test_a_setting_that_is_none_is_left(kernel: Kernel, text: str) -> None:
    kernel.begin_with(text, text, text)
    kernel.adjust()
    assert kernel.found == [text, text, text]


def test_a_host_that_offers_no_such_setting_is_none_to_stop_for(kernel: Kernel) -> None:
    kernel.background.unlink()
    kernel.adjust()
    assert not kernel.background.exists()
    assert kernel.read_ahead.read_text() == str(READ_AHEAD_KIB)


def test_settings_that_may_not_be_written_are_left(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, text: str) -> int:
        raise PermissionError(path, text)

    before = kernel.found
    monkeypatch.setattr(Path, "write_text", refused)
    kernel.adjust()
    assert kernel.found == before


def test_where_nothing_is_mounted_nothing_is_set(kernel: Kernel, tmp_path: Path) -> None:
    before = kernel.found
    kernel.adjust(str(tmp_path))
    assert kernel.found == before
