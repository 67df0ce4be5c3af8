"""Any configuration: settings that are right, or one line with the place, the key, what to do."""

import json
import math
import os
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import instance
from daemon.config import CONFIG_FILE, load_settings
from daemon.human import LINE_CHARACTERS_MAX, one_line
from daemon.instance import load_instance
from daemon.metrics_address import parse_metrics_address
from daemon.problems import ConfigInvalid, UsageProblem
from daemon.settings_schema import Settings, environment_name, settings_reference
from daemon.volume_settings import gc_thresholds, volume_settings

pytestmark = pytest.mark.fuzz

KEYS: Final = tuple(each.name for each in settings_reference())

texts: Final = st.one_of(
    st.sampled_from(
        ["", "1", "-1", "1e400", "nan", "inf", "64MiB", "9" * 5000, "true", "text", "free", "a,b"]
    ),
    st.sampled_from(["127.0.0.1:1", "unix:/a", "unix:a", "[::1]:99999", "0.0.0.0:1", ":", "\0"]),
    st.text(max_size=10),
)
values: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 70), 1 << 70),
    st.integers(-2, 100_000_000),
    st.floats(),
    texts,
    st.lists(texts, max_size=3),
    st.dictionaries(texts, texts, max_size=2),
    st.dates(),
)


@st.composite
def toml_texts(draw: st.DrawFn) -> bytes:
    """Almost settings."""
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        key = draw(st.sampled_from((*KEYS, *instance.PLACES)) | st.text("abc.[]\"' _-", max_size=8))
        value = draw(values)
        written = json.dumps(value, default=str)
        lines.append(f"{draw(st.sampled_from(['', '[table]', '#']))}\n{key} = {written}")
    return "\n".join(lines).encode(errors="surrogatepass")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configured")


def require_usable(settings: Settings) -> None:
    """Whatever was accepted can be worked with, and told as JSON."""
    made = volume_settings(settings)
    assert made.analysis_grace_ns >= 0
    gc_thresholds(settings)
    parse_metrics_address(settings.metrics_listen)
    told = json.loads(msgspec.json.encode(settings))
    assert None not in told.values(), "a number that JSON does not have"
    numbers = (each for each in msgspec.structs.astuple(settings) if isinstance(each, float))
    assert all(map(math.isfinite, numbers))


def require_told(refused: ConfigInvalid, place: str, *about: str) -> None:
    """What is told is a line of bounded length with all that is needed to mend it."""
    line = one_line(str(refused))
    assert len(line) <= LINE_CHARACTERS_MAX + 100
    for each in (place, *about):
        assert each in line, (each, line)


@given(key=st.sampled_from(KEYS), value=values)
def test_any_value_of_a_key_on_the_command_line(store: Path, key: str, value: object) -> None:
    try:
        require_usable(load_settings(store, {}, {key: value}).values)
    except ConfigInvalid as refused:
        require_told(refused, "command line", key)


@given(key=st.sampled_from(KEYS), value=texts)
def test_any_value_in_the_environment(store: Path, key: str, value: str) -> None:
    try:
        require_usable(load_settings(store, {environment_name(key): value}).values)
    except ConfigInvalid as refused:
        require_told(refused, "environment", key)


@given(data=st.data())
def test_any_file(store: Path, data: st.DataObject) -> None:
    (store / CONFIG_FILE).write_bytes(data.draw(st.binary(max_size=60) | toml_texts()))
    try:
        require_usable(load_settings(store, {}).values)
    except ConfigInvalid as refused:
        require_told(refused, CONFIG_FILE)
    finally:
        (store / CONFIG_FILE).unlink()


@given(text=st.binary(max_size=60) | toml_texts(), name=texts)
def test_any_file_of_a_named_mount(store: Path, text: bytes, name: str) -> None:
    (store / "art.toml").write_bytes(text)
    for asked in ("art", name):
        try:
            found = load_instance(asked, store)
        except ConfigInvalid as refused:
            require_told(refused, ".toml")
        except UsageProblem:
            assert asked == name
        else:
            assert found.mountpoint.startswith("/")
            assert "\0" not in found.store + found.mountpoint


@pytest.mark.parametrize(
    ("key", "value", "right"),
    [
        ("cache_bytes", "1", "1MiB to 64GiB"),
        ("cache_bytes", "many", "64MiB"),
        ("metadata_view_grace_seconds", "inf", "0 to"),
        ("gc_idle_seconds", "1e400", "1 to"),
        ("log_level", "loud\n", "debug, info, warning, error"),
        ("delta", "perhaps", "true or false"),
        ("metrics_listen", "0.0.0.0:80", "127.0.0.1"),
        ("versions_days", "9" * 5000, "0 to 36,500"),
    ],
)
def test_what_would_be_right_is_said(store: Path, key: str, value: str, right: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        load_settings(store, {environment_name(key): value})
    require_told(refused.value, "environment", key, right)


def test_a_file_that_never_ends_or_is_none_is_not_waited_for(store: Path) -> None:
    os.mkfifo(store / "fifo.toml")
    with pytest.raises(ConfigInvalid, match="no file"):
        load_instance("fifo", store)
    (store / "zero.toml").symlink_to("/dev/zero")
    with pytest.raises(ConfigInvalid, match="no file"):
        load_instance("zero", store)
