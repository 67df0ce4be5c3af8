"""Reading the configuration again: what holds at once, what waits, and what changes nothing."""

import logging
from pathlib import Path

import msgspec
import pytest

from daemon.cli.starting import MountRequest, plan_of
from daemon.instance import Instance
from daemon.mount_plan import Reread
from daemon.problems import ConfigInvalid
from daemon.reloading import Change, Reloader, changes_between
from daemon.settings_schema import LIVE, MIB, Settings
from daemon.volume_settings import volume_settings
from fsmodel.ids import ROOT_INODE
from fsmodel.volume import Volume
from tests.support.structured import USER


def changed(settings: Settings, name: str) -> Settings:
    """The settings with another value of one of them."""
    value = getattr(settings, name)
    if isinstance(value, tuple):
        other: object = (*value, "more")
    else:
        other = f"{value}!" if isinstance(value, str) else value + 1
    return msgspec.structs.replace(settings, **{name: other})


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_each_setting_either_holds_at_once_or_waits_for_the_next_mount(name: str) -> None:
    new = changed(Settings(), name)
    found = changes_between(Settings(), Reread(new))
    change = Change(getattr(Settings(), name), getattr(new, name))
    assert found.changed == ({name: change} if name in LIVE else {})
    assert found.next_mount == (() if name in LIVE else (name,))


def test_only_settings_are_live() -> None:
    assert set(Settings.__struct_fields__) > LIVE


async def test_a_reload_adjusts_what_is_live_and_leaves_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    adjusted: list[Settings] = []
    new = Settings(cache_bytes=8 * MIB, compression_level=9, log_level="debug")
    reloader = Reloader(Settings(), lambda: Reread(new, ("options",)), adjusted.append)
    with caplog.at_level(logging.INFO):
        reloaded = await reloader.reload()
    assert reloaded.changed["cache_bytes"] == Change(64 * MIB, 8 * MIB)
    assert reloaded.next_mount == ("compression_level", "options")
    assert adjusted == [reloader.running] == [Settings(cache_bytes=8 * MIB, log_level="debug")]
    assert "cache_bytes = 8388608" in caplog.text
    assert "options waits for the next mount" in caplog.text


async def test_nothing_changes_when_anything_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> Reread:
        raise ConfigInvalid("/etc/cairnfs/a.toml: unknown setting 'detla'")

    adjusted: list[Settings] = []
    reloader = Reloader(Settings(), refuse, adjusted.append)
    with pytest.raises(ConfigInvalid, match="detla"):
        await reloader.reload()
    assert not adjusted
    assert reloader.running == Settings()
    assert "configuration not reloaded: /etc/cairnfs/a.toml" in caplog.text


def test_what_is_read_again_is_the_store_s_file_with_the_command_line_above(tmp_path: Path) -> None:
    overrides = {"log_level": "error"}
    plan = plan_of(MountRequest(store=str(tmp_path), mountpoint="/m", overrides=overrides))
    (tmp_path / "cairnfs.toml").write_text('log_level = "debug"\ncache_bytes = "8MiB"\n')
    found = plan.reread().settings
    assert (found.cache_bytes, found.log_level) == (8 * MIB, "error")
    (tmp_path / "cairnfs.toml").write_text("cache_bytes = \n")
    with pytest.raises(ConfigInvalid, match="no valid TOML"):
        plan.reread()


def test_a_named_mount_reads_its_file_again_and_tells_what_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = Instance("a", str(tmp_path), "/m", "", {}, "a.toml", has_file=True)
    now = Instance("a", str(tmp_path), "/n", "ro", {"delta": False}, "a.toml", has_file=True)
    monkeypatch.setattr("daemon.cli.starting.load_instance", lambda name: now)
    plan = plan_of(MountRequest(store=str(tmp_path), mountpoint="/m", instance=was))
    assert plan.settings.delta
    found = plan.reread()
    assert not found.settings.delta
    assert found.moved == ("mountpoint", "options")


def test_an_open_volume_takes_over_its_limits(tmp_path: Path) -> None:
    Volume.create(tmp_path / "store")
    volume = Volume.open(tmp_path / "store")
    try:
        new = Settings(versions_count=3, versions_days=4)
        volume.adjust(volume_settings(new))
        assert volume.versions.policies.of(ROOT_INODE).count == 3
        inode = volume.make_directory(ROOT_INODE, b"d", 0o755, USER)
        assert volume.versions.policies.of(inode).days == 4
    finally:
        volume.close()
