"""Settings: defaults, where values come from, and what is refused."""

import logging
from pathlib import Path

import pytest

from daemon.config import COMMAND_LINE, CONFIG_FILE, load_settings, parse_size
from daemon.problems import ConfigInvalid
from daemon.settings_schema import MIB, Settings, settings_reference


def store_with(folder: Path, text: str) -> Path:
    (folder / CONFIG_FILE).write_text(text)
    return folder


def test_a_store_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    resolved = load_settings(tmp_path, {})
    assert resolved.values == Settings()
    assert set(resolved.origins.values()) == {"default"}


def test_the_environment_beats_the_file_and_the_command_line_beats_both(tmp_path: Path) -> None:
    store = store_with(
        tmp_path, 'log_level = "debug"\nlog_format = "json"\ncompression_level = 9\n'
    )
    environment = {"CAIRNFS_LOG_LEVEL": "error", "CAIRNFS_LOG_FORMAT": "json"}
    resolved = load_settings(store, environment, {"log_level": "warning", "log_format": None})
    assert resolved.values.log_level == "warning"
    assert resolved.origins["log_level"] == COMMAND_LINE
    assert resolved.origins["log_format"] == "environment"
    assert resolved.values.compression_level == 9
    assert resolved.origins["compression_level"] == str(store / CONFIG_FILE)


def test_text_from_the_environment_becomes_numbers(tmp_path: Path) -> None:
    environment = {
        "CAIRNFS_CACHE_BYTES": "2 MiB",
        "CAIRNFS_DIRTY_BYTES_MAX": "8388608",
        "CAIRNFS_CHECKPOINT_INTERVAL_SECONDS": "0.5",
        "CAIRNFS_COMPRESSION_LEVEL": "7",
    }
    values = load_settings(tmp_path, environment).values
    assert values.cache_bytes == 2 * MIB
    assert values.dirty_bytes_max == 8 * MIB
    assert values.checkpoint_interval_seconds == 0.5
    assert values.compression_level == 7


def test_sizes_in_the_file_may_be_text(tmp_path: Path) -> None:
    assert load_settings(store_with(tmp_path, 'cache_bytes = "1GiB"'), {}).values.cache_bytes == (
        1 << 30
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("cach_bytes = 1048576", "did you mean cache_bytes?"), ("zzz = 1", "unknown setting 'zzz'")],
)
def test_an_unknown_key_is_refused_with_the_nearest(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(ConfigInvalid, match=CONFIG_FILE) as refused:
        load_settings(store_with(tmp_path, text), {})
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("cache_bytes = 1", "cache_bytes"),
        ("cache_bytes = 1.5", "cache_bytes"),
        ("cache_bytes = true", "cache_bytes"),
        ('cache_bytes = "many"', "cache_bytes"),
        ("compression_level = 20", "compression_level"),
        ('atime = "sometimes"', "atime"),
        ("grace_period_seconds = -1", "grace_period_seconds"),
        ("grace_period_seconds = nan", "grace_period_seconds"),
        ("[log_level]\nname = 1", "log_level"),
    ],
)
def test_a_value_without_meaning_is_refused_with_its_key(
    tmp_path: Path, text: str, key: str
) -> None:
    with pytest.raises(ConfigInvalid, match=key):
        load_settings(store_with(tmp_path, text), {})


@pytest.mark.parametrize("text", ["cache_bytes =", "a = 1\na = 2", "[" * 5000, "x = 'ä".encode()])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, text: str | bytes) -> None:
    (tmp_path / CONFIG_FILE).write_bytes(text.encode() if isinstance(text, str) else text[:-1])
    with pytest.raises(ConfigInvalid, match=CONFIG_FILE):
        load_settings(tmp_path, {})


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / CONFIG_FILE).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigInvalid, match="shorten it"):
        load_settings(tmp_path, {})


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).mkdir()
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        load_settings(tmp_path, {})


def test_a_mistyped_variable_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        load_settings(tmp_path, {"CAIRNFS_CASHE_BYTES": "1", "CAIRNFS_STORE": "/s"})
    (warning,) = caplog.messages
    assert "CAIRNFS_CASHE_BYTES" in warning
    assert "did you mean CAIRNFS_CACHE_BYTES?" in warning


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("17 B", 17), ("3KiB", 3072), (" 2 GiB ", 2 << 30)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1.5MiB", "1 MB", "1 TiB", "0x10"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        parse_size(text)


def test_every_setting_is_explained() -> None:
    reference = settings_reference()
    assert [entry.name for entry in reference] == list(Settings.__struct_fields__)
    for entry in reference:
        assert entry.meaning.endswith("."), entry.name
        assert entry.default == getattr(Settings(), entry.name)
        assert entry.environment_name == f"CAIRNFS_{entry.name.upper()}"
    units = {entry.name: entry.unit for entry in reference}
    assert units["cache_bytes"] == units["dirty_bytes_max"] == "bytes"
    assert units["grace_period_seconds"] == "seconds"
    assert units["atime"] == ""


def test_a_setting_may_stand_in_a_table(tmp_path: Path) -> None:
    text = '[metadata_view]\nvisible = ["output", "a/b"]\ngrace_seconds = 60\n'
    values = load_settings(store_with(tmp_path, text), {}).values
    assert values.metadata_view_visible == ("output", "a/b")
    assert values.metadata_view_grace_seconds == 60
    dotted = store_with(tmp_path, "metadata_view.visible = []\n")
    assert load_settings(dotted, {}).values.metadata_view_visible == ()
    with pytest.raises(ConfigInvalid, match=r"metadata_view_visibel.*did you mean"):
        load_settings(store_with(tmp_path, "metadata_view.visibel = []\n"), {})


def test_a_list_in_the_environment_has_commas(tmp_path: Path) -> None:
    environment = {"CAIRNFS_METADATA_VIEW_VISIBLE": "output, projects/one"}
    values = load_settings(tmp_path, environment).values
    assert values.metadata_view_visible == ("output", "projects/one")


def test_the_manual_says_what_each_setting_may_be() -> None:
    values = {item.name: item.values for item in settings_reference()}
    assert values["cache_bytes"] == "1MiB to 64GiB"
    assert values["checkpoint_interval_seconds"] == "0.1 to 3,600"
    assert values["gc_idle_seconds"] == "1 to 31,536,000"
    assert values["delta"] == "true or false"
    assert values["log_format"] == "one of text, json"
    assert values["metadata_view_visible"] == "a list of text, at most 100"
    assert values["metrics_listen"] == "text"
